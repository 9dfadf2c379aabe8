//! Wrappers around any driver.
//!
//! From the outside in: [`Named`] says which driver failed, [`Checked`] refuses what no driver needs
//! to see, [`Limited`] bounds how much goes on at once, [`Prefixed`] moves everything below a
//! folder. Each forwards every method, and the uploads that it hands out are wrapped like itself.

mod checked;
mod limited;
mod named;
mod prefixed;

pub use checked::Checked;
pub use limited::Limited;
pub use named::Named;
pub use prefixed::Prefixed;
