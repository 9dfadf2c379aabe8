//! The suite of all drivers, over memory, with and without pages.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

use std::sync::Arc;

use object_store::memory::InMemory;
use support::TestStore;
use wharf_driver::{Capabilities, Driver};
use wharf_driver_object::{ObjectDriver, Options, Store};
use wharf_testkit::driver_suite::Subject;

const CAPABILITIES: Capabilities = Capabilities {
    create_if_absent: true,
    file_regions: false,
    presign: false,
    persistent: false,
    remote: true,
};

fn over(open: impl Fn() -> ObjectDriver + Send + Sync + 'static) -> Subject {
    let open = move || Arc::new(open()) as Arc<dyn Driver>;
    Subject::over(open()).reopened_by(open)
}

fn memory() -> Subject {
    let objects = Arc::new(InMemory::new());
    over(move || {
        let store = Store::new(objects.clone());
        ObjectDriver::new("memory", store, Options::default()).expect("a valid prefix")
    })
}

fn paged() -> Subject {
    let store = TestStore::new();
    over(move || store.driver(Options { prefix: "a/pre-fix~1".into(), ..Options::default() }))
}

mod over_memory {
    use super::*;
    wharf_testkit::driver_suite_group!(content, CAPABILITIES, memory; content_comes_back_as_it_went_in, every_size_comes_back, content_of_no_bytes_is_there, overwriting_leaves_nothing_of_the_old, create_keeps_what_is_there, a_draft_is_content, missing_content_is_not_found, a_folder_is_no_content, a_limit_is_kept, many_small_reads_are_like_each, ranges_cut_exactly, ranges_outside_are_refused, a_reader_keeps_what_it_opened, content_and_folders_do_not_share_a_name, awkward_names_are_kept_apart, what_is_declared_is_there, what_was_put_is_found_by_another);
    wharf_testkit::driver_suite_group!(lists, CAPABILITIES, memory; an_absent_folder_is_empty, only_direct_children_are_listed, names_come_in_byte_order, every_page_size_gives_the_same_names, a_page_starts_after_any_name, the_root_is_listed, changes_are_seen_at_once, another_sees_changes_at_once, many_names_are_paged, many_lists_are_like_each);
    wharf_testkit::driver_suite_group!(removal, CAPABILITIES, memory; deleted_content_is_gone, deleting_nothing_is_not_found, a_folder_is_not_deleted_as_content, all_below_a_folder_goes, a_longer_name_is_not_below, nothing_below_is_false, a_deleted_folder_can_be_filled_again, all_below_the_root_goes, deletes_are_found_by_another, a_forgotten_folder_is_gone);
}

mod over_paged {
    use super::*;
    wharf_testkit::driver_suite_group!(content, CAPABILITIES, paged; content_comes_back_as_it_went_in, every_size_comes_back, content_of_no_bytes_is_there, overwriting_leaves_nothing_of_the_old, create_keeps_what_is_there, a_draft_is_content, missing_content_is_not_found, a_folder_is_no_content, a_limit_is_kept, many_small_reads_are_like_each, ranges_cut_exactly, ranges_outside_are_refused, a_reader_keeps_what_it_opened, content_and_folders_do_not_share_a_name, awkward_names_are_kept_apart, what_is_declared_is_there, what_was_put_is_found_by_another);
    wharf_testkit::driver_suite_group!(lists, CAPABILITIES, paged; an_absent_folder_is_empty, only_direct_children_are_listed, names_come_in_byte_order, every_page_size_gives_the_same_names, a_page_starts_after_any_name, the_root_is_listed, changes_are_seen_at_once, another_sees_changes_at_once, many_names_are_paged, many_lists_are_like_each);
    wharf_testkit::driver_suite_group!(removal, CAPABILITIES, paged; deleted_content_is_gone, deleting_nothing_is_not_found, a_folder_is_not_deleted_as_content, all_below_a_folder_goes, a_longer_name_is_not_below, nothing_below_is_false, a_deleted_folder_can_be_filled_again, all_below_the_root_goes, deletes_are_found_by_another, a_forgotten_folder_is_gone);
}
