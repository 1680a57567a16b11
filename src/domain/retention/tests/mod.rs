//! Layers and who holds them, by hand: on a graph driver, on the containerd store, and where a base is gone.

mod disk;
mod gone;
mod join;
mod snapshots;
mod store;
