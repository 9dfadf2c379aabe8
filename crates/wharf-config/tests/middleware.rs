//! `middleware.storage`.

use std::time::Duration;

use wharf_config::{CloudFront, Configuration, StorageMiddleware};

fn load(items: &str) -> Result<Vec<StorageMiddleware>, String> {
    let text = format!("version: 0.1\nstorage: inmemory\nmiddleware:\n  storage:\n{items}\n");
    let loaded = Configuration::load(&text, "c.yml", []).map_err(|error| error.to_string())?;
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    Ok(loaded.configuration.storage_middleware)
}

#[test]
fn clients_are_sent_where_the_file_says() {
    let redirect = |base: &str| StorageMiddleware::Redirect { base: base.into() };
    let part = |text: &str| Some(text.to_owned());
    for (items, expected) in [
        ("  - {name: redirect, options: {baseurl: 'https://cdn/x/'}}", redirect("https://cdn/x")),
        (
            "  - {name: redirect, options: {baseurl: 'https://cdn', basepath: /y/}}",
            redirect("https://cdn/y"),
        ),
        (
            "  - {name: rewrite, options: {scheme: https, host: 'cdn:1', trimpathprefix: /b}}",
            StorageMiddleware::Rewrite {
                scheme: part("https"),
                host: part("cdn:1"),
                trim_path_prefix: part("/b"),
            },
        ),
        (
            "  - {name: cloudfront, options: {baseurl: d1.cloudfront.net/, privatekey: /k.pem, \
             keypairid: K1, duration: 3000s, ipfilteredby: none}}",
            StorageMiddleware::CloudFront(CloudFront {
                base: "https://d1.cloudfront.net".into(),
                private_key: "/k.pem".into(),
                key_pair_id: "K1".into(),
                duration: Duration::from_secs(3000),
            }),
        ),
    ] {
        assert_eq!(load(items).expect(items), [expected]);
    }
    assert_eq!(load("  - {name: redirect, disabled: true}").expect("disabled"), []);
}

#[test]
fn what_cannot_be_is_an_error_with_its_place() {
    for (items, error) in [
        ("  - {options: {}}", "c.yml:5: middleware.storage.0: name is missing"),
        ("  - {name: redirect}", "middleware.storage.0.options: baseurl is missing"),
        (
            "  - {name: redirect, options: {baseurl: cdn}}",
            "c.yml:5: middleware.storage.0.options.baseurl: expected a URL of http or https",
        ),
        ("  - {name: rewrite, options: {scheme: ftp}}", "options.scheme: expected http or https"),
        ("  - {name: cloudfront}", "middleware.storage.0.options: baseurl is missing"),
        (
            "  - {name: cloudfront, options: {baseurl: d1, ipfilteredby: aws}}",
            "options.ipfilteredby: expected none, since clients are not told apart",
        ),
        (
            "  - {name: magic}",
            "middleware.storage.0.name: expected cloudfront, redirect or rewrite",
        ),
    ] {
        let found = load(items).expect_err(items);
        assert!(found.contains(error), "{items}: {found}");
    }
}
