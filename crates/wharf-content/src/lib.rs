//! What a read hands out, and which part of it was asked for.
//!
//! A [`Content`] is bytes in memory, a [`FileRegion`] that can reach a socket without entering user
//! space, or a [`ByteStream`]. A [`ByteRange`] is one range of RFC 9110, a [`RangeSet`] a whole
//! `Range` header, a [`ChunkRange`] the `Content-Range` of an upload chunk.
//!
//! ```
//! use wharf_content::{ByteRange, Content};
//!
//! assert_eq!(ByteRange::Suffix(500).resolve(2048), Some(1548..2048));
//! assert_eq!(Content::from("hello").len(), Some(5));
//! ```

mod content;
mod pipe;
mod range;
mod region;
mod stream;

pub use content::{CollectError, Content};
pub use pipe::{Pipe, Tap, Tapped};
pub use range::{ByteRange, ChunkRange, RangeError, RangeSet};
pub use region::FileRegion;
pub use stream::{ByteStream, Handover};
