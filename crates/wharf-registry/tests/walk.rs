//! Every row of the API's table, with every controller, asked by everybody who may and who may not.

mod support;

use std::{fmt::Write as _, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use support::{Registry, authority::Authority, exchange, write};
use tokio::net::TcpStream;
use wharf_registry::{
    api::{Action, Method, Query, Row, TABLE, Target},
    auth::{Access, Needs, token::Signer},
    digest::Digest,
};

/// Somebody who may do some things to the repository `app`, and perhaps list the repositories.
#[derive(Clone, Debug)]
struct Role {
    name: String,
    actions: Vec<Action>,
    lists: bool,
}

/// Who asks.
enum Who<'a> {
    Nobody,
    /// Somebody whose credentials are wrong.
    Stranger,
    Somebody(&'a Role),
}

const ACTIONS: [Action; 4] = [Action::Pull, Action::Push, Action::Delete, Action::Remove];

/// The hash of `secret`, at the least cost.
const SECRET: &str = "$2y$04$0123456789abcdefghijkug0jfygDNbCc4YKM81lye0HjT.L3552O";

// === impl Role ===

impl Role {
    /// Every choice of what one may do.
    fn all() -> Vec<Self> {
        let role = |chosen: u32| {
            let is_chosen = |at: &usize| chosen & (1 << at) != 0;
            let actions = (0..ACTIONS.len()).filter(is_chosen).map(|at| ACTIONS[at]).collect();
            let lists = is_chosen(&ACTIONS.len());
            Self { name: format!("u{chosen:02}"), actions, lists }
        };
        (0..1 << (ACTIONS.len() + 1)).map(role).collect()
    }

    /// Who may do everything.
    fn everything() -> Vec<Self> {
        Self::all().pop().into_iter().collect()
    }

    fn may(&self, needs: &Needs) -> bool {
        needs.accesses.iter().all(|access| match access {
            Access::Catalog => self.lists,
            Access::Repository(_, action) => self.actions.contains(action),
        })
    }

    /// What a rule file says of it.
    fn rules(&self) -> String {
        let words = self.actions.iter().map(|action| match action {
            Action::Remove => "remove",
            other => other.as_str(),
        });
        let words = words.collect::<Vec<_>>().join(", ");
        let mut rules = String::new();
        if !words.is_empty() {
            let _ = writeln!(rules, "allow {} to {words} in app", self.name);
        }
        if self.lists {
            let _ = writeln!(rules, "allow {} to list", self.name);
        }
        // And elsewhere as much as anybody could want.
        rules + &format!("allow {} to pull, push, delete, remove in other\n", self.name)
    }

    /// What a token of a token server says of it. `*` is everything there.
    fn claims(&self) -> serde_json::Value {
        let actions: Vec<_> = self.actions.iter().map(|action| action.as_str()).collect();
        let mut access = serde_json::json!([
            {"type": "repository", "name": "app", "actions": actions},
            {"type": "repository", "name": "other", "actions": ["*"]},
        ]);
        if self.lists {
            let catalog =
                serde_json::json!({"type": "registry", "name": "catalog", "actions": ["*"]});
            access.as_array_mut().expect("an array").push(catalog);
        }
        serde_json::json!({
            "iss": "i", "aud": "s", "sub": self.name, "exp": 32_503_680_000_u64, "access": access,
        })
    }

    /// Its name and `secret`.
    fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:secret", self.name)))
    }
}

/// A request for a row, and what it needs.
fn request(row: &'static Row) -> (String, Needs) {
    let method = if row.method == Method::Any { "PUT" } else { row.method.as_str() };
    let digest = Digest::sha256(b"x").to_string();
    let path = row.path().replace("<name>", "app").replace("<tag-or-digest>", "v1");
    let path = path.replace("<digest>", &digest).replace("<id>", "u1");
    let (target, _): (Target, _) =
        wharf_registry::api::resolve(method, &path).map_err(drop).expect("a row");
    let needs = Needs::of(row, &target, &Query::default()).expect("it can be said");
    (format!("{method} {path}"), needs)
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

/// Asks for every row as everybody. Who is known and may not is answered one of `refusals`.
async fn walk(ask: impl AsyncFn(&str, &Who<'_>) -> String, roles: &[Role], refusals: &[u16]) {
    let mut refused = 0;
    for row in TABLE {
        let (request, needs) = request(row);
        for who in [Who::Nobody, Who::Stranger] {
            let answer = ask(&request, &who).await;
            let expected = if needs.is_nothing() { 200 } else { 401 };
            assert_eq!(status(&answer), expected, "{request}: {answer}");
            assert_eq!(expected == 401, answer.contains("\r\nwww-authenticate: "), "{answer}");
        }
        for role in roles {
            let answer = ask(&request, &Who::Somebody(role)).await;
            match role.may(&needs) {
                true => assert!(![401, 403].contains(&status(&answer)), "{request} {role:?}"),
                false => {
                    assert!(refusals.contains(&status(&answer)), "{request} {role:?}: {answer}");
                    refused += 1;
                }
            }
        }
    }
    assert!(roles.len() == 1 || refused > 50, "{refused}");
}

/// The same with credentials that stand in a header.
async fn walk_with(
    auth: &str,
    credentials: impl Fn(&Role) -> String,
    (wrong, roles, refusals): (&str, &[Role], &[u16]),
) {
    let registry = Registry::start(auth).await;
    let ask = async |request: &str, who: &Who<'_>| {
        let authorization = match who {
            Who::Nobody => String::new(),
            Who::Stranger => wrong.to_owned(),
            Who::Somebody(role) => credentials(role),
        };
        registry.ask(request, &authorization).await
    };
    walk(ask, roles, refusals).await;
    registry.stop().await;
}

fn users(folder: &Path, roles: &[Role]) -> String {
    let lines: String = roles.iter().map(|role| format!("{}:{SECRET}\n", role.name)).collect();
    write(folder, "users", &lines)
}

fn rules(folder: &Path, roles: &[Role]) -> String {
    write(folder, "rules", &roles.iter().map(Role::rules).collect::<String>())
}

#[tokio::test]
async fn silly_lets_in_whoever_says_something() {
    let auth = "auth: {silly: {realm: r, service: s}}";
    // Whatever is said is right, so that nobody can be wrong.
    walk_with(auth, |_| "anything".to_owned(), ("", &Role::everything(), &[])).await;
}

#[tokio::test]
async fn users_without_rules_may_do_everything() {
    let (folder, roles) = (tempfile::tempdir().expect("a folder"), Role::everything());
    let auth = format!("auth: {{htpasswd: {{path: '{}'}}}}", users(folder.path(), &roles));
    // u31:wrong
    walk_with(&auth, Role::basic, ("Basic dTMxOndyb25n", &roles, &[])).await;
}

/// CVE-2024-22278: who had one role could do what belonged to another.
#[tokio::test]
async fn cve_2024_22278_a_role_does_what_its_rules_say_and_no_more() {
    let (folder, roles) = (tempfile::tempdir().expect("a folder"), Role::all());
    let (users, rules) = (users(folder.path(), &roles), rules(folder.path(), &roles));
    let auth = format!("auth: {{htpasswd: {{path: '{users}'}}, rules: '{rules}'}}");
    walk_with(&auth, Role::basic, ("Basic dTMxOndyb25n", &roles, &[403])).await;
    // As docker/distribution has it.
    let auth =
        format!("auth: {{htpasswd: {{path: '{users}'}}, rules: '{rules}', deniedstatus: 401}}");
    walk_with(&auth, Role::basic, ("Basic dTMxOndyb25n", &roles, &[401])).await;
}

#[tokio::test]
async fn tokens_of_our_own_give_what_the_rules_say() {
    let (folder, roles) = (tempfile::tempdir().expect("a folder"), Role::all());
    let (users, rules) = (users(folder.path(), &roles), rules(folder.path(), &roles));
    let registry = Registry::start(&format!(
        "auth: {{htpasswd: {{path: '{users}'}}, rules: '{rules}', issuer: {{service: s}}}}"
    ))
    .await;
    let mut tokens = Vec::new();
    for role in &roles {
        // As much as there is to be had.
        let scopes = "service=s&scope=repository:app:*&scope=registry:catalog:*";
        let answer = registry.ask(&format!("GET /token?{scopes}"), &role.basic()).await;
        let (_, rest) = answer.split_once("\"token\":\"").expect("a token");
        let token = rest.split('"').next().expect("its end");
        tokens.push((role.name.clone(), format!("Bearer {token}")));
    }
    let ask = async |request: &str, who: &Who<'_>| match who {
        Who::Nobody => registry.ask(request, "").await,
        Who::Stranger => registry.ask(request, "Bearer a.b.c").await,
        Who::Somebody(role) => {
            let (_, token) = tokens.iter().find(|(name, _)| *name == role.name).expect("made");
            registry.ask(request, token).await
        }
    };
    walk(ask, &roles, &[403]).await;
    registry.stop().await;
}

#[tokio::test]
async fn tokens_of_a_token_server_give_what_they_say() {
    let folder = tempfile::tempdir().expect("a folder");
    let signer = Signer::new(&Signer::generate().expect("a key")).expect("a key");
    let keys = write(folder.path(), "keys.json", &format!("{{\"keys\": [{}]}}", signer.jwk()));
    let auth =
        format!("auth: {{token: {{realm: 'http://t', issuer: i, service: s, jwks: '{keys}'}}}}");
    let token = |role: &Role| format!("Bearer {}", signer.sign(&role.claims()).expect("signed"));
    // To remove is `*` there, which is everything.
    let roles = Role::all().into_iter().filter(|role| {
        !role.actions.contains(&Action::Remove) || role.actions.len() == ACTIONS.len()
    });
    let other = Signer::new(&Signer::generate().expect("a key")).expect("a key");
    let wrong = other.sign(&Role::everything()[0].claims()).expect("signed");
    let roles: Vec<_> = roles.collect();
    walk_with(&auth, token, (&format!("Bearer {wrong}"), &roles, &[401])).await;
}

#[tokio::test]
async fn identities_of_an_issuer_do_what_the_rules_say() {
    let (folder, roles) = (tempfile::tempdir().expect("a folder"), Role::all());
    let signer = Signer::new(&Signer::generate().expect("a key")).expect("a key");
    let keys = write(folder.path(), "keys.json", &format!("{{\"keys\": [{}]}}", signer.jwk()));
    let rules = rules(folder.path(), &roles);
    let auth = format!(
        "auth: {{rules: '{rules}', oidc: [{{issuer: 'https://i.example', audience: s, jwks: '{keys}'}}]}}"
    );
    let claims = |role: &Role, issuer: &str| {
        serde_json::json!({
            "iss": issuer, "aud": "s", "sub": role.name, "exp": 32_503_680_000_u64,
        })
    };
    let sign = |claims| format!("Bearer {}", signer.sign(&claims).expect("signed"));
    let token = |role: &Role| sign(claims(role, "https://i.example"));
    let wrong = sign(claims(&Role::everything()[0], "https://other.example"));
    walk_with(&auth, token, (&wrong, &roles, &[403])).await;
}

#[tokio::test]
async fn owners_of_certificates_do_what_the_rules_say() {
    let (folder, roles) = (tempfile::tempdir().expect("a folder"), Role::all());
    let authority = Authority::new();
    let rules = rules(folder.path(), &roles);
    let tls = authority.section(folder.path());
    let auth = format!("auth: {{certificates: commonname, rules: '{rules}'}}");
    let registry = Registry::start_with(&auth, &tls).await;
    let known: Vec<_> = roles
        .iter()
        .map(|role| (role.name.clone(), authority.connector(Some(&role.name))))
        .collect();
    let nobody = authority.connector(None);
    let ask = async |request: &str, who: &Who<'_>| {
        let (connector, authorization) = match who {
            Who::Nobody => (&nobody, ""),
            // What stands in a header goes before a certificate, and is of no kind that is taken.
            Who::Stranger => (&known[known.len() - 1].1, "Basic dTMxOndyb25n"),
            Who::Somebody(role) => {
                (&known.iter().find(|(name, _)| *name == role.name).expect("made").1, "")
            }
        };
        let stream = TcpStream::connect(registry.address).await.expect("connected");
        let server = "localhost".try_into().expect("a name");
        let stream = connector.connect(server, stream).await.expect("agreed");
        exchange(stream, request, authorization).await
    };
    walk(ask, &roles, &[403]).await;
    registry.stop().await;
}
