//! A judge that overlooks a broken answer is worse than none.

use super::*;

fn parse(text: &str) -> Check<Response> {
    Response::parse(text.as_bytes(), false)
}

#[test]
fn whole_answers_are_read() {
    let response =
        parse("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\nx-a:  2 \r\n\r\n{}").unwrap();
    assert_eq!((response.status, &response.body[..]), (200, &b"{}"[..]));
    assert_eq!(response.all("x-a").collect::<Vec<_>>(), ["1", "2"]);
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nA\r\n0123456789\r\n0\r\n\r\n";
    assert_eq!(parse(chunked).unwrap().body, "ab0123456789");
    let continued = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
    assert_eq!(parse(continued).unwrap().status, 204);
}

#[test]
fn answers_that_disagree_with_themselves_fail() {
    for text in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "HTTP/1.1 204 No Content\r\n\r\nbody",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    ] {
        assert!(parse(text).is_err(), "{text:?}");
    }
    let with_body = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab";
    assert!(Response::parse(with_body, true).is_err());
}

#[test]
fn errors_have_to_have_their_form() {
    let answer = |kind: &str, body: &str| {
        let length = body.len();
        let head = format!("Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n");
        parse(&format!("HTTP/1.1 404 Not Found\r\n{head}{body}")).unwrap()
    };
    let good = r#"{"errors":[{"code":"NAME_UNKNOWN","message":"unknown"}]}"#;
    assert!(answer("application/json", good).error(404, &["NAME_UNKNOWN"]).is_ok());
    assert!(answer("application/json", good).error(404, &["NAME_INVALID"]).is_err());
    assert!(answer("application/json", good).error(400, &["NAME_UNKNOWN"]).is_err());
    assert!(answer("text/plain", good).error(404, &["NAME_UNKNOWN"]).is_err());
    let silent = r#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#;
    assert!(answer("application/json", silent).error(404, &["NAME_UNKNOWN"]).is_err());
    assert!(answer("application/json", "not found").error(404, &["NAME_UNKNOWN"]).is_err());
}
