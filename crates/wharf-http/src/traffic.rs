//! Counts connections and requests, and says when it is too many of them.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use http::{HeaderValue, header};
use wharf_api::{ErrorCode, ErrorInfo};

use crate::{
    Limits,
    errors::Failure,
    tally::{Cells, Tally},
};

/// What is under way.
pub(crate) struct Traffic {
    connections: Tally,
    most_requests: usize,
    requests: AtomicUsize,
    addresses: Tally,
    principals: Tally,
}

/// A connection that counts until it is dropped.
pub(crate) struct Connected {
    traffic: Arc<Traffic>,
    cells: Option<Cells>,
}

/// A request that counts until it is dropped, with whatever it is that goes on: its work, its answer.
#[derive(Default)]
pub(crate) struct Counted(Option<Places>);

struct Places {
    traffic: Arc<Traffic>,
    address: Option<Cells>,
    principal: Option<Cells>,
}

/// Who has too many requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooMany {
    /// All clients together.
    Everybody,
    /// One address.
    Address,
    /// One user.
    Principal,
}

/// After how many seconds to try again.
const COME_BACK: HeaderValue = HeaderValue::from_static("1");

// === impl Traffic ===

impl Traffic {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            connections: Tally::new(limits.connections_per_address),
            most_requests: limits.requests.unwrap_or(usize::MAX),
            requests: AtomicUsize::new(0),
            addresses: Tally::new(limits.requests_per_address),
            principals: Tally::new(limits.requests_per_principal),
        })
    }

    /// A connection of an address, `None` if it has too many.
    pub(crate) fn connect(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Connected> {
        let cells = match address {
            Some(address) => self.connections.enter(address).ok()?,
            None => None,
        };
        Some(Connected { traffic: Arc::clone(self), cells })
    }

    /// A request of an address.
    pub(crate) fn begin(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Counted, TooMany> {
        // From here on, what is dropped is counted back.
        let before = self.requests.fetch_add(1, Relaxed);
        let traffic = Arc::clone(self);
        let mut places = Places { traffic, address: None, principal: None };
        if before >= self.most_requests {
            return Err(TooMany::Everybody);
        }
        if let Some(address) = address {
            places.address = self.addresses.enter(address).map_err(|()| TooMany::Address)?;
        }
        Ok(Counted(Some(places)))
    }
}

// === impl Connected ===

impl Drop for Connected {
    fn drop(&mut self) {
        self.cells.into_iter().for_each(|cells| self.traffic.connections.leave(cells));
    }
}

// === impl Counted ===

impl Counted {
    /// It is known whose request it is.
    pub(crate) fn belongs_to(&mut self, principal: &str) -> Result<(), TooMany> {
        if let Some(places) = &mut self.0 {
            let entered = places.traffic.principals.enter(principal);
            places.principal = entered.map_err(|()| TooMany::Principal)?;
        }
        Ok(())
    }
}

// === impl Places ===

impl Drop for Places {
    fn drop(&mut self) {
        self.traffic.requests.fetch_sub(1, Relaxed);
        self.address.into_iter().for_each(|cells| self.traffic.addresses.leave(cells));
        self.principal.into_iter().for_each(|cells| self.traffic.principals.leave(cells));
    }
}

// === impl TooMany ===

impl From<TooMany> for Failure {
    fn from(whose: TooMany) -> Self {
        let (code, what) = match whose {
            TooMany::Everybody => (ErrorCode::Unavailable, "the registry has too many requests"),
            TooMany::Address => (ErrorCode::TooManyRequests, "too many requests from this address"),
            TooMany::Principal => (ErrorCode::TooManyRequests, "too many requests of this user"),
        };
        let error = ErrorInfo::new(code).with_message(what);
        Self::from(error).with(header::RETRY_AFTER, COME_BACK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic(requests: usize, address: usize, principal: usize) -> Arc<Traffic> {
        Traffic::new(&Limits {
            requests: Some(requests),
            requests_per_address: Some(address),
            requests_per_principal: Some(principal),
            ..Limits::default()
        })
    }

    fn address(last: u8) -> Option<IpAddr> {
        Some([192, 0, 2, last].into())
    }

    #[test]
    fn each_address_and_each_user_has_a_limit_and_all_have_one() {
        let traffic = traffic(3, 2, 1);
        let mut first = traffic.begin(address(1)).map_err(drop).unwrap();
        let mut second = traffic.begin(address(1)).map_err(drop).unwrap();
        assert_eq!(traffic.begin(address(1)).map(drop), Err(TooMany::Address));
        assert_eq!(first.belongs_to("a"), Ok(()));
        assert_eq!(second.belongs_to("a"), Err(TooMany::Principal));
        let third = traffic.begin(address(2)).map_err(drop).unwrap();
        assert_eq!(traffic.begin(None).map(drop), Err(TooMany::Everybody));
        drop((first, third));
        assert_eq!(second.belongs_to("a"), Ok(()));
        assert!(traffic.begin(None).is_ok());
        drop(second);
        assert_eq!(traffic.requests.load(Relaxed), 0);
    }

    #[test]
    fn connections_of_an_address_have_a_limit() {
        let limits = Limits { connections_per_address: Some(1), ..Limits::default() };
        let traffic = Traffic::new(&limits);
        let first = traffic.connect(address(1)).unwrap();
        assert!(traffic.connect(address(1)).is_none());
        assert!(traffic.connect(address(2)).is_some());
        assert!(traffic.connect(None).is_some());
        drop(first);
        assert!(traffic.connect(address(1)).is_some());
    }
}
