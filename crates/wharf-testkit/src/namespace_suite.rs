//! What every registry promises, whatever it is made of.
//!
//! ```text
//! wharf_testkit::namespace_suite!(memory, new: async { Arc::new(MemoryNamespace::new()) });
//! ```
//!
//! `new` makes an empty registry of its own for each test: a future of any
//! [`Fixture`](crate::fixture::Fixture). Deletes have to be on, and referrers to be known; what
//! else is optional is tested if it is there.

#![expect(missing_docs, reason = "the name of a test says what it asserts")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod blobs;
pub mod manifests;
pub mod mounts;
pub mod referrers;
pub mod repositories;
pub mod tags;
pub mod together;
pub mod uploads;

mod support;

/// Runs every test of the contract against the registries that `new` makes.
#[macro_export]
macro_rules! namespace_suite {
    ($name:ident, new: $new:expr) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            $crate::namespace_suite!(@tests $new;
                blobs {
                    what_is_put_is_there
                    an_empty_blob_is_a_blob
                    ranges_are_read
                    a_range_without_a_byte_is_not_satisfiable
                    get_has_a_limit
                    unknown_blobs_are_unknown
                    another_repository_does_not_see_it
                    what_is_deleted_is_gone_at_once
                    a_deleted_blob_can_be_put_again
                    delete_leaves_other_repositories_alone
                    an_open_blob_survives_its_delete
                    linked_blobs_are_listed_by_page
                }
                uploads {
                    pieces_become_a_blob
                    no_piece_becomes_the_empty_blob
                    many_uneven_pieces_become_a_blob
                    a_suspended_session_goes_on
                    a_session_may_begin_without_bytes
                    a_session_that_was_dropped_goes_on_where_it_stands
                    a_session_has_one_writer
                    a_wrong_digest_leaves_the_session_alive
                    a_wrong_digest_loses_nothing_that_was_suspended
                    a_committed_session_is_gone
                    a_cancelled_session_is_gone
                    unknown_sessions_are_unknown
                    a_session_belongs_to_its_repository
                    every_algorithm_named_at_the_start
                    every_algorithm_named_at_the_end
                    every_algorithm_after_a_resumption
                    the_same_content_can_be_sent_twice
                    sessions_do_not_mix
                }
                mounts {
                    a_blob_is_mounted_from_where_it_is
                    a_blob_that_may_not_be_pulled_is_not_mounted
                    a_blob_that_is_not_there_is_not_mounted
                    a_blob_may_be_looked_for
                    a_blob_is_looked_for_only_where_it_may_be_pulled
                    a_mount_survives_the_source
                }
                manifests {
                    what_is_put_is_there_byte_for_byte
                    every_type_is_kept_as_it_was_pushed
                    unknown_manifests_are_unknown
                    a_manifest_that_the_caller_has_is_not_sent
                    missing_blobs_are_all_named
                    missing_children_are_all_named
                    children_may_be_blobs
                    an_unchecked_manifest_is_stored
                    invalid_manifests_are_refused
                    put_sets_tags
                    putting_again_changes_nothing
                    a_tag_moves
                    what_is_deleted_is_gone_at_once
                    a_deleted_manifest_can_be_put_again
                    delete_leaves_other_manifests_alone
                    another_repository_does_not_see_it
                    every_algorithm
                    manifests_are_listed_by_page
                }
                tags {
                    a_tag_points_to_a_manifest
                    unknown_tags_are_unknown
                    a_tag_needs_a_manifest
                    what_is_untagged_is_gone_at_once
                    a_tag_has_a_history
                    tags_of_a_manifest_are_found
                    tags_are_listed_by_page
                    tags_of_an_unknown_repository_are_not_listed
                    a_repository_may_have_no_tags
                }
                repositories {
                    a_registry_begins_empty
                    repositories_are_listed_by_page
                    a_name_is_not_the_folder_of_another
                    a_repository_without_manifests_is_not_listed
                    every_repository_can_be_found
                    a_repository_can_be_removed
                    all_blobs_can_be_found
                    a_registry_that_serves_says_so
                }
                referrers {
                    referrers_are_listed_with_what_they_say
                    nothing_refers_to_the_unknown
                    a_subject_need_not_exist
                    an_image_may_leave_its_type_to_its_configuration
                    an_index_can_refer
                    referrers_are_filtered
                    referrers_are_listed_by_page
                    what_is_deleted_refers_no_more
                    another_repository_does_not_see_them
                    every_algorithm
                    a_page_has_a_limit_of_bytes
                }
                together {
                    one_blob_is_pushed_many_times
                    one_blob_is_deleted_and_pushed
                    many_images_are_pushed
                    one_tag_is_moved_many_times
                    one_session_is_asked_for_by_many
                }
            );
        }
    };
    (@tests $new:expr; $($module:ident { $($test:ident)* })*) => {
        $(
            mod $module {
                use super::*;
                $(
                    #[tokio::test]
                    async fn $test() {
                        let fixture = $new.await;
                        let namespace = $crate::fixture::Fixture::namespace(&fixture);
                        let test = $crate::namespace_suite::$module::$test(namespace);
                        $crate::fixture::bounded(test).await;
                        drop(fixture);
                    }
                )*
            }
        )*
    };
}

#[cfg(test)]
mod tests {
    const LIST: &str = include_str!("namespace_suite.rs");

    /// A test that is not in the list of the macro would never run.
    #[test]
    fn every_test_is_listed() {
        let modules = [
            ("blobs", include_str!("namespace_suite/blobs.rs")),
            ("manifests", include_str!("namespace_suite/manifests.rs")),
            ("mounts", include_str!("namespace_suite/mounts.rs")),
            ("referrers", include_str!("namespace_suite/referrers.rs")),
            ("repositories", include_str!("namespace_suite/repositories.rs")),
            ("together", include_str!("namespace_suite/together.rs")),
            ("tags", include_str!("namespace_suite/tags.rs")),
            ("uploads", include_str!("namespace_suite/uploads.rs")),
        ];
        for (module, source) in modules {
            let (_, listed) = LIST.split_once(&format!("\n                {module} {{")).unwrap();
            let (listed, _) = listed.split_once('}').unwrap();
            let listed: Vec<_> = listed.split_whitespace().collect();
            let tests = source.lines().filter_map(|line| line.strip_prefix("pub async fn "));
            let tests: Vec<_> = tests.map(|test| test.split('(').next().unwrap()).collect();
            assert_eq!(listed, tests, "{module}");
        }
    }
}
