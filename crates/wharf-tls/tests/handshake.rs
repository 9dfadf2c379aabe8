//! Handshakes with clients of every kind.

mod support;

use std::{mem, sync::Arc, time::Duration};

use rustls::{CipherSuite, HandshakeKind, ProtocolVersion, crypto::aws_lc_rs::cipher_suite};
use support::{Authority, Client, PATIENCE, shake, tcp, version};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};
use wharf_tls::{Acceptor, Clients, Demand, Options, Renewal, Version};

fn acceptor(options: &Options) -> Acceptor {
    Acceptor::new(options).expect("everything is there")
}

#[tokio::test]
async fn versions_and_protocols_are_agreed_on() {
    let authority = Authority::new();
    let mut options = authority.options();
    let both = || vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    for (http2, expected) in [(true, &b"h2"[..]), (false, b"http/1.1")] {
        options.http2 = http2;
        let client = Client { protocols: both(), ..Client::default() };
        let (client, server) = authority.try_with(&acceptor(&options), client).await.expect("ok");
        assert_eq!(server.protocol(), Some(expected));
        assert_eq!(version(&client), ProtocolVersion::TLSv1_3);
        assert_eq!(server.client_certificate(), None);
    }
    let old = Client { only12: true, ..Client::default() };
    let (client, server) = authority.try_with(&acceptor(&options), old).await.expect("ok");
    assert_eq!((version(&client), server.protocol()), (ProtocolVersion::TLSv1_2, None));

    options.minimum = Version::Tls13;
    let old = Client { only12: true, ..Client::default() };
    let error = authority.try_with(&acceptor(&options), old).await.expect_err("too old");
    assert!(error.to_string().contains("Tls12NotOffered"), "{error}");
}

#[tokio::test]
async fn the_fast_suite_is_chosen_unless_the_client_has_no_aes() {
    let authority = Authority::new();
    let mut options = authority.options();
    let aes256 = cipher_suite::TLS13_AES_256_GCM_SHA384;
    let aes128 = cipher_suite::TLS13_AES_128_GCM_SHA256;
    let chacha = cipher_suite::TLS13_CHACHA20_POLY1305_SHA256;
    for (named, suites, expected) in [
        (vec![], vec![aes256, aes128, chacha], CipherSuite::TLS13_AES_128_GCM_SHA256),
        (vec![], vec![chacha, aes128, aes256], CipherSuite::TLS13_CHACHA20_POLY1305_SHA256),
        (vec![], vec![aes256, chacha], CipherSuite::TLS13_AES_256_GCM_SHA384),
        (
            vec!["TLS_CHACHA20_POLY1305_SHA256".to_owned()],
            vec![aes256, aes128, chacha],
            CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
        ),
    ] {
        options.suites = named;
        let client = Client { suites: Some(suites), ..Client::default() };
        let (client, _) = authority.try_with(&acceptor(&options), client).await.expect("ok");
        let suite = client.get_ref().1.negotiated_cipher_suite().expect("agreed");
        assert_eq!(suite.suite(), expected);
    }
}

#[tokio::test]
async fn client_certificates_are_asked_for_and_checked() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let mut options = authority.options();
    for (demand, without) in [(Demand::IfGiven, true), (Demand::Always, false)] {
        options.clients = Some(Clients { authorities: vec![authority.path("ca.crt")], demand });
        let acceptor = acceptor(&options);
        let client = authority.try_with(&acceptor, Client::default()).await;
        assert_eq!(client.is_ok(), without, "{:?}", client.err());

        let identity = authority.sign(|_| {});
        let shown = identity.der.clone();
        let client = Client { identity: Some(identity), ..Client::default() };
        let (_, server) = authority.try_with(&acceptor, client).await.expect("known");
        assert_eq!(server.client_certificate(), Some(shown.as_ref()));

        let client = Client { identity: Some(stranger.sign(|_| {})), ..Client::default() };
        authority.try_with(&acceptor, client).await.expect_err("unknown");
    }
}

#[tokio::test]
async fn sessions_are_resumed_without_being_remembered() {
    let authority = Authority::new();
    let acceptor = acceptor(&authority.options());
    for only12 in [false, true] {
        let config = Arc::new(authority.config(Client { only12, ..Client::default() }));
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let (client, _server) = shake(&acceptor, Arc::clone(&config)).await.expect("ok");
            assert_eq!(client.get_ref().1.handshake_kind(), Some(expected));
        }
    }
}

#[tokio::test]
async fn plain_http_is_told_so() {
    let authority = Authority::new();
    let acceptor = acceptor(&authority.options());
    let (mut client, served) = tcp().await;
    let request = b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n";
    client.write_all(request).await.expect("sent");
    let mut answer = String::new();
    let ask = async {
        client.read_to_string(&mut answer).await.expect("an answer");
        mem::drop(client);
    };
    let both = async { tokio::join!(ask, acceptor.accept(served)) };
    let ((), accepted) = timeout(PATIENCE, both).await.expect("in time");
    assert!(accepted.expect_err("no TLS").to_string().starts_with("plain HTTP"));
    assert!(answer.starts_with("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP"), "{answer}");
}

#[tokio::test]
async fn what_is_no_tls_fails() {
    let authority = Authority::new();
    let acceptor = acceptor(&authority.options());
    for rubbish in [&b""[..], b"\x16", b"\x16\x03\x01\x00\x05hello", b"\x80hello", &[0; 100]] {
        let (mut client, served) = tcp().await;
        client.write_all(rubbish).await.expect("sent");
        client.shutdown().await.expect("ended");
        let accepted = timeout(PATIENCE, acceptor.accept(served)).await.expect("in time");
        accepted.expect_err("no TLS");
    }
}

#[tokio::test]
async fn a_pair_that_is_replaced_is_served_and_a_broken_one_is_not() {
    let authority = Authority::new();
    let acceptor = acceptor(&authority.options());
    let shown = async || {
        let (client, _) = authority.try_with(&acceptor, Client::default()).await.expect("ok");
        client.get_ref().1.peer_certificates().expect("shown")[0].clone()
    };
    assert!(matches!(acceptor.renew(), Renewal::Unchanged));

    let second = authority.renew();
    assert!(matches!(acceptor.renew(), Renewal::Renewed));
    assert_eq!(shown().await, second.der);

    // A certificate whose key is yet to come.
    let third = authority.sign(|_| {});
    authority.write("s.crt", &third.certificate);
    let Renewal::Kept(error) = acceptor.renew() else { panic!("it does not fit") };
    assert!(error.to_string().contains("does not belong to"), "{error}");
    assert!(matches!(acceptor.renew(), Renewal::Unchanged), "it is said once");
    assert_eq!(shown().await, second.der);
    authority.write("s.key", &third.key.serialize_pem());
    assert!(matches!(acceptor.renew(), Renewal::Renewed));
    assert_eq!(shown().await, third.der);

    std::fs::remove_file(authority.path("s.key")).expect("there");
    assert!(matches!(acceptor.renew(), Renewal::Kept(_)));
    assert_eq!(shown().await, third.der);
}

#[tokio::test]
async fn a_new_pair_is_found_without_being_asked_for() {
    let authority = Authority::new();
    let acceptor = acceptor(&authority.options());
    let keeper = acceptor.clone();
    let keeper = tokio::spawn(async move { keeper.keep_renewed(Duration::from_millis(1)).await });
    let fresh = authority.renew();
    let found = async {
        loop {
            let (client, _) = authority.try_with(&acceptor, Client::default()).await.expect("ok");
            if client.get_ref().1.peer_certificates().expect("shown")[0] == fresh.der {
                break;
            }
        }
    };
    timeout(PATIENCE, found).await.expect("in time");
    keeper.abort();
}
