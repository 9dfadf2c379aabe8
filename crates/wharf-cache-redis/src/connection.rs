//! A connection to something that may not be there.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{Cmd, FromRedisValue, RedisError};
use tokio::time::{Instant, timeout};

use crate::{
    Error, Options,
    way::{Connection, Way},
};

/// Redis, as long as it answers.
pub(crate) struct Link {
    way: Way,
    connect_timeout: Duration,
    timeout: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<Connection>,
    /// Counts connections, so that each is given up once.
    generation: u64,
    /// Somebody makes a connection.
    connecting: bool,
    /// Nothing is tried before.
    away_until: Option<Instant>,
    /// Whether its absence was told.
    told: bool,
}

/// How long it is left alone after it did not answer.
const PAUSE: Duration = Duration::from_secs(2);

// === impl Link ===

impl Link {
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        Ok(Self {
            way: Way::new(options)?,
            connect_timeout: options.connect_timeout,
            timeout: options.timeout,
            state: Mutex::default(),
        })
    }

    /// What redis answers; `None` if it does not, or not in time.
    pub(crate) async fn ask<T: FromRedisValue>(self: &Arc<Self>, command: &Cmd) -> Option<T> {
        let (generation, mut connection) = self.connection().await?;
        match timeout(self.timeout, connection.ask(command)).await {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(error)) if is_harmless(&error) => {
                tracing::debug!(%error, "redis does not take a descriptor");
                None
            }
            Ok(Err(error)) => {
                self.lost(generation, &error.to_string());
                None
            }
            Err(_) => {
                self.lost(generation, &format!("no answer in {:?}", self.timeout));
                None
            }
        }
    }

    /// The connection there is, or else a new one, unless that is not to be tried now.
    async fn connection(self: &Arc<Self>) -> Option<(u64, Connection)> {
        {
            let mut state = self.lock();
            if let Some(connection) = &state.connection {
                return Some((state.generation, connection.clone()));
            }
            let is_away = state.away_until.is_some_and(|until| Instant::now() < until);
            if is_away || state.connecting {
                return None;
            }
            state.connecting = true;
        }
        // It goes on if the one who needs it first does not wait for it.
        let link = Arc::clone(self);
        tokio::spawn(async move { link.connect().await }).await.ok().flatten()
    }

    async fn connect(&self) -> Option<(u64, Connection)> {
        let connected = timeout(self.connect_timeout, self.way.connect()).await;
        let connected = match connected {
            Ok(connected) => connected.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no connection in {:?}", self.connect_timeout)),
        };
        let mut state = self.lock();
        state.connecting = false;
        match connected {
            Ok(connection) => {
                state.generation += 1;
                state.connection = Some(connection.clone());
                state.away_until = None;
                if std::mem::take(&mut state.told) {
                    tracing::info!("redis is there again");
                }
                Some((state.generation, connection))
            }
            Err(problem) => {
                state.give_up(&problem);
                None
            }
        }
    }

    /// A connection is of no use any more.
    fn lost(&self, generation: u64, problem: &str) {
        let mut state = self.lock();
        if state.generation == generation && state.connection.take().is_some() {
            state.give_up(problem);
        }
    }

    /// The state. It is whole even if a thread panicked with it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    fn give_up(&mut self, problem: &str) {
        self.away_until = Some(Instant::now() + PAUSE);
        if !std::mem::replace(&mut self.told, true) {
            tracing::warn!(problem, "redis is away: descriptors are asked of the store");
        }
    }
}

/// An error of one command, not of the connection: redis is full.
fn is_harmless(error: &RedisError) -> bool {
    error.code() == Some("OOM")
}
