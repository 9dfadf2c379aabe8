//! Tokens that were given out here.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{
    Robots,
    keys::{Keys, Pair},
    scope::Given,
};
use crate::{
    Authenticate, Credentials, Htpasswd, Identity, Lasting, Presented, Rejection, Source,
    token::{
        cache::Cache,
        claims::{Expected, Verified},
        jws::Jws,
    },
};

/// Makes tokens, and checks them.
pub(crate) struct Tokens {
    keys: Keys,
    /// Those that are good for something.
    access: Kind,
    /// Those that get others.
    session: Kind,
}

/// Knows the tokens that were given out here. One of a user ends with the user's password, and one
/// of a robot with the robot's token.
pub struct Issued {
    tokens: Arc<Tokens>,
    users: Arc<Htpasswd>,
    robots: Option<Arc<Robots>>,
}

/// Nothing that it depends on has changed since, and it is the time of the token.
struct Unchanged {
    users: Arc<Htpasswd>,
    generation: u64,
    verified: Arc<Verified>,
    until: Instant,
}

/// Tokens for one purpose.
struct Kind {
    expected: Expected,
    verified: Cache,
}

/// Replicas, whose clocks may differ, check each other's tokens.
const LEEWAY: Duration = Duration::from_secs(60);

/// After how long the key of a token is looked for again, which may be gone.
const AGAIN: Duration = Duration::from_secs(10);

// === impl Tokens ===

impl Tokens {
    pub(crate) fn new(service: &str, keys: Keys) -> Self {
        let kind = |audience: String| Kind {
            expected: Expected {
                issuer: service.to_owned(),
                audience,
                leeway: LEEWAY,
                most_entries: 1000,
            },
            verified: Cache::default(),
        };
        // A session is for another audience, so that nothing takes one kind for the other.
        Self { keys, access: kind(service.to_owned()), session: kind(format!("{service} session")) }
    }

    /// A token that is good for this.
    pub(crate) async fn sign(
        &self,
        identity: Option<&Identity>,
        stamp: Option<&str>,
        access: &[Given],
        lifetime: Duration,
        now: SystemTime,
    ) -> Result<String, Rejection> {
        let groups = identity.map_or(&[][..], |identity| &identity.groups);
        let groups: Vec<&str> = groups.iter().map(|group| &**group).collect();
        let claims = json!({
            "aud": self.access.expected.audience,
            "sub": identity.and_then(Identity::name).unwrap_or_default(),
            "access": access,
            "wharf": {"stamp": stamp, "groups": groups},
        });
        self.signed(claims, lifetime, now).await
    }

    /// A token that gets others, for a user of ours; `None` for others.
    pub(crate) async fn begin_session(
        &self,
        name: &str,
        stamp: &str,
        length: Duration,
        now: SystemTime,
    ) -> Result<Option<String>, Rejection> {
        if !stamp.starts_with(USER) {
            return Ok(None);
        }
        let audience = &self.session.expected.audience;
        let claims = json!({"aud": audience, "sub": name, "wharf": {"stamp": stamp}});
        self.signed(claims, length, now).await.map(Some)
    }

    /// Who has such a token.
    pub(crate) async fn session(
        &self,
        token: &str,
        users: &Htpasswd,
        now: SystemTime,
    ) -> Result<Identity, Rejection> {
        let (verified, pair) = self.verified(token, &self.session, now).await?;
        let identity = Arc::clone(&verified).identity();
        let name = identity.name().unwrap_or_default();
        match verified.stamp() {
            Some(stamp) if stamp == user_stamp(name, &pair, users)? => {}
            _ => return Err(Rejection::Invalid("the password has changed since".to_owned())),
        }
        Ok(Identity { scope: None, source: Source::Password, ..identity })
    }

    /// What a token for somebody depends on besides the time.
    pub(crate) async fn stamp(
        &self,
        identity: Option<&Identity>,
        users: &Htpasswd,
        now: SystemTime,
    ) -> Result<Option<String>, Rejection> {
        let Some((identity, name)) = identity.and_then(|one| Some((one, one.name()?))) else {
            return Ok(None);
        };
        Ok(match &identity.source {
            Source::Elsewhere => None,
            Source::Robot(id) => Some(format!("{ROBOT}{id}")),
            Source::Password => Some(user_stamp(name, &*self.keys.current(now).await?, users)?),
        })
    }

    async fn signed(
        &self,
        mut claims: Value,
        lifetime: Duration,
        now: SystemTime,
    ) -> Result<String, Rejection> {
        let pair = self.keys.current(now).await?;
        let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let header = json!({"typ": "JWT", "alg": "ES256", "kid": pair.id()});
        claims["iss"] = self.access.expected.issuer.as_str().into();
        claims["iat"] = seconds.into();
        claims["nbf"] = seconds.into();
        claims["exp"] = (seconds + lifetime.as_secs()).into();
        claims["jti"] = uuid::Uuid::new_v4().simple().to_string().into();
        let token = pair.signer.sign_as(&header, &claims);
        token.map_err(|error| Rejection::Unavailable(error.to_string()))
    }

    /// What a genuine token says, and the key that it is signed with.
    async fn verified(
        &self,
        token: &str,
        kind: &Kind,
        now: SystemTime,
    ) -> Result<(Arc<Verified>, Arc<Pair>), Rejection> {
        let unknown = || Rejection::Invalid("the token was not given out here".to_owned());
        let jws = Jws::parse(token).map_err(Rejection::Invalid)?;
        let epoch = jws.key_id.as_deref().and_then(Pair::epoch_of).ok_or_else(unknown)?;
        let pair = self.keys.find(epoch, now).await?.ok_or_else(unknown)?;
        let (hash, generation) = (Cache::hash(token), pair.epoch);
        if let Some(verified) = kind.verified.get(&hash, generation) {
            verified.is_of(now, LEEWAY).map_err(Rejection::Invalid)?;
            return Ok((verified, pair));
        }
        if !pair.public.verify(jws.algorithm, jws.message, &jws.signature) {
            return Err(Rejection::Invalid("the signature of the token is wrong".to_owned()));
        }
        let verified = kind.expected.read(&jws.payload, now).map_err(Rejection::Invalid)?;
        let verified = Arc::new(verified);
        kind.verified.put(hash, generation, &verified);
        Ok((verified, pair))
    }
}

/// How stamps begin.
const USER: &str = "user:";
const ROBOT: &str = "robot:";

/// The stamp of a user, which changes with the password.
fn user_stamp(name: &str, pair: &Pair, users: &Htpasswd) -> Result<String, Rejection> {
    let gone = || Rejection::Invalid("there is no such user any more".to_owned());
    let fingerprint = users.fingerprint(name, pair.secret())?.ok_or_else(gone)?;
    Ok(fingerprint.iter().fold(USER.to_owned(), |text, byte| text + &format!("{byte:02x}")))
}

// === impl Issued ===

impl Issued {
    pub(crate) fn new(
        tokens: Arc<Tokens>,
        users: Arc<Htpasswd>,
        robots: Option<Arc<Robots>>,
    ) -> Self {
        Self { tokens, users, robots }
    }

    /// Who this token speaks for, at this moment.
    pub async fn verify(&self, token: &str, now: SystemTime) -> Result<Identity, Rejection> {
        let (verified, pair) = self.tokens.verified(token, &self.tokens.access, now).await?;
        let groups = verified.groups().iter().map(|group| group.as_str().into()).collect();
        let identity = Identity { groups, ..Arc::clone(&verified).identity() };
        let Some(stamp) = verified.stamp() else { return Ok(identity) };
        let ended = |why: &str| Rejection::Invalid(why.to_owned());
        match (stamp.strip_prefix(ROBOT), &self.robots) {
            (Some(id), Some(robots)) => {
                robots.find(id, now).await?.ok_or_else(|| ended("the robot's token has ended"))?;
            }
            (Some(_), None) => return Err(ended("there are no robots here")),
            (None, _) => {
                let name = identity.name().unwrap_or_default();
                // The users as they were before they were asked.
                let lasting = self.unchanged(&verified)?;
                if stamp != user_stamp(name, &pair, &self.users)? {
                    return Err(ended("the password has changed since"));
                }
                return Ok(Identity { lasting: Some(Arc::new(lasting)), ..identity });
            }
        }
        Ok(identity)
    }

    fn unchanged(&self, verified: &Arc<Verified>) -> Result<Unchanged, Rejection> {
        let (users, verified) = (Arc::clone(&self.users), Arc::clone(verified));
        let generation = users.generation()?;
        Ok(Unchanged { users, generation, verified, until: Instant::now() + AGAIN })
    }
}

#[async_trait]
impl Authenticate for Issued {
    async fn authenticate(&self, presented: &Presented<'_>) -> Option<Result<Identity, Rejection>> {
        match presented.credentials {
            Credentials::Bearer(token) if !Robots::is_token(token) => {
                Some(self.verify(token, SystemTime::now()).await)
            }
            _ => None,
        }
    }
}

// === impl Unchanged ===

impl Lasting for Unchanged {
    fn lasts(&self) -> bool {
        self.users.is_of(self.generation)
            && Instant::now() < self.until
            && self.verified.is_of(SystemTime::now(), LEEWAY).is_ok()
    }
}
