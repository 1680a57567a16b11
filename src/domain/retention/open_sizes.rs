//! What build cache records leave open on the containerd store, for what is known of all things together to settle.

use crate::domain::bytes::Bytes;
use crate::domain::item::RecordId;

use super::units::HolderNo;
use crate::domain::layers::span::Span;
use crate::domain::layers::tree::LayerNo;
use crate::domain::layers::tree::UnitNo;

/// What the records of one inventory leave open.
#[derive(Default)]
pub(super) struct OpenSizes {
    /// What records tell of blobs, where the engine does not list them.
    pub(super) packed: Vec<Packed>,
    /// Layers of which nothing but a record may tell the size.
    pub(super) open: Vec<(UnitNo, RecordId)>,
}

/// What a record tells of a blob.
pub(super) struct Packed {
    pub(super) holder: HolderNo,
    pub(super) layers: Vec<LayerNo>,
    /// Bounds of the blob, if it is one layer's for certain.
    pub(super) blob: Option<Span>,
    /// It is one of these bounds, nothing between them.
    pub(super) is_either: bool,
    /// What a step that may be any of the layers counts: one of them unpacked, and its blob.
    pub(super) both: Option<Bytes>,
}
