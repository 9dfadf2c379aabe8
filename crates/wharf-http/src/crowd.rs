//! What happens when all places for connections are taken.
//!
//! Whoever comes then waits, and those that have had no request for longest are asked to make room, a few
//! at a time, again and again until there is some. One that has had none for a moment does. So idle
//! clients, and such as never come to the end of a header, keep nobody out for more than a moment; and
//! thousands of them that leave do not do so at once, while others wait for their answers.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

use crate::running::Running;

/// The places for connections.
pub(crate) struct Room {
    places: Option<Arc<Semaphore>>,
    /// How many are asked at a time.
    few: usize,
    crowd: Crowd,
    asked: Mutex<Option<Instant>>,
}

/// A place, until it is dropped.
pub(crate) struct Place(#[expect(dead_code, reason = "it is held")] Option<OwnedSemaphorePermit>);

/// Those who have a place, in the order in which they were asked last.
#[derive(Clone)]
pub(crate) struct Crowd(Arc<Notify>);

/// How often room is asked for at most.
const AGAIN: Duration = Duration::from_millis(100);

/// How long who makes room has had no request, at least.
const REST: Duration = Duration::from_secs(1);

/// One of so many is asked at a time.
const SHARE: usize = 100;

// === impl Room ===

impl Room {
    pub(crate) fn new(most: Option<usize>) -> Self {
        let most = most.map(|most| most.min(Semaphore::MAX_PERMITS));
        Self {
            places: most.map(|most| Arc::new(Semaphore::new(most))),
            few: most.unwrap_or_default().div_ceil(SHARE),
            crowd: Crowd(Arc::default()),
            asked: Mutex::default(),
        }
    }

    /// A place, as soon as there is one.
    pub(crate) async fn enter(&self) -> Place {
        let Some(places) = &self.places else { return Place(None) };
        if let Ok(permit) = Arc::clone(places).try_acquire_owned() {
            return Place(Some(permit));
        }
        loop {
            self.ask();
            if let Ok(permit) = timeout(AGAIN, Arc::clone(places).acquire_owned()).await {
                return Place(permit.ok());
            }
        }
    }

    /// Asks a few for room, unless that was done a moment ago.
    fn ask(&self) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if asked.is_none_or(|asked| now.saturating_duration_since(asked) >= AGAIN) {
            *asked = Some(now);
            // The first of those who wait for it hears each.
            (0..self.few).for_each(|_| self.crowd.0.notify_one());
        }
    }

    pub(crate) fn crowd(&self) -> Crowd {
        self.crowd.clone()
    }
}

// === impl Crowd ===

impl Crowd {
    /// Ready when somebody waits for the place of a connection that has had no request for a while.
    pub(crate) async fn wants_place(&self, running: &Running) {
        // How many requests there have been, if there is none now.
        let idle = || (running.now() == 0).then(|| running.ever());
        let (mut since, mut seen) = (Instant::now(), idle());
        loop {
            // Whoever is asked in vain is the last one to be asked again.
            self.0.notified().await;
            let now = idle();
            if now.is_none() || now != seen {
                (since, seen) = (Instant::now(), now);
            } else if since.elapsed() >= REST {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_is_idle_makes_room_and_who_is_not_stays() {
        let room = Arc::new(Room::new(Some(2)));
        let (idle, busy) = (Running::default(), Running::default());
        let _request = busy.enter();
        let spawn = |place: Place, running: Running| {
            let crowd = room.crowd();
            tokio::spawn(async move {
                crowd.wants_place(&running).await;
                drop(place);
            })
        };
        let first = spawn(room.enter().await, idle);
        let second = spawn(room.enter().await, busy.clone());
        tokio::task::yield_now().await;
        let _third = room.enter().await;
        first.await.unwrap();
        assert!(!second.is_finished());
        let waiting = timeout(AGAIN * 10, room.enter()).await;
        assert!(waiting.is_err() && !second.is_finished());
    }

    /// Who works has time for a request between two questions, however many there are that wait.
    #[tokio::test(start_paused = true)]
    async fn who_has_had_a_request_a_moment_ago_stays() {
        let room = Arc::new(Room::new(Some(1)));
        let (working, crowd) = (Running::default(), room.crowd());
        let others = working.clone();
        let wanted = tokio::spawn(async move { crowd.wants_place(&working).await });
        let _place = room.enter().await;
        for _ in 0..20 {
            assert!(timeout(REST / 2, room.enter()).await.is_err());
            drop(others.enter());
        }
        assert!(!wanted.is_finished());
        assert!(timeout(REST * 3, room.enter()).await.is_err());
        wanted.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn those_leave_first_that_have_been_idle_for_longest_and_not_all_at_once() {
        const MOST: usize = 1000;
        let room = Arc::new(Room::new(Some(MOST)));
        let mut all = tokio::task::JoinSet::new();
        for number in 0..MOST {
            let (place, crowd) = (room.enter().await, room.crowd());
            all.spawn(async move {
                crowd.wants_place(&Running::default()).await;
                drop(place);
                number
            });
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(REST).await;
        let _place = room.enter().await;
        let mut left = Vec::new();
        while let Some(number) = all.try_join_next() {
            left.push(number.unwrap());
        }
        left.sort_unstable();
        assert_eq!(left, (0..MOST / SHARE).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn without_a_limit_there_is_always_room() {
        let room = Room::new(None);
        let _places = [room.enter().await, room.enter().await];
    }
}
