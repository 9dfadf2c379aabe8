//! A server whose certificate comes later, and proves whose host it is.

mod support;

use std::fs;

use rcgen::{CertificateParams, KeyPair};
use support::{Authority, Client};
use wharf_tls::{Acceptor, Options, Renewal};

#[tokio::test]
async fn nobody_is_served_before_the_certificate_is_there() {
    let authority = Authority::new();
    let options = authority.options();
    let (certificate, key) = (authority.path("later.crt"), authority.path("later.key"));
    let later = Options { awaited: true, ..Options::new(&certificate, &key) };
    let acceptor = Acceptor::new(&later).expect("it may come later");
    assert!(acceptor.has_aged());
    authority.try_with(&acceptor, Client::default()).await.expect_err("not yet");
    fs::copy(&options.certificate, &certificate).expect("copied");
    fs::copy(&options.key, &key).expect("copied");
    assert!(matches!(acceptor.renew(), Renewal::Renewed));
    assert!(!acceptor.has_aged());
    authority.try_with(&acceptor, Client::default()).await.expect("now");
    // What is there at the start has to be right.
    fs::write(&certificate, "nonsense").expect("written");
    Acceptor::new(&later).expect_err("it is there, and nonsense");
}

#[tokio::test]
async fn an_authority_is_shown_what_was_put_up_for_it_and_nothing_else() {
    let authority = Authority::new();
    let acceptor = Acceptor::new(&authority.options()).expect("everything is there");
    let asking = || Client { protocols: vec![b"acme-tls/1".to_vec()], ..Client::default() };
    authority.try_with(&acceptor, asking()).await.expect_err("nothing is put up");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    let own = params.self_signed(&key).expect("signed");
    let put_up = acceptor.answer_challenge("LocalHost", own.der().to_vec(), key.serialize_der());
    put_up.expect("a pair");
    // The client trusts the authority of the server only: this one it has never heard of.
    let error = authority.try_with(&acceptor, asking()).await.expect_err("not an ordinary one");
    let text = error.to_string();
    assert!(text.starts_with("received fatal alert"), "{text}");
    authority.try_with(&acceptor, Client::default()).await.expect("others do not notice");
    let also =
        Client { protocols: vec![b"acme-tls/1".to_vec(), b"h2".to_vec()], ..Client::default() };
    authority.try_with(&acceptor, also).await.expect("who speaks more is no authority");
    acceptor.end_challenge("localhost");
    authority.try_with(&acceptor, asking()).await.expect_err("it was taken away");
    acceptor.answer_challenge("a", vec![0], vec![0]).expect_err("no key");
}
