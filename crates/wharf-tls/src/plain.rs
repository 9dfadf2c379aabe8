//! Clients that speak plain HTTP to a port of TLS, which happens to everybody once.

use std::{io, mem, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// As Go answers, so that clients which look for it find it.
const ANSWER: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\r\n\
    Client sent an HTTP request to an HTTPS server.\n";

/// How long, and for how much, a client may go on sending after the answer; without this the reset
/// that the kernel sends could overtake it.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 64 << 10;

/// Whether what the client says first is the name of a method. No record of TLS begins with a letter.
pub(crate) async fn is_http(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    let length = stream.peek(&mut first).await?;
    Ok(length == 1 && first[0].is_ascii_uppercase())
}

/// Tells the client, and ends the connection.
pub(crate) async fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(ANSWER).await?;
    stream.shutdown().await?;
    let mut rest = (&mut stream).take(LINGER_BYTES as u64);
    // Whether it ends, fails or goes on: the connection is over.
    mem::drop(timeout(LINGER, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await);
    Ok(())
}
