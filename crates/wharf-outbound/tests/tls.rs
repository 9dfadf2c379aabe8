//! The client against servers with certificates.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Request;
use rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_rustls::TlsAcceptor;
use wharf_outbound::{Client, Error, Options, Reach};

/// A server with a certificate for `localhost`.
struct Secure {
    url: String,
    certificate: String,
    /// The protocol that was agreed on with each connection.
    agreed: mpsc::UnboundedReceiver<Option<Vec<u8>>>,
}

async fn secure_server() -> Secure {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let (agree, agreed) = mpsc::unbounded_channel();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(tcp).await else { continue };
            agree.send(stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec)).ok();
            let answer = |_: &str| support::answer("200 OK", "", "secure");
            support::serve(stream, answer, &Mutex::new(Vec::new())).await;
        }
    });
    Secure { url, certificate: made.cert.pem(), agreed }
}

#[tokio::test]
async fn only_certificates_of_known_authorities_are_taken() {
    let Secure { url, certificate, mut agreed } = secure_server().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, certificate).unwrap();
    let get = async |options: Options, url: &str| {
        let request = Request::get(url).body(Bytes::new()).unwrap();
        Client::new(options).unwrap().send(request).await
    };
    let strange = Options { reach: Reach::everything(), ..Options::default() };
    let error = get(strange.clone(), &url).await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    let known = Options { authorities: vec![file], ..strange };
    assert_eq!(&get(known.clone(), &url).await.unwrap().body()[..], b"secure");
    assert_eq!(agreed.recv().await, Some(None));
    // The name counts, not only the authority.
    let other = url.replace("localhost", "127.0.0.1");
    assert!(matches!(get(known.clone(), &other).await, Err(Error::Connect { .. })));
    // This server only says that it speaks HTTP/2.
    let http2 = Options { http2_only: true, ..known };
    assert!(matches!(get(http2, &url).await, Err(Error::Exchange { .. })));
    assert_eq!(agreed.recv().await, Some(Some(b"h2".to_vec())));
}

#[test]
fn a_file_without_certificates_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("empty.pem");
    for content in [None, Some("nothing")] {
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        let options = Options { authorities: vec![file.clone()], ..Options::default() };
        let error = Client::new(options).unwrap_err();
        assert!(error.to_string().contains("empty.pem"), "{error}");
    }
}
