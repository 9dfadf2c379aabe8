//! `auth.issuer` → a desk for tokens, and who knows them.

use std::sync::Arc;

use wharf_auth::{
    Authenticate, Gate, Htpasswd, Policy,
    issuer::{Drawer, Issuer, Options, Robots},
};
use wharf_config::{Auth, Configuration, Controller};
use wharf_driver::Driver;
use wharf_storage::tree;

use super::auth::{failure, users};
use crate::Error;

pub(crate) const KEYS: &[&str] = &[
    "auth.issuer.service",
    "auth.issuer.realm",
    "auth.issuer.expiration",
    "auth.issuer.session",
    "auth.issuer.rotation",
];

/// A desk for tokens, of which the store is still to come.
pub(crate) struct Issuing {
    options: Options,
    users: Arc<Htpasswd>,
    others: Vec<Arc<dyn Authenticate>>,
    policy: Arc<Policy>,
    forbids: bool,
}

// === impl Issuing ===

impl Issuing {
    pub(crate) fn new(
        issuer: &wharf_config::Issuer,
        prefix: &str,
        users: Arc<Htpasswd>,
        others: Vec<Arc<dyn Authenticate>>,
        (policy, forbids): (Policy, bool),
    ) -> Self {
        // Every field is named, so that a new one is not forgotten here.
        let wharf_config::Issuer { service, realm, expiration, session, rotation } = issuer.clone();
        let path = format!("{prefix}token");
        let lifetime = expiration;
        let options = Options { path, realm, service, lifetime, session, rotation };
        Self { options, users, others, policy: Arc::new(policy), forbids }
    }

    /// The gate, and the desk that it sends clients to.
    pub(crate) async fn take_up(self, driver: &Arc<dyn Driver>) -> Result<(Gate, Issuer), Error> {
        let Self { options, users, others, policy, forbids } = self;
        let robots = open(driver, Arc::clone(&users)).await?;
        let robots = Arc::new(robots);
        let keys = Drawer::new(Arc::clone(driver), tree::ours(tree::TOKEN_KEYS));
        let desk = Issuer::new(options, Arc::clone(&users), Arc::clone(&policy), keys);
        let desk = desk.with(Arc::clone(&robots) as _);
        let desk = others.iter().cloned().fold(desk, Issuer::with);
        let gate = Gate::new(desk.challenge(), policy)
            .forbids(forbids)
            .with(Arc::new(desk.issued(Some(Arc::clone(&robots)))))
            .with(robots);
        let gate = others.into_iter().fold(gate, Gate::with).with(users);
        Ok((gate, desk))
    }
}

/// The tokens of robots in the store of a configuration, and the users that they may be for.
pub async fn robots(configuration: &Configuration) -> Result<(Robots, Arc<Htpasswd>), Error> {
    let users = match &configuration.auth {
        Some(Auth { issuer: Some(_), controller: Controller::Htpasswd { path, .. }, .. }) => {
            Arc::new(users(path)?)
        }
        _ => {
            let problem = "tokens are taken only by a registry that has this section";
            return Err(failure("auth.issuer", problem));
        }
    };
    let driver = crate::open_store(configuration).await?;
    if !driver.capabilities().persistent {
        return Err(failure("auth.issuer", "this store forgets every token at once"));
    }
    Ok((open(&driver, Arc::clone(&users)).await?, users))
}

async fn open(driver: &Arc<dyn Driver>, users: Arc<Htpasswd>) -> Result<Robots, Error> {
    let drawer = Drawer::new(Arc::clone(driver), tree::ours(tree::TOKENS));
    let robots = Robots::open(drawer, Some(users)).await;
    robots.map_err(|error| failure("auth.issuer", error))
}
