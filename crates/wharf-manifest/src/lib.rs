#![doc = include_str!("../README.md")]

mod base64;
mod builder;
mod descriptor;
mod error;
mod json;
mod manifest;
mod media_type;
mod schemas;

pub use builder::{Built, ImageBuilder, IndexBuilder};
pub use descriptor::{Descriptor, Platform};
pub use error::ManifestError;
pub use json::Limits;
pub use manifest::{Kind, Manifest, Reference, Role};
pub use media_type::{InvalidMediaType, MediaType, media_types};
pub use schemas::{Field, Schema, Schemas};
