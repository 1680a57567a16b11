//! Who is what: which layer a build cache record is, and which images keep the layers that they name.
//!
//! Engines do not say it. Each function here goes from lists to what follows of them, and holds nothing.
//!
//! - `join`: records and the layers that they are, on a graph driver, by what `index` knows of each layer.
//! - `match_records`: the same on the containerd store, where its blobs are listed.
//! - `loaded`: images of the containerd store that may have been loaded when their layers were there.

pub(in crate::domain) mod index;
pub(in crate::domain) mod join;
pub(in crate::domain) mod loaded;
pub(in crate::domain) mod match_records;
