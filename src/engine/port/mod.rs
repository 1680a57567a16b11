//! What stands between dtop and any engine: the `gate` that everything which writes passes, threads for what may wait
//! for a disk ([`aside`]), and the [`clock`].

pub mod aside;
pub mod clock;
pub(in crate::engine) mod gate;
