//! A session: a chain of records that only grows.
//!
//! Record `n + 1` is created, if it is absent, by a writer that has read record `n`, and none is ever
//! changed or removed while the session lives. So the records that are there are `1..=n` at any time;
//! exactly one writer makes the next one; and whoever loses knows it, at the moment at which it wants
//! to keep something, and before it tells anybody that it did. There is no lock, no lease and no
//! clock: a writer that was paused for an hour finds its number taken.
//!
//! Writers never write the same object (each has a [`Nonce`](crate::pieces::Nonce) of its own), and a
//! record lists all the objects that it stands for, with the state of the caller for exactly these.
//! So bytes of two writers cannot be mixed: one's record is the next one, or the other's.
//!
//! The last record is found without a list: by doubling the step while records are found, and halving
//! it afterwards. A record that is found to be absent had none after it at that moment, so that what
//! is found was the last one then. A session that goes loses its first record first, and is no session
//! from then on.
//!
//! Where a store does not hold to create-if-absent, two records with one number may both seem to be
//! written. The one that stays is the session, so that still nothing is mixed; but both writers may
//! believe that theirs did.

use bytes::Bytes;
use wharf_driver::{Error, ErrorKind, Result, StoragePath};

use crate::{objects::Objects, pieces::Nonce, record::Record};

/// The records of a session.
#[derive(Clone, Copy)]
pub(crate) struct Chain<'a> {
    pub(crate) objects: &'a Objects,
    pub(crate) session: &'a StoragePath,
}

/// A record and its number; number 0 is the empty session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Link {
    pub(crate) number: u64,
    pub(crate) record: Record,
}

/// The largest record that is read.
const LIMIT: u64 = 64 << 20;

// === impl Chain ===

impl Chain<'_> {
    /// Where the record of a number lies.
    pub(crate) fn path(self, number: u64) -> StoragePath {
        self.session.join(&format!("checkpoint/{number:010}")).expect("path components")
    }

    /// The last record, `None` if there is none.
    pub(crate) async fn last(self) -> Result<Option<Link>> {
        let Some(record) = self.read(1).await? else { return Ok(None) };
        let (mut last, mut step) = (Link { number: 1, record }, 1);
        while let Some(record) = self.read(last.number + step).await? {
            last = Link { number: last.number + step, record };
            step *= 2;
        }
        let mut absent = last.number + step;
        while absent - last.number > 1 {
            let number = last.number + (absent - last.number) / 2;
            match self.read(number).await? {
                Some(record) => last = Link { number, record },
                None => absent = number,
            }
        }
        Ok(Some(last))
    }

    /// Writes the record after `last`. `Busy` if another writer was faster.
    pub(crate) async fn grow(self, last: u64, record: &Record, writer: &Nonce) -> Result<()> {
        let number = last + 1;
        let (key, content) = (self.objects.key(&self.path(number)), record.encode(writer));
        let created = self.objects.create(&key, content.clone()).await?;
        // A request that was repeated may have been heard the first time. And a store that does not
        // hold to create-if-absent is asked what it kept.
        if (!created || !self.objects.create_if_absent) && !self.holds(number, &content).await? {
            return Err(Error::new(ErrorKind::Busy, self.session));
        }
        Ok(())
    }

    /// Fails with `NotFound` if the session, which has been saved, is gone.
    pub(crate) async fn check(self) -> Result<()> {
        match self.objects.head(&self.objects.key(&self.path(1))).await? {
            Some(_) => Ok(()),
            None => Err(Error::new(ErrorKind::NotFound, self.session)),
        }
    }

    /// What it means that an object of the session is not there any more: another writer has gone on
    /// and needs it no longer, or the session is gone.
    pub(crate) async fn lost(self, last: u64, missing: Error) -> Error {
        let busy = || Error::new(ErrorKind::Busy, self.session);
        match self.objects.head(&self.objects.key(&self.path(last + 1))).await {
            Ok(Some(_)) => busy(),
            Ok(None) => missing,
            Err(error) => error,
        }
    }

    async fn holds(self, number: u64, content: &Bytes) -> Result<bool> {
        match self.objects.read(&self.objects.key(&self.path(number)), LIMIT).await {
            Ok(found) => Ok(found == content),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn read(self, number: u64) -> Result<Option<Record>> {
        let path = self.path(number);
        let content = match self.objects.read(&self.objects.key(&path), LIMIT).await {
            Err(error) if error.is_not_found() => return Ok(None),
            content => content?,
        };
        let record = Record::decode(&content);
        record.map(Some).ok_or_else(|| Error::new(ErrorKind::Corrupt, path))
    }
}
