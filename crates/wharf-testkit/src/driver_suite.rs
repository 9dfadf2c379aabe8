//! What every storage driver promises, as tests.
//!
//! ```ignore
//! wharf_testkit::driver_suite!(
//!     memory,
//!     capabilities: Capabilities { create_if_absent: true, ..Capabilities::default() },
//!     new: || Subject::new(MemoryDriver::new()),
//! );
//! ```
//!
//! makes a module `memory` with one test per behaviour. Each test gets a fresh store. What a driver
//! cannot do is declared, and asserted.

use std::{any::Any, future::Future, sync::Arc, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use wharf_content::{ByteRange, Content};
use wharf_driver::{
    Capabilities, Driver, Entry, EntryKind, ErrorKind, ListRequest, PutMode, PutOutcome, Result,
    StoragePath, Upload,
};

pub mod concurrency;
pub mod content;
pub mod direct;
pub mod lists;
pub mod model;
pub mod publishing;
pub mod removal;
pub mod uploads;
pub mod watching;

/// A driver over a fresh store, with what keeps the store alive.
pub struct Subject {
    driver: Arc<dyn Driver>,
    reopen: Box<dyn Fn() -> Arc<dyn Driver> + Send + Sync>,
    _kept: Option<Box<dyn Any + Send + Sync>>,
    /// What the driver is declared to be able to do.
    pub declared: Capabilities,
}

/// No behaviour takes longer, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(120);

// === impl Subject ===

impl Subject {
    /// A driver that is its own successor: all that it has is in it.
    pub fn new(driver: impl Driver) -> Self {
        Self::over(Arc::new(driver))
    }

    /// As [`Subject::new`], for a driver that is shared already.
    pub fn over(driver: Arc<dyn Driver>) -> Self {
        let successor = Arc::clone(&driver);
        Self {
            driver,
            reopen: Box::new(move || Arc::clone(&successor)),
            _kept: None,
            declared: Capabilities::default(),
        }
    }

    /// Says how another process would open the same store.
    #[must_use]
    pub fn reopened_by(
        mut self,
        open: impl Fn() -> Arc<dyn Driver> + Send + Sync + 'static,
    ) -> Self {
        self.reopen = Box::new(open);
        self
    }

    /// Keeps something, such as a temporary folder, for as long as the test runs.
    #[must_use]
    pub fn keeping(mut self, kept: impl Any + Send + Sync) -> Self {
        self._kept = Some(Box::new(kept));
        self
    }

    /// The driver under test.
    pub fn driver(&self) -> Arc<dyn Driver> {
        Arc::clone(&self.driver)
    }

    /// A further driver over the same store, as another process has it.
    pub fn another(&self) -> Arc<dyn Driver> {
        (self.reopen)()
    }
}

/// Runs one behaviour, within bounds.
pub fn run<F: Future<Output = ()>>(
    mut subject: Subject,
    declared: Capabilities,
    behaviour: impl FnOnce(Arc<Subject>) -> F,
) {
    subject.declared = declared;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be made");
    runtime.block_on(async {
        tokio::time::timeout(PATIENCE, behaviour(Arc::new(subject)))
            .await
            .expect("the behaviour comes to its end");
    });
}

/// Makes a module with a test for each promise of [`wharf_driver::Driver`].
#[macro_export]
macro_rules! driver_suite {
    ($name:ident, capabilities: $capabilities:expr, new: $new:expr $(,)?) => {
        #[allow(non_snake_case)]
        mod $name {
            use super::*;
            $crate::driver_suite_group!(content, $capabilities, $new;
                content_comes_back_as_it_went_in, every_size_comes_back, content_of_no_bytes_is_there,
                overwriting_leaves_nothing_of_the_old, create_keeps_what_is_there, a_draft_is_content,
                content_is_put_in_order,
                missing_content_is_not_found, a_folder_is_no_content, a_limit_is_kept,
                many_small_reads_are_like_each,
                ranges_cut_exactly, ranges_outside_are_refused, a_reader_keeps_what_it_opened,
                content_and_folders_do_not_share_a_name, awkward_names_are_kept_apart,
                what_is_declared_is_there, what_was_put_is_found_by_another,
            );
            $crate::driver_suite_group!(lists, $capabilities, $new;
                an_absent_folder_is_empty, only_direct_children_are_listed,
                names_come_in_byte_order, every_page_size_gives_the_same_names,
                a_page_starts_after_any_name, the_root_is_listed,
                changes_are_seen_at_once, another_sees_changes_at_once, many_names_are_paged,
                many_lists_are_like_each, content_at_any_depth_is_listed,
            );
            $crate::driver_suite_group!(removal, $capabilities, $new;
                deleted_content_is_gone, deleting_nothing_is_not_found, a_folder_is_not_deleted_as_content,
                all_below_a_folder_goes, a_longer_name_is_not_below, nothing_below_is_false,
                a_deleted_folder_can_be_filled_again, all_below_the_root_goes,
                an_upload_session_goes_with_its_folder, deletes_are_found_by_another,
                a_forgotten_folder_is_gone, forgotten_content_is_gone,
            );
            $crate::driver_suite_group!(uploads, $capabilities, $new;
                an_upload_grows, an_empty_session_is_not_found, a_session_is_cut_back_to_its_checkpoint,
                bytes_without_a_checkpoint_are_dropped, a_checkpoint_at_zero_is_kept,
                checkpoints_are_read_while_held, a_second_writer_is_refused, a_later_save_replaces,
                what_is_read_back_was_appended, a_session_goes_on_after_reading_back,
                a_discarded_session_is_gone, a_discarded_upload_does_nothing_more,
                a_session_that_is_there_is_not_begun_anew, another_takes_up_the_session, sessions_are_apart,
                a_false_size_hint_does_no_harm, odd_pieces_are_appended_in_order,
                a_digester_takes_what_is_appended,
                the_callers_names_are_left_alone, a_session_goes_on_from_its_note,
                large_pieces_on_pages_and_odd_ends_make_one_content,
            );
            $crate::driver_suite_group!(model, $capabilities, $new; a_model_agrees);
            $crate::driver_suite_group!(publishing, $capabilities, $new;
                published_content_is_there, an_empty_upload_is_published, unsaved_bytes_are_published,
                content_goes_with_a_publication,
                what_is_there_stays, damaged_content_is_repaired, one_session_publishes_twice,
                appending_changes_nothing_published, taking_up_changes_nothing_published,
                discarding_changes_nothing_published,
                a_reader_of_deleted_content_is_left_alone, a_failed_publication_leaves_the_session,
                published_content_is_found_by_another,
            );
            $crate::driver_suite_group!(direct, $capabilities, $new;
                direct_content_is_there_once_it_is_published, what_is_given_up_was_never_there,
                direct_content_repairs_and_keeps, direct_content_cannot_be_taken_up,
                a_false_hint_does_no_harm_to_direct_content, many_publish_direct_content,
            );
            $crate::driver_suite_group!(watching, $capabilities, $new;
                what_has_changed_does_not_hold, what_is_not_there_is_not_watched, nothing_old_holds,
            );
            $crate::driver_suite_group!(concurrency, $capabilities, $new;
                one_of_many_creates, many_writers_leave_one_whole, many_publish_one_target,
                many_sessions_at_once, readers_never_see_half, folders_come_and_go,
                one_of_many_takes_up_a_session, many_begin_one_session,
                a_writer_that_is_given_up_lets_the_next_one_in,
            );
        }
    };
}

/// The tests of one part of [`driver_suite!`].
#[doc(hidden)]
#[macro_export]
macro_rules! driver_suite_group {
    ($group:ident, $capabilities:expr, $new:expr; $($behaviour:ident),+ $(,)?) => {$(
        #[test]
        fn $behaviour() {
            $crate::driver_suite::run(
                ($new)(),
                $capabilities,
                $crate::driver_suite::$group::$behaviour,
            );
        }
    )+};
}

/// The path that a literal names.
pub fn path(text: &str) -> StoragePath {
    StoragePath::parse(text).expect("a valid path")
}

/// Bytes that are different at every place, and for every seed.
pub fn pattern(seed: u64, length: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(length).collect::<Vec<u8>>().into()
}

/// The same, at the beginning of a page of the memory.
pub fn pattern_on_page(seed: u64, length: usize) -> Bytes {
    const PAGE: usize = 4096;
    let mut buffer = BytesMut::zeroed(length + PAGE);
    buffer.advance(buffer.as_ptr().align_offset(PAGE));
    buffer.truncate(length);
    buffer.copy_from_slice(&pattern(seed, length));
    buffer.freeze()
}

async fn put(driver: &dyn Driver, at: &str, content: impl Into<Bytes>) {
    let outcome = driver.put(&path(at), content.into(), PutMode::Overwrite).await;
    assert_eq!(outcome.expect("it is stored"), PutOutcome::Written, "{at}");
}

async fn whole(driver: &dyn Driver, at: &StoragePath) -> Bytes {
    part(driver, at, None).await.expect("it can be opened")
}

async fn part(driver: &dyn Driver, at: &StoragePath, range: Option<ByteRange>) -> Result<Bytes> {
    let opened = driver.open(at, range).await?;
    let bytes = all(opened.content).await;
    assert_eq!(bytes.len() as u64, opened.range.end - opened.range.start, "{at}");
    Ok(bytes)
}

async fn all(content: Content) -> Bytes {
    content.collect(1 << 30).await.expect("it can be read")
}

async fn append(upload: &mut Box<dyn Upload>, bytes: &Bytes) {
    upload.append(vec![bytes.clone()]).await.expect("it is appended");
}

async fn begin(driver: &dyn Driver, session: &StoragePath) -> Box<dyn Upload> {
    driver.begin_upload(session, None).await.expect("it begins")
}

async fn resume(driver: &dyn Driver, session: &StoragePath) -> Box<dyn Upload> {
    driver.resume_upload(session).await.expect("it is taken up")
}

/// Takes up a session in which nothing may have been saved.
async fn take_up(driver: &dyn Driver, session: &StoragePath) -> Box<dyn Upload> {
    match driver.resume_upload(session).await {
        Err(error) if error.is_not_found() && driver.capabilities().optimistic_sessions => {
            begin(driver, session).await
        }
        held => held.expect("it is taken up"),
    }
}

async fn names(driver: &dyn Driver, folder: &StoragePath) -> Vec<String> {
    let request = ListRequest { after: None, limit: usize::MAX };
    let listing = driver.list(folder, request).await.expect("it is listed");
    assert!(!listing.more, "{folder}: everything fits the page");
    listing.entries.into_iter().map(|entry| entry.name).collect()
}

fn kind<T>(done: Result<T>) -> Option<ErrorKind> {
    done.err().map(|error| error.kind())
}

fn file(name: &str) -> Entry {
    Entry { name: name.to_owned(), kind: EntryKind::File }
}

fn folder(name: &str) -> Entry {
    Entry { name: name.to_owned(), kind: EntryKind::Folder }
}
