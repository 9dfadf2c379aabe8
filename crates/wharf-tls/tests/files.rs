//! Files that cannot be used: each is named, with what is wrong in it.

mod support;

use std::path::Path;

use support::{Authority, Client};
use wharf_tls::{Acceptor, Clients, Demand, Options};

/// Fails with this sentence, in which `{}` stands for the folder.
#[track_caller]
fn check(authority: &Authority, certificate: &Path, key: &Path, expected: &str) {
    let error = Acceptor::new(&Options::new(certificate, key)).expect_err(expected).to_string();
    let expected = expected.replace("{}", &authority.folder.path().display().to_string());
    assert!(error.starts_with(&expected), "{error}\n{expected}");
}

#[test]
fn what_is_wrong_is_said_with_its_file() {
    let authority = Authority::new();
    let Options { certificate, key, .. } = authority.options();
    let pem = std::fs::read_to_string(&certificate).expect("there");
    let key_pem = std::fs::read_to_string(&key).expect("there");
    let file = |name: &str, text: &str| authority.write(name, text);

    let missing = authority.path("missing");
    check(&authority, &missing, &key, "cannot read {}/missing: No such file");
    check(&authority, &certificate, &missing, "cannot read {}/missing: No such file");
    check(&authority, authority.folder.path(), &key, "cannot read {}: Is a directory");

    check(&authority, &file("a", ""), &key, "{}/a: there is no certificate in it");
    check(&authority, &key, &key, "{}/s.key: there is no certificate in it");
    check(&authority, &certificate, &file("a", "x"), "{}/a: there is no private key in it");
    check(&authority, &certificate, &certificate, "{}/s.crt: there is no private key in it");

    let cut = format!("{pem}{}", &pem[..pem.len() / 2]);
    let expected = "{}/a: item 2 is no PEM: its END line is missing";
    check(&authority, &file("a", &cut), &key, expected);
    let bad = key_pem.replacen('\n', "\n*", 1);
    let expected = "{}/a: item 1 is no PEM: what it holds is not base64";
    check(&authority, &certificate, &file("a", &bad), expected);
    let expected = "{}/a: item 1 is no PEM: its BEGIN line is malformed";
    check(&authority, &file("a", "-----BEGIN CERTIFICATE\n"), &key, expected);

    let empty = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let expected = "{}/a: certificate 2 cannot be used: invalid peer certificate: BadEncoding";
    check(&authority, &file("a", &format!("{pem}{empty}")), &key, expected);
    let empty = empty.replace("CERTIFICATE", "PRIVATE KEY");
    check(&authority, &certificate, &file("a", &empty), "{}/a: the private key cannot be used: ");

    for encrypted in [
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0\n\nMAA=\n",
    ] {
        let expected = "{}/a: the private key is encrypted, which is not supported";
        check(&authority, &certificate, &file("a", encrypted), expected);
    }
    let other = authority.sign(|_| {}).key.serialize_pem();
    let expected = "the key in {}/a does not belong to the first certificate in {}/s.crt";
    check(&authority, &certificate, &file("a", &other), expected);
}

#[test]
fn authorities_of_clients_are_read_as_well() {
    let authority = Authority::new();
    let mut options = authority.options();
    let mut check = |name: &str, expected: &str| {
        let authorities = vec![authority.path("ca.crt"), authority.path(name)];
        options.clients = Some(Clients { authorities, demand: Demand::Always });
        let error = Acceptor::new(&options).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("missing", "missing: No such file");
    check("s.key", "s.key: there is no certificate in it");
}

#[tokio::test]
async fn one_file_may_hold_everything_and_parameters_are_passed_over() {
    let authority = Authority::new();
    let signed = authority.sign(|_| {});
    let parameters =
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    let text = format!("a bag\r\n{parameters}{}{}", signed.key.serialize_pem(), signed.certificate);
    let file = authority.write("all.pem", &text);
    let acceptor = Acceptor::new(&Options::new(&file, &file)).expect("everything is there");
    authority.try_with(&acceptor, Client::default()).await.expect("ok");
}

#[test]
fn an_expired_certificate_is_served_all_the_same() {
    let authority = Authority::new();
    let old = authority.sign(|params| params.not_after = rcgen::date_time_ymd(2001, 1, 1));
    let certificate = authority.write("old.crt", &old.certificate);
    let key = authority.write("old.key", &old.key.serialize_pem());
    Acceptor::new(&Options::new(certificate, key)).expect("it is for the clients to judge");
}

#[test]
fn what_is_printed_holds_no_key() {
    let authority = Authority::new();
    let acceptor = Acceptor::new(&authority.options()).expect("everything is there");
    let printed = format!("{acceptor:?}");
    assert!(printed.contains("s.key") && printed.len() < 300, "{printed}");
}
