//! What stands between dtop and any engine: the [`engine`] trait with its [`answers`] and the [`error`] instead of one,
//! the `gate` that everything which writes passes, threads for what may wait for a disk ([`blocking`]), and the [`clock`].

#![warn(missing_docs)]

pub mod answers;
pub mod blocking;
pub mod clock;
pub mod engine;
pub mod error;
pub(in crate::engine) mod gate;
