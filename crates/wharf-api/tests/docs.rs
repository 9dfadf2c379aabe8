//! The committed page is the one that the table writes.

use std::{fs, path::Path};

#[test]
fn the_api_page_is_up_to_date() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api.md");
    let committed = fs::read_to_string(page).expect("docs/api.md is part of the repository");
    assert!(committed == wharf_api::docs(), "docs/api.md is old: run `cargo xtask codegen`");
}
