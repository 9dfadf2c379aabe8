//! A small token server, as the Docker token specification describes one: for tests of a registry that
//! trusts an external one, and of clients that have to find their way to it.
//!
//! Users push and pull below their own names, and pull below `public/`, as anybody does.

use std::{
    io,
    net::SocketAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use wharf_auth::token::Signer;

use crate::double::{Double, Request, Response, pairs};

/// A running token server, until the value is dropped.
pub struct TokenServer {
    double: Double,
    /// The certificate of its key, in PEM.
    certificate: String,
    jwks: Value,
}

/// What it is asked for, and how it answers.
#[derive(Clone, Debug)]
pub struct Options {
    /// For whom its tokens are.
    pub service: String,
    /// Its own name in tokens.
    pub issuer: String,
    /// Users with their passwords.
    pub users: Vec<(String, String)>,
    /// How tokens name the key.
    pub names_key: NamesKey,
}

/// How tokens name the key that they are signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamesKey {
    /// By its certificate (`x5c`).
    Certificate,
    /// By its thumbprint (`kid`), which stands in the JWK set.
    Id,
}

/// Signs what it gives out.
struct Desk {
    options: Options,
    signer: Signer,
    /// In base64, as `x5c` has it.
    certificate: String,
    jwks: Value,
}

/// How long tokens are good, in seconds.
const LIFETIME: u64 = 300;

// === impl TokenServer ===

impl TokenServer {
    /// Starts one with a key of its own, on a free port of the loopback interface.
    pub fn start(options: Options) -> io::Result<Self> {
        let other = |error: &dyn std::fmt::Display| io::Error::other(error.to_string());
        let key = Signer::generate().map_err(|error| other(&error))?;
        let signer = Signer::new(&key).map_err(|error| other(&error))?;
        let pair = rcgen::KeyPair::try_from(key).map_err(|error| other(&error))?;
        let params = rcgen::CertificateParams::new(vec![options.issuer.clone()]);
        let certificate = params.and_then(|params| params.self_signed(&pair));
        let certificate = certificate.map_err(|error| other(&error))?;
        let jwks = json!({ "keys": [signer.jwk()] });
        let desk = Desk {
            options,
            signer,
            certificate: STANDARD.encode(certificate.der()),
            jwks: jwks.clone(),
        };
        let double = Double::start(move |request| desk.answer(request))?;
        Ok(Self { double, certificate: certificate.pem(), jwks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.double.address()
    }

    /// Where clients are to be sent.
    pub fn realm(&self) -> String {
        format!("http://{}/token", self.address())
    }

    /// Where its keys are published.
    pub fn jwks_url(&self) -> String {
        format!("http://{}/keys", self.address())
    }

    /// The certificate of its key, in PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Its keys, as a JWK set.
    pub fn jwks(&self) -> &Value {
        &self.jwks
    }
}

// === impl Desk ===

impl Desk {
    fn answer(&self, request: &Request) -> Response {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/keys") => respond(200, &self.jwks),
            ("GET", "/token") => {
                let user = match request.header("authorization") {
                    None => Ok(None),
                    Some(value) => self.user_of(value).map(Some).ok_or(()),
                };
                let scopes = request.query.iter().filter(|(name, _)| name == "scope");
                let scopes = scopes.flat_map(|(_, value)| value.split(' ')).map(str::to_owned);
                self.give(user, scopes.collect())
            }
            ("POST", "/token") => {
                let form = pairs(&String::from_utf8_lossy(&request.body));
                let field = |name: &str| {
                    form.iter().find(|(given, _)| given == name).map_or("", |(_, value)| value)
                };
                let user = match field("grant_type") {
                    "password" => self.known(field("username"), field("password")).map(Some),
                    _ => None,
                };
                let scopes = field("scope").split(' ').map(str::to_owned);
                self.give(user.ok_or(()), scopes.collect())
            }
            _ => respond(404, &json!({})),
        }
    }

    fn user_of(&self, authorization: &str) -> Option<String> {
        let encoded = authorization.strip_prefix("Basic ")?;
        let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        self.known(user, password)
    }

    fn known(&self, user: &str, password: &str) -> Option<String> {
        let is_known = |(name, secret): &&(String, String)| name == user && secret == password;
        self.options.users.iter().find(is_known).map(|(name, _)| name.clone())
    }

    /// A token, unless the password was wrong.
    fn give(&self, user: Result<Option<String>, ()>, scopes: Vec<String>) -> Response {
        let Ok(user) = user else {
            let refusal =
                json!({"errors": [{"code": "UNAUTHORIZED", "message": "wrong password"}]});
            return respond(401, &refusal);
        };
        let access: Vec<_> =
            scopes.iter().filter_map(|scope| granted(scope, user.as_deref())).collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let claims = json!({
            "iss": self.options.issuer, "aud": self.options.service,
            "sub": user.unwrap_or_default(), "iat": now, "nbf": now, "exp": now + LIFETIME,
            "jti": now.to_string(), "access": access,
        });
        let header = match self.options.names_key {
            NamesKey::Certificate => {
                json!({"typ": "JWT", "alg": "ES256", "x5c": [self.certificate]})
            }
            NamesKey::Id => json!({"typ": "JWT", "alg": "ES256", "kid": self.signer.id()}),
        };
        match self.signer.sign_as(&header, &claims) {
            Ok(token) => respond(
                200,
                &json!({"token": token, "access_token": token, "expires_in": LIFETIME}),
            ),
            Err(_) => respond(500, &json!({})),
        }
    }
}

/// What somebody gets of what a scope asks for.
fn granted(scope: &str, user: Option<&str>) -> Option<Value> {
    let (kind, rest) = scope.split_once(':')?;
    let (name, wanted) = rest.rsplit_once(':')?;
    let own = user.is_some_and(|user| name.split('/').next() == Some(user));
    let allowed: &[&str] = match (kind, own) {
        ("repository", true) => &["pull", "push", "delete"],
        ("repository", false) if name.starts_with("public/") => &["pull"],
        _ => return None,
    };
    let actions: Vec<_> = wanted.split(',').filter(|action| allowed.contains(action)).collect();
    Some(json!({"type": kind, "name": name, "actions": actions}))
}

fn respond(status: u16, body: &Value) -> Response {
    Response::of(status).with("Content-Type", "application/json").body(body.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_get_their_own_and_anybody_what_is_public() {
        let check = |scope: &str, user: Option<&str>, expected: Option<Value>| {
            let actions = granted(scope, user).map(|granted| granted["actions"].clone());
            assert_eq!(actions, expected, "{scope} {user:?}");
        };
        check("repository:alice/a:pull,push", Some("alice"), Some(json!(["pull", "push"])));
        check("repository:alice/a:pull", Some("bob"), None);
        check("repository:public/a:pull,push", None, Some(json!(["pull"])));
        check("registry:catalog:*", Some("alice"), None);
    }
}
