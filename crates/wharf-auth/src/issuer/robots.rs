//! Tokens that an operator has made for programs: for some repositories, and for a while.
//!
//! A token is the id of its record in the store, and a tag that only who knows the key beside it can
//! make. So a wrong one costs no look at the store; and one is revoked by removing its record.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use moka::sync;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use wharf_core::Subject;
use wharf_digest::hmac;
use wharf_driver::{PutMode, PutOutcome};

use super::{Drawer, scope::RobotScope};
use crate::{
    Access, Authenticate, Credentials, Htpasswd, Identity, Presented, Rejection, Scope, Source,
};

/// The tokens of robots.
pub struct Robots {
    drawer: Drawer,
    key: Bytes,
    users: Option<Arc<Htpasswd>>,
    known: sync::Cache<String, Known>,
}

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewRobot {
    /// For whom rules take it.
    pub name: String,
    /// Whether that is a user; it ends with the user then.
    pub user: bool,
    /// What it is good for.
    pub scopes: Vec<RobotScope>,
    /// For how long.
    pub lifetime: Duration,
}

/// A token that was made, without the token itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Robot {
    /// Its id, by which it is revoked.
    #[serde(skip)]
    pub id: String,
    /// For whom rules take it.
    pub name: String,
    /// Whether that is a user.
    pub user: bool,
    /// What it is good for.
    pub scopes: Vec<RobotScope>,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// When it ends.
    pub expires: u64,
}

/// Why a token cannot be made or found.
#[derive(Debug, thiserror::Error)]
pub enum RobotError {
    /// The store cannot be used.
    #[error("the tokens in the store are not to be had: {0}")]
    Store(#[from] wharf_driver::Error),
    /// What is in it cannot be read.
    #[error("{0} is damaged")]
    Damaged(String),
    /// The name is none.
    #[error("{0:?} is no name: no spaces, commas, quotes and control characters, and not too long")]
    Name(String),
}

/// What was found under an id, and when.
#[derive(Clone)]
struct Known {
    robot: Option<Arc<Robot>>,
    read: Instant,
}

/// How every token begins.
const PREFIX: &str = "wharf_";
const KEY: &str = "key";
/// How the name of every record begins.
const RECORD: &str = "token-";
const PURPOSE: &[u8] = b"wharf robot token 1";

/// How long a revoked token may still be taken.
const AGAIN: Duration = Duration::from_secs(10);

/// The most records that are remembered.
const MOST: u64 = 10_000;

// === impl Robots ===

impl Robots {
    /// The tokens in this drawer. Those of users end with them.
    pub async fn open(drawer: Drawer, users: Option<Arc<Htpasswd>>) -> Result<Self, RobotError> {
        let key = match drawer.get(KEY).await? {
            Some(key) => key,
            None => {
                let key = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
                drawer.put(KEY, Bytes::from(key), PutMode::Create).await?;
                drawer.get(KEY).await?.ok_or_else(|| RobotError::Damaged(KEY.to_owned()))?
            }
        };
        if key.len() < 16 {
            return Err(RobotError::Damaged(KEY.to_owned()));
        }
        let known = sync::Cache::builder().max_capacity(MOST).time_to_live(AGAIN).build();
        Ok(Self { drawer, key, users, known })
    }

    /// Makes a token, which is told once.
    pub async fn create(
        &self,
        robot: NewRobot,
        now: SystemTime,
    ) -> Result<(Robot, String), RobotError> {
        let NewRobot { name, user, scopes, lifetime } = robot;
        let wrong = |c: char| c.is_control() || c.is_whitespace() || matches!(c, ',' | '"');
        if name.is_empty() || name.len() > 255 || name.contains(wrong) {
            return Err(RobotError::Name(name));
        }
        let created = seconds(now);
        let expires = created.saturating_add(lifetime.as_secs());
        loop {
            let id = Uuid::new_v4().simple().to_string()[..16].to_owned();
            let (name, scopes) = (name.clone(), scopes.clone());
            let robot = Robot { id, name, user, scopes, created, expires };
            let record = serde_json::to_vec(&robot).expect("strings and numbers are always JSON");
            let file = record_name(&robot.id);
            let put = self.drawer.put(&file, Bytes::from(record), PutMode::Create).await?;
            if put == PutOutcome::Written {
                let token = format!("{PREFIX}{}_{}", robot.id, self.tag(&robot.id));
                return Ok((robot, token));
            }
        }
    }

    /// All of them, those that have ended too.
    pub async fn list(&self) -> Result<Vec<Robot>, RobotError> {
        let mut robots = Vec::new();
        for name in self.drawer.names().await? {
            if let Some(id) = name.strip_prefix(RECORD) {
                robots.extend(self.read(id).await?);
            }
        }
        robots.sort_by(|a, b| (&a.name, a.created).cmp(&(&b.name, b.created)));
        Ok(robots)
    }

    /// Ends a token: no server takes it any more after ten seconds. `false` if there is none.
    pub async fn revoke(&self, id: &str) -> Result<bool, RobotError> {
        if !is_id(id) {
            return Ok(false);
        }
        self.known.invalidate(id);
        Ok(self.drawer.delete(&record_name(id)).await?)
    }

    /// Whether a text is meant to be such a token.
    pub(crate) fn is_token(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// The token of this id, if it is good now.
    pub(crate) async fn find(
        &self,
        id: &str,
        now: SystemTime,
    ) -> Result<Option<Arc<Robot>>, Rejection> {
        let remembered = self.known.get(id).filter(|known| known.read.elapsed() < AGAIN);
        let robot = match remembered {
            Some(known) => known.robot,
            None => {
                let read = Instant::now();
                let robot = self.read(id).await;
                let robot = robot.map_err(|error| Rejection::Unavailable(error.to_string()))?;
                let robot = robot.map(Arc::new);
                self.known.insert(id.to_owned(), Known { robot: robot.clone(), read });
                robot
            }
        };
        let Some(robot) = robot.filter(|robot| robot.expires > seconds(now)) else {
            return Ok(None);
        };
        match (&self.users, robot.user) {
            (Some(users), true) => Ok(users.knows(&robot.name)?.then_some(robot)),
            (None, true) => Ok(None),
            (_, false) => Ok(Some(robot)),
        }
    }

    async fn read(&self, id: &str) -> Result<Option<Robot>, RobotError> {
        let name = record_name(id);
        let Some(record) = self.drawer.get(&name).await? else { return Ok(None) };
        let robot = serde_json::from_slice(&record).map_err(|_| RobotError::Damaged(name))?;
        Ok(Some(Robot { id: id.to_owned(), ..robot }))
    }

    /// The id of a genuine token.
    fn genuine<'a>(&self, token: &'a str) -> Option<&'a str> {
        let (id, tag) = token.strip_prefix(PREFIX)?.split_once('_')?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        let genuine = is_id(id) && hmac::verify(&self.key, &[PURPOSE, id.as_bytes()], &tag);
        genuine.then_some(id)
    }

    fn tag(&self, id: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, &[PURPOSE, id.as_bytes()]))
    }

    async fn identity(&self, id: &str) -> Result<Identity, Rejection> {
        let ended = || Rejection::Invalid(format!("the token {id} has ended"));
        let robot = self.find(id, SystemTime::now()).await?.ok_or_else(ended)?;
        let subject = Some(Subject(robot.name.as_str().into()));
        let source = Source::Robot(id.into());
        Ok(Identity { subject, source, scope: Some(robot), ..Identity::default() })
    }
}

#[async_trait]
impl Authenticate for Robots {
    async fn authenticate(&self, presented: &Presented<'_>) -> Option<Result<Identity, Rejection>> {
        match presented.credentials {
            Credentials::Bearer(token) if Self::is_token(token) => {
                Some(match self.genuine(token) {
                    Some(id) => self.identity(id).await,
                    None => Err(Rejection::Invalid("it is no token of a robot".to_owned())),
                })
            }
            // Whatever name stands beside it. What is not genuine may be somebody's password.
            Credentials::Basic { password, .. } => {
                let id = self.genuine(password)?;
                Some(self.identity(id).await)
            }
            _ => None,
        }
    }
}

/// Says where they are, and nothing of them.
impl fmt::Debug for Robots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Robots").field("drawer", &self.drawer).finish_non_exhaustive()
    }
}

// === impl Robot ===

impl Scope for Robot {
    fn contains(&self, access: &Access) -> bool {
        self.scopes.iter().any(|scope| scope.contains(access))
    }
}

fn record_name(id: &str) -> String {
    format!("{RECORD}{id}")
}

fn is_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
