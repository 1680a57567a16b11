//! The outside: an engine, real or embedded, behind one trait.
//!
//! - `config`: the config file, which protects things.
//! - `connect`: which engine: the places where one may be, and what answers there.
//! - `content`: the containerd store's list of blobs, as the engine's gRPC door serves it.
//! - `copies`: copies of what is removed, and what is brought back.
//! - `demo`: an engine inside the program.
//! - `docker`: a real engine: Docker or Podman, by its API.
//! - `fingerprint`: what a list says, as a number.
//! - `hex`: digests as engines write them.
//! - `host`: the engine's host, where it is this machine.
//! - `journal`: what dtop was about to remove, and what became of it.
//! - `keychain`: credentials for registries, found where the docker command finds them.
//! - `metadata`: what engines note in their own folder, read from their files.
//! - `port`: the trait of an engine, the gate that writes pass, blocking work, the clock.
//! - `removal`: carries out a plan: the engine is listed again, then one object goes at a time, by its ID.
//! - `scan`: the watch, and a scan from beginning to end.
//! - `transport`: one door to an engine: HTTP/1.1 over a unix socket, TCP, TLS, or a login on its host.
//! - `user_file`: files of the user's own folders.
//! - `user_folder`: where the user's own folders are.
//! - `wire`: what engines write, read with patience.

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
