//! Prints `docs/api.md`.

fn main() {
    print!("{}", wharf_api::docs());
}
