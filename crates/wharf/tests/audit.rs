//! The audit log: who did what, and by which rule.

use std::fs;

use serde_json::Value;
use wharf_testkit::{process::Server, raw::Client};

#[test]
fn every_decision_is_a_line_of_json_without_a_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (config, users, rules, audit) =
        (path("config.yml"), path("users"), path("rules"), path("audit.json"));
    // alice's password is "secret".
    let hash = "$2y$04$0123456789abcdefghijkug0jfygDNbCc4YKM81lye0HjT.L3552O";
    fs::write(&users, format!("alice:{hash}\n")).expect("written");
    fs::write(&rules, "allow alice to pull, push in team/**\n").expect("written");
    let text = format!(
        "version: 0.1\nstorage: inmemory\nhttp: {{addr: '127.0.0.1:0'}}\n\
         auth: {{htpasswd: {{path: '{users}'}}, rules: '{rules}', audit: '{audit}'}}\n"
    );
    fs::write(&config, text).expect("written");
    let program = env!("CARGO_BIN_EXE_wharf").as_ref();
    let server = Server::start(program, config.as_ref()).expect("started");
    let mut client = Client::new(server.address());
    let mut ask = |method: &str, path: &str, authorization: &str| {
        let headers = [("Authorization", authorization)];
        client.request(method, path, &headers, b"").expect("an answer").status
    };
    let alice = "Basic YWxpY2U6c2VjcmV0";
    assert_eq!(ask("POST", "/v2/team/a/blobs/uploads/", alice), 202);
    assert_eq!(ask("GET", "/v2/other/tags/list?n=5&last=s3cret", alice), 403);
    // alice:s3cret
    assert_eq!(ask("GET", "/v2/", "Basic YWxpY2U6czNjcmV0"), 401);
    let mut lines = Vec::new();
    for _ in 0..500 {
        let text = fs::read_to_string(&audit).expect("the log is there");
        assert!(!text.contains("s3cret") && !text.contains("YWxpY2U6"), "{text}");
        lines = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        if lines.len() == 3 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let request_ids = lines.iter().map(|line: &Value| line["request_id"].as_str().unwrap_or(""));
    assert!(request_ids.clone().all(|id| id.len() == 32), "{lines:?}");
    let told = |line: &Value| {
        let field = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
        ["subject", "operation", "path", "outcome", "rule"].map(field).join(" ")
    };
    let lines: Vec<String> = lines.iter().map(told).collect();
    assert_eq!(
        lines,
        [
            format!("alice UploadStart /v2/team/a/blobs/uploads/ allowed {rules}:1"),
            format!("alice TagsList /v2/other/tags/list denied no line of {rules} allows it"),
            "- Base /v2/ unauthorized the credentials, which prove nothing".to_owned(),
        ]
    );
    server.kill().expect("killed");
}
