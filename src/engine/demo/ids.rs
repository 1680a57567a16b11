//! IDs of things that are made up, always the same for the same key.

use sha2::{Digest, Sha256};

use crate::domain::item::{ImageId, RecordId};
use crate::engine::hex;

pub(super) fn hex(text: &str) -> String {
    hex::hex(&Sha256::digest(text))
}

pub(super) fn sha256(text: &str) -> String {
    format!("sha256:{}", hex(text))
}

pub(super) fn image_id(key: &str) -> ImageId {
    ImageId::new(sha256(&format!("image {key}")))
}

/// Twenty-five letters and digits, as BuildKit makes them.
pub(super) fn record_id(key: &str) -> RecordId {
    let digits = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let id: String = Sha256::digest(key)
        .iter()
        .take(25)
        .map(|byte| char::from(digits[usize::from(*byte) % digits.len()]))
        .collect();
    RecordId::new(id)
}
