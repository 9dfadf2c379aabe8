//! What happens when all places for connections are taken.
//!
//! Whoever comes then waits, and those without a request are asked to make room, again and again until
//! there is some. One that has had no request since it was last asked does. So idle clients, and such
//! as never come to the end of a header, keep nobody out for more than a moment.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, timeout},
};

use crate::running::Running;

/// The places for connections.
pub(crate) struct Room {
    places: Option<Arc<Semaphore>>,
    ask: watch::Sender<()>,
    asked: Mutex<Option<Instant>>,
}

/// A place, until it is dropped.
pub(crate) struct Place(#[expect(dead_code, reason = "it is held")] Option<OwnedSemaphorePermit>);

/// Hears when somebody waits for a place.
#[derive(Clone)]
pub(crate) struct Crowd(watch::Receiver<()>);

/// How often room is asked for at most, and so how long who makes room has had no request.
const AGAIN: Duration = Duration::from_secs(1);

// === impl Room ===

impl Room {
    pub(crate) fn new(most: Option<usize>) -> Self {
        let places = most.map(|most| Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))));
        Self { places, ask: watch::Sender::new(()), asked: Mutex::default() }
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

    /// Asks for room, unless that was done a moment ago: who works has to have time for a request between
    /// two questions, however many there are that wait.
    fn ask(&self) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if asked.is_none_or(|asked| now.saturating_duration_since(asked) >= AGAIN) {
            *asked = Some(now);
            self.ask.send_replace(());
        }
    }

    pub(crate) fn crowd(&self) -> Crowd {
        Crowd(self.ask.subscribe())
    }
}

// === impl Crowd ===

impl Crowd {
    /// Ready when somebody waits for the place of a connection that has no request.
    pub(crate) async fn wants_place(&mut self, running: &Running) {
        let mut idle_since = None;
        loop {
            if self.0.changed().await.is_err() {
                // Nobody comes any more.
                return std::future::pending().await;
            }
            let ever = (running.now() == 0).then(|| running.ever());
            if ever.is_some() && ever == idle_since {
                return;
            }
            idle_since = ever;
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
            let mut crowd = room.crowd();
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

    #[tokio::test(start_paused = true)]
    async fn many_who_come_at_once_ask_once() {
        let room = Arc::new(Room::new(Some(1)));
        let (working, mut crowd) = (Running::default(), room.crowd());
        let wanted = tokio::spawn(async move { crowd.wants_place(&working).await });
        tokio::task::yield_now().await;
        for _ in 0..3 {
            // The place is taken, and free again soon.
            let place = room.enter().await;
            let waiting = timeout(AGAIN / 10, room.enter()).await;
            assert!(waiting.is_err());
            drop(place);
            tokio::task::yield_now().await;
        }
        assert!(!wanted.is_finished(), "it had a request a moment ago, for all we know");
        let _place = room.enter().await;
        assert!(timeout(AGAIN * 3, room.enter()).await.is_err());
        wanted.await.unwrap();
    }

    #[tokio::test]
    async fn without_a_limit_there_is_always_room() {
        let room = Room::new(None);
        let _places = [room.enter().await, room.enter().await];
    }
}
