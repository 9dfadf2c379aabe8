//! Checks that cost much, so that they are few: remembered for a while, limited in number, and shared
//! out so that one who sends wrong passwords all the time uses up neither them nor the processor.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use moka::{Expiry, future, sync};
use tokio::{sync::Semaphore, task::spawn_blocking, time::sleep_until};

/// How many checks there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// At once, from addresses that have not yet proven anything; and as many from those that have.
    pub parallel: usize,
    /// Waiting, of each of the two kinds of addresses.
    pub waiting: usize,
    /// Waiting or under way, from one address. Clients behind a proxy that does not name them have
    /// none, and count as the users that they say they are.
    pub by_address: usize,
    /// How many times the duration of a wrong check an address then waits for its next one.
    pub rest: u32,
    /// For how long a right password is remembered, unless the file changes.
    pub remember: Duration,
    /// For how long a wrong one is.
    pub remember_wrong: Duration,
}

/// The checks of one file.
pub(crate) struct Checks {
    limits: Limits,
    results: future::Cache<[u8; 32], bool>,
    /// From whom a right password came lately. They queue apart from the others.
    proven: sync::Cache<Asker, ()>,
    lanes: [Arc<Lane>; 2],
    askers: Arc<Askers>,
}

/// Those who have checks waiting or under way, or who rest after wrong ones.
type Askers = Mutex<HashMap<Asker, Share>>;

/// What an asker takes up.
#[derive(Default)]
struct Share {
    checks: usize,
    rests_until: Option<Instant>,
}

/// For whom a check counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Asker {
    /// A client.
    Address(IpAddr),
    /// Whoever says that they are this user, behind a proxy that does not say where they are.
    User(String),
}

/// There are too many checks already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overloaded;

/// A queue of checks.
struct Lane {
    permits: Arc<Semaphore>,
    queued: AtomicUsize,
}

/// A check of an asker.
struct Turn {
    askers: Arc<Askers>,
    asker: Asker,
}

/// A place in a queue.
struct Place(Arc<Lane>);

/// Forgets a result after a time of its own.
struct Forget(Limits);

/// The most results and addresses that are remembered.
const MOST: u64 = 10_000;

/// For how long an address counts as proven.
const PROVEN: Duration = Duration::from_secs(24 * 3600);

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            parallel: (cores / 2).max(1),
            waiting: 64,
            by_address: 8,
            rest: 4,
            remember: Duration::from_secs(300),
            remember_wrong: Duration::from_secs(10),
        }
    }
}

// === impl Checks ===

impl Checks {
    /// When somebody who was turned away may try again.
    pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(2);

    pub(crate) fn new(limits: Limits) -> Self {
        let lane = || {
            let permits = Arc::new(Semaphore::new(limits.parallel.max(1)));
            Arc::new(Lane { permits, queued: AtomicUsize::new(0) })
        };
        Self {
            limits,
            results: future::Cache::builder()
                .max_capacity(MOST)
                .expire_after(Forget(limits))
                .build(),
            proven: sync::Cache::builder().max_capacity(MOST).time_to_live(PROVEN).build(),
            lanes: [lane(), lane()],
            askers: Arc::default(),
        }
    }

    /// For how long a right password is remembered.
    pub(crate) fn remember(&self) -> Duration {
        self.limits.remember
    }

    /// What `verify` says about a user, or said lately under the same key. Many who ask under one key
    /// at once wait for one check.
    pub(crate) async fn check(
        &self,
        key: [u8; 32],
        client: Option<IpAddr>,
        user: &str,
        verify: impl FnOnce() -> bool + Send + 'static,
    ) -> Result<bool, Overloaded> {
        let check = self.costly(client, user, verify);
        let right = self.results.try_get_with(key, check).await.map_err(|busy| *busy)?;
        Ok(right)
    }

    async fn costly(
        &self,
        client: Option<IpAddr>,
        user: &str,
        verify: impl FnOnce() -> bool + Send + 'static,
    ) -> Result<bool, Overloaded> {
        let turn = self.turn(Asker::new(client, user))?;
        turn.rest().await;
        let place = self.queue(&turn.asker)?;
        let permit = Arc::clone(&place.0.permits).acquire_owned().await.map_err(|_| Overloaded)?;
        let (proven, rest) = (self.proven.clone(), self.limits.rest);
        // Whoever asked may leave: what has begun takes its time, and counts, all the same.
        let check = tokio::spawn(async move {
            let began = Instant::now();
            let right = spawn_blocking(verify).await.unwrap_or(false);
            drop((permit, place));
            match right {
                true => proven.insert(turn.asker.clone(), ()),
                false => turn.rest_for(began.elapsed() * rest),
            }
            right
        });
        Ok(check.await.unwrap_or(false))
    }

    /// A check of an asker who has not too many.
    fn turn(&self, asker: Asker) -> Result<Turn, Overloaded> {
        let mut askers = self.askers.lock().unwrap_or_else(PoisonError::into_inner);
        let share = askers.entry(asker.clone()).or_default();
        if share.checks >= self.limits.by_address {
            return Err(Overloaded);
        }
        share.checks += 1;
        Ok(Turn { askers: Arc::clone(&self.askers), asker })
    }

    /// A place in the queue of an asker, if it is not full.
    fn queue(&self, asker: &Asker) -> Result<Place, Overloaded> {
        let lane = &self.lanes[usize::from(self.proven.contains_key(asker))];
        let place = Place(Arc::clone(lane));
        let before = lane.queued.fetch_add(1, SeqCst);
        (before < self.limits.waiting + self.limits.parallel).then_some(place).ok_or(Overloaded)
    }
}

// === impl Asker ===

impl Asker {
    fn new(client: Option<IpAddr>, user: &str) -> Self {
        client.map(network).map_or_else(|| Self::User(user.to_owned()), Self::Address)
    }
}

// === impl Turn ===

impl Turn {
    /// Waits until the asker has rested.
    async fn rest(&self) {
        while let Some(until) = self.rests_until().filter(|until| *until > Instant::now()) {
            sleep_until(until.into()).await;
        }
    }

    fn rests_until(&self) -> Option<Instant> {
        let askers = self.askers.lock().unwrap_or_else(PoisonError::into_inner);
        askers.get(&self.asker)?.rests_until
    }

    /// Lets the asker rest, for longer if it rests already. Until then the turn is not over.
    fn rest_for(self, time: Duration) {
        if time.is_zero() {
            return;
        }
        let until = {
            let mut askers = self.askers.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(share) = askers.get_mut(&self.asker) else { return };
            let now = Instant::now();
            let until = share.rests_until.map_or(now, |until| until.max(now)) + time;
            *share.rests_until.insert(until)
        };
        tokio::spawn(async move {
            sleep_until(until.into()).await;
            drop(self);
        });
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut askers = self.askers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = askers.get_mut(&self.asker) {
            share.checks -= 1;
            if share.checks == 0 {
                askers.remove(&self.asker);
            }
        }
    }
}

// === impl Place ===

impl Drop for Place {
    fn drop(&mut self) {
        self.0.queued.fetch_sub(1, SeqCst);
    }
}

// === impl Forget ===

impl Expiry<[u8; 32], bool> for Forget {
    fn expire_after_create(&self, _: &[u8; 32], right: &bool, _: Instant) -> Option<Duration> {
        Some(if *right { self.0.remember } else { self.0.remember_wrong })
    }
}

/// An address, or for IPv6 the network of one subscriber, who has as many addresses as anybody likes.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::time::timeout;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn address(n: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, n]))
    }

    fn key(n: u8) -> [u8; 32] {
        [n; 32]
    }

    fn limits() -> Limits {
        Limits { parallel: 1, waiting: 4, by_address: 2, rest: 0, ..Limits::default() }
    }

    #[tokio::test]
    async fn a_result_is_remembered_under_its_key() {
        let checks = Checks::new(limits());
        assert_eq!(checks.check(key(1), address(1), "a", || true).await, Ok(true));
        assert_eq!(checks.check(key(1), address(2), "a", || panic!("not again")).await, Ok(true));
        assert_eq!(checks.check(key(2), address(1), "a", || false).await, Ok(false));
        assert_eq!(checks.check(key(2), address(1), "a", || panic!("not again")).await, Ok(false));
        // A check that breaks is no proof.
        assert_eq!(checks.check(key(3), address(1), "a", || panic!("on purpose")).await, Ok(false));
    }

    #[tokio::test]
    async fn a_wrong_password_is_forgotten_soon() {
        let soon = Limits { remember_wrong: Duration::from_millis(1), ..limits() };
        let checks = Checks::new(soon);
        assert_eq!(checks.check(key(1), address(1), "a", || false).await, Ok(false));
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(checks.check(key(1), address(1), "a", || true).await, Ok(true));
    }

    #[tokio::test]
    async fn a_flood_of_one_address_does_not_starve_the_others() {
        let checks = Arc::new(Checks::new(limits()));
        let (release, wait) = mpsc::channel::<()>();
        let wait = Arc::new(Mutex::new(wait));
        // The good client has been here before.
        assert_eq!(checks.check(key(100), address(9), "a", || true).await, Ok(true));
        let mut flood = Vec::new();
        for n in 0..20 {
            let (checks, wait) = (Arc::clone(&checks), Arc::clone(&wait));
            flood.push(tokio::spawn(async move {
                let slow = move || wait.lock().unwrap().recv().is_ok();
                checks.check(key(n), address(1), "a", slow).await
            }));
        }
        // All but two are turned away at once, while those two wait.
        let turned_away = async {
            while flood.iter().filter(|one| one.is_finished()).count() < 18 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, turned_away).await.unwrap();
        // Remembered, or checked in the lane of those who have proven something.
        assert_eq!(checks.check(key(100), address(9), "a", || false).await, Ok(true));
        let fresh = timeout(PATIENCE, checks.check(key(101), address(9), "a", || true)).await;
        assert_eq!(fresh.unwrap(), Ok(true));
        drop(release);
        let mut overloaded = 0;
        for one in flood {
            overloaded += usize::from(timeout(PATIENCE, one).await.unwrap().unwrap().is_err());
        }
        assert_eq!(overloaded, 18);
        // Nothing of them is left behind.
        assert!(checks.askers.lock().unwrap().is_empty());
        assert_eq!(checks.lanes[0].queued.load(SeqCst), 0);
    }

    #[tokio::test]
    async fn whoever_was_wrong_rests_and_nobody_else() {
        let checks = Arc::new(Checks::new(Limits { rest: 1_000_000, ..limits() }));
        assert_eq!(checks.check(key(1), address(1), "a", || true).await, Ok(true));
        let slow = || {
            std::thread::sleep(Duration::from_millis(10));
            false
        };
        assert_eq!(checks.check(key(2), address(1), "a", slow).await, Ok(false));
        // Also with the right password, and remembered ones are known.
        let next = {
            let checks = Arc::clone(&checks);
            tokio::spawn(async move { checks.check(key(3), address(1), "a", || true).await })
        };
        while checks.askers.lock().unwrap().values().all(|share| share.checks < 2) {
            tokio::task::yield_now().await;
        }
        assert_eq!(checks.check(key(4), address(1), "a", || true).await, Err(Overloaded));
        assert_eq!(checks.check(key(1), address(1), "a", || panic!("not again")).await, Ok(true));
        let other = timeout(PATIENCE, checks.check(key(5), address(2), "a", || true)).await;
        assert_eq!(other.unwrap(), Ok(true));
        assert!(!next.is_finished());
        // Those who rest are in nobody's way.
        assert_eq!(checks.lanes.each_ref().map(|lane| lane.queued.load(SeqCst)), [0, 0]);
    }

    #[tokio::test]
    async fn whoever_leaves_is_not_rid_of_the_check() {
        let checks = Arc::new(Checks::new(Limits { rest: 1_000_000, ..limits() }));
        let (begin, begun) = tokio::sync::oneshot::channel();
        let (release, wait) = mpsc::channel::<()>();
        let leaving = {
            let checks = Arc::clone(&checks);
            let slow = move || {
                begin.send(()).unwrap();
                wait.recv().is_ok()
            };
            tokio::spawn(async move { checks.check(key(1), address(1), "a", slow).await })
        };
        timeout(PATIENCE, begun).await.unwrap().unwrap();
        leaving.abort();
        assert!(leaving.await.unwrap_err().is_cancelled());
        // It is under way as before, and once it has failed, its asker rests.
        assert_eq!(checks.lanes[0].permits.available_permits(), 0);
        assert_eq!(checks.lanes[0].queued.load(SeqCst), 1);
        drop(release);
        let rests = async {
            while checks.askers.lock().unwrap().values().all(|it| it.rests_until.is_none()) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, rests).await.unwrap();
        assert_eq!(checks.lanes[0].permits.available_permits(), 1);
    }

    #[tokio::test]
    async fn a_rest_ends() {
        let checks = Checks::new(Limits { rest: 4, ..limits() });
        let wrong = || {
            std::thread::sleep(Duration::from_millis(10));
            false
        };
        let began = Instant::now();
        assert_eq!(checks.check(key(1), address(1), "a", wrong).await, Ok(false));
        let next = timeout(PATIENCE, checks.check(key(2), address(1), "a", || true)).await;
        assert_eq!(next.unwrap(), Ok(true));
        assert!(began.elapsed() >= Duration::from_millis(50));
        while !checks.askers.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn behind_a_proxy_that_names_nobody_each_user_has_a_share() {
        let checks = Arc::new(Checks::new(Limits { by_address: 1, ..limits() }));
        let (release, wait) = mpsc::channel::<()>();
        let slow = {
            let checks = Arc::clone(&checks);
            let verify = move || wait.recv().is_ok();
            tokio::spawn(async move { checks.check(key(1), None, "a", verify).await })
        };
        while checks.askers.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(checks.check(key(2), None, "a", || true).await, Err(Overloaded));
        assert_eq!(checks.lanes[0].queued.load(SeqCst), 1);
        let other = {
            let checks = Arc::clone(&checks);
            tokio::spawn(async move { checks.check(key(3), None, "b", || true).await })
        };
        release.send(()).unwrap();
        assert_eq!(timeout(PATIENCE, slow).await.unwrap().unwrap(), Ok(true));
        assert_eq!(timeout(PATIENCE, other).await.unwrap().unwrap(), Ok(true));
    }

    #[tokio::test]
    async fn no_queue_grows_without_end() {
        let checks = Arc::new(Checks::new(limits()));
        let (release, wait) = mpsc::channel::<()>();
        let wait = Arc::new(Mutex::new(wait));
        let mut tasks = Vec::new();
        for n in 0..50 {
            let (checks, wait) = (Arc::clone(&checks), Arc::clone(&wait));
            tasks.push(tokio::spawn(async move {
                let slow = move || wait.lock().unwrap().recv().is_ok();
                checks.check(key(n), address(n), "a", slow).await
            }));
        }
        let turned_away = async {
            while tasks.iter().filter(|one| one.is_finished()).count() < 45 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, turned_away).await.unwrap();
        drop(release);
        let mut checked = 0;
        for task in tasks {
            checked += usize::from(timeout(PATIENCE, task).await.unwrap().unwrap().is_ok());
        }
        assert_eq!(checked, 5);
    }

    #[test]
    fn a_subscriber_is_one_address() {
        let one = network("2001:db8::1".parse().unwrap());
        assert_eq!(one, network("2001:db8::ffff:1".parse().unwrap()));
        assert_ne!(one, network("2001:db8:0:1::1".parse().unwrap()));
        assert_eq!(Some(network("::ffff:192.0.2.1".parse().unwrap())), address(1));
    }
}
