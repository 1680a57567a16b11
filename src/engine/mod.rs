//! The outside: an engine, real or embedded, behind one trait.

pub mod config;
pub mod connect;
mod content;
pub mod copies;
pub mod demo;
pub mod docker;
#[cfg(test)]
mod fake;
pub mod fingerprint;
mod hex;
pub mod host;
pub mod journal;
pub mod keychain;
pub(in crate::engine) mod metadata;
pub mod port;
pub mod removal;
pub mod scan;
pub mod transport;
mod user_file;
mod user_folder;
pub mod wire;

pub use crate::domain::removal::outcome::{Done, Outcome};
pub use port::answers::{Change, ImageDetails, LogTruncated, Pruned, Removed};
pub use port::engine::{Answer, Engine, Tell};
pub use port::error::EngineError;
pub use port::gate::{Gate, Permit};
