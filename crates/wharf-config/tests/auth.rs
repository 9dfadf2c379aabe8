//! `auth`: who may do what.

use std::{path::PathBuf, time::Duration};

use wharf_config::{
    Auth, CertificateName, ConfigError, Configuration, Controller, Issuer, Loaded, Oidc, Realm,
    TokenAuth,
};

fn load(auth: &str, environment: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let variables = environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    let text = format!("version: 0.1\nstorage: inmemory\n{auth}\n");
    Configuration::load(&text, "c.yml", variables)
}

#[track_caller]
fn auth(text: &str) -> Option<Auth> {
    let loaded = load(text, &[]).expect("it is valid");
    assert_eq!(loaded.warnings, []);
    loaded.configuration.auth
}

fn open(controller: Controller) -> Option<Auth> {
    Some(Auth {
        controller,
        issuer: None,
        oidc: Vec::new(),
        certificates: None,
        rules: None,
        forbids: true,
        audit: None,
    })
}

#[test]
fn the_sections_of_the_original_are_read() {
    for nothing in ["", "auth:", "auth: none", "auth: {none: }"] {
        assert_eq!(auth(nothing), None, "{nothing}");
    }
    assert_eq!(
        auth("auth: {silly: {realm: silly-realm, service: silly-service}}"),
        open(Controller::Silly { realm: "silly-realm".into(), service: "silly-service".into() })
    );
    let path: PathBuf = "/etc/htpasswd".into();
    assert_eq!(
        auth("auth:\n  htpasswd:\n    realm: basic-realm\n    path: /etc/htpasswd"),
        open(Controller::Htpasswd { realm: "basic-realm".into(), path: path.clone() })
    );
    let token = "auth:
  token:
    autoredirect: false
    realm: https://auth.example.com/token
    service: registry.example.com
    issuer: auth.example.com
    rootcertbundle: /etc/bundle.pem
    jwks: /etc/jwks.json
    signingalgorithms: [EdDSA, HS256]";
    let expected = TokenAuth {
        realm: Realm::Url("https://auth.example.com/token".into()),
        issuer: "auth.example.com".into(),
        service: "registry.example.com".into(),
        root_cert_bundle: Some("/etc/bundle.pem".into()),
        jwks: Some("/etc/jwks.json".into()),
        jwks_url: None,
        jwks_refresh: Duration::from_secs(3600),
        jwks_cas: Vec::new(),
        signing_algorithms: vec!["EdDSA".into(), "HS256".into()],
    };
    assert_eq!(auth(token), open(Controller::Token(Box::new(expected.clone()))));
    let redirect = token.replace("autoredirect: false", "autoredirect: true");
    let here = TokenAuth { realm: Realm::Here("/auth/token".into()), ..expected.clone() };
    assert_eq!(auth(&redirect), open(Controller::Token(Box::new(here))));
    let elsewhere = redirect.replace("    issuer", "    autoredirectpath: /t\n    issuer");
    let here = TokenAuth { realm: Realm::Here("/t".into()), ..expected };
    assert_eq!(auth(&elsewhere), open(Controller::Token(Box::new(here))));
}

#[test]
fn our_own_keys_are_read() {
    let text = "auth: {htpasswd: {path: /h}, rules: /r, deniedstatus: 401, audit: /a}";
    let controller = Controller::Htpasswd { realm: "Registry".into(), path: "/h".into() };
    let (rules, audit) = (Some("/r".into()), Some("/a".into()));
    assert_eq!(
        auth(text),
        Some(Auth { rules, forbids: false, audit, ..open(controller).expect("one") })
    );
    let text = "auth: {token: {realm: 'http://a', issuer: i, service: s, jwksurl: 'https://a/keys', \
                jwksrefresh: 10m, jwkscas: /ca.pem}}";
    let Some(Auth { controller: Controller::Token(token), .. }) = auth(text) else { panic!() };
    assert_eq!(token.jwks_url.as_deref(), Some("https://a/keys"));
    assert_eq!(token.jwks_refresh, Duration::from_secs(600));
    assert_eq!(token.jwks_cas, [PathBuf::from("/ca.pem")]);
}

#[test]
fn tokens_are_given_out_for_users_only() {
    let minutes = |n: u64| Duration::from_secs(60 * n);
    let read = |text: &str| auth(text).and_then(|auth| auth.issuer);
    let month = minutes(30 * 24 * 60);
    let (service, realm) = ("r".to_owned(), None);
    let default =
        Issuer { service, realm, expiration: minutes(5), session: month, rotation: month };
    let text = "auth: {htpasswd: {path: /h}, issuer: {service: r}}";
    assert_eq!(read(text), Some(default.clone()));
    assert_eq!(read("auth: {htpasswd: {path: /h}, issuer: }"), None);
    let text = "auth: {htpasswd: {path: /h}, issuer: {service: r, realm: 'https://a/token', \
                expiration: 10m, session: 1h, rotation: 2h}}";
    let set = Issuer {
        realm: Some("https://a/token".to_owned()),
        expiration: minutes(10),
        session: minutes(60),
        rotation: minutes(120),
        ..default
    };
    assert_eq!(read(text), Some(set));
}

#[test]
fn identities_of_others_stand_beside_a_controller_or_alone() {
    let text = "auth: {rules: /r, certificates: dns, oidc: [{issuer: 'https://a', audience: b}]}";
    let Some(Auth { controller: Controller::Others, oidc, certificates, .. }) = auth(text) else {
        panic!("{:?}", auth(text));
    };
    assert_eq!(certificates, Some(CertificateName::Dns));
    let expected = Oidc {
        issuer: "https://a".into(),
        audiences: vec!["b".into()],
        subject: "sub".into(),
        groups: None,
        prefix: String::new(),
        jwks: None,
        jwks_url: None,
        refresh: Duration::from_secs(3600),
        authorities: Vec::new(),
        algorithms: Vec::new(),
    };
    assert_eq!(oidc, [expected]);
    let text = "auth: {htpasswd: {path: /h}, rules: /r, oidc: [{issuer: 'https://a', audience: [b, c], \
                subject: email, groups: teams, prefix: x/, jwks: /k, jwksurl: 'https://b/k', \
                refresh: 1m, cas: [/ca], algorithms: [RS256]}]}";
    let Some(Auth { controller: Controller::Htpasswd { .. }, oidc, .. }) = auth(text) else {
        panic!("{:?}", auth(text));
    };
    assert_eq!(oidc[0].audiences, ["b", "c"]);
    assert_eq!((&*oidc[0].subject, &*oidc[0].prefix), ("email", "x/"));
}

#[test]
fn variables_set_it_as_in_the_original() {
    let variables = [
        ("REGISTRY_AUTH", "htpasswd"),
        ("REGISTRY_AUTH_HTPASSWD_REALM", "Registry Realm"),
        ("REGISTRY_AUTH_HTPASSWD_PATH", "/auth/htpasswd"),
    ];
    let loaded = load("", &variables).expect("it is valid");
    let controller =
        Controller::Htpasswd { realm: "Registry Realm".into(), path: "/auth/htpasswd".into() };
    assert_eq!(loaded.configuration.auth, open(controller));
}

#[test]
fn what_cannot_be_is_an_error_with_its_place() {
    for (text, expected) in [
        ("auth: htpaswd", "c.yml:3: auth.htpaswd: unknown key, did you mean auth.htpasswd?"),
        ("auth: htpasswd", "c.yml:3: auth.htpasswd: path is missing"),
        ("auth: {htpasswd: {path: ''}}", "c.yml:3: auth.htpasswd: path is missing"),
        (
            "auth: {silly: {realm: a, service: b}, issuer: {service: r}}",
            "c.yml:3: auth.issuer: has no effect without auth.htpasswd",
        ),
        (
            "auth: {htpasswd: {path: /h}, issuer: {realm: 'http://a'}}",
            "c.yml:3: auth.issuer: service is missing",
        ),
        (
            "auth: {issuer: {service: r}}",
            "c.yml:3: auth.issuer: has no effect without htpasswd, token or",
        ),
        (
            "auth: {oidc: [{issuer: 'https://a', audience: b}]}",
            "c.yml:3: auth: oidc lets nobody in without auth.rules",
        ),
        ("auth: {rules: /r, oidc: [{audience: b}]}", "c.yml:3: auth.oidc.0: issuer is missing"),
        (
            "auth: {rules: /r, oidc: [{issuer: 'https://a'}]}",
            "c.yml:3: auth.oidc.0: audience is missing",
        ),
        ("auth: {certificates: cn}", "c.yml:3: auth.certificates: expected commonname, dns or uri"),
        ("auth: silly", "c.yml:3: auth.silly: realm is missing"),
        ("auth:\n  token:", "c.yml:4: auth.token: realm is missing"),
        ("auth: {token: {realm: x}}", "c.yml:3: auth.token.realm: expected a URL such as"),
        ("auth: {token: {realm: 'http://a'}}", "c.yml:3: auth.token: issuer is missing"),
        (
            "auth: {token: {realm: 'http://a', issuer: b}}",
            "c.yml:3: auth.token: service is missing",
        ),
        (
            "auth: {token: {realm: 'http://a', issuer: b, service: c}}",
            "c.yml:3: auth.token: no key to check tokens with: rootcertbundle, jwks or jwksurl",
        ),
        (
            "auth: {token: {realm: 'http://a', issuer: b, service: c, jwks: /j, \
             signingalgorithms: [none]}}",
            "c.yml:3: auth.token.signingalgorithms.0: expected EdDSA, or RS, PS, ES or HS",
        ),
        (
            "auth: {token: {autoredirect: true, autoredirectpath: x}}",
            "c.yml:3: auth.token.autoredirectpath: expected a path such as /auth/token",
        ),
        (
            "auth: {silly: {realm: a, service: b}, htpasswd: {path: /x}}",
            "c.yml:3: auth: several access controllers: silly, htpasswd",
        ),
        ("auth: {none: {}, htpasswd: {path: /x}}", "c.yml:3: auth: several access controllers"),
        (
            "auth: {rules: /r}",
            "c.yml:3: auth.rules: has no effect without htpasswd, token or silly",
        ),
        (
            "auth: {htpasswd: {path: /x}, deniedstatus: 404}",
            "c.yml:3: auth.deniedstatus: expected 403, or 401 as by docker/distribution",
        ),
    ] {
        let error = load(text, &[]).expect_err(text).to_string();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
}
