//! Archives as they come from an engine.

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use hyper::body::Bytes as Piece;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::save::Proof;
use super::tar;
use crate::domain::text::Text;
use crate::engine::hex::hex;
use crate::engine::port::error::EngineError;

/// An archive as it comes from an engine.
pub type Pieces = BoxStream<'static, Result<Piece, EngineError>>;

/// An image as an archive, and what in it shows that it is that image.
pub struct Exported {
    pub content: Pieces,
    pub proof: Proof,
}

impl Exported {
    /// Returns an image whose only layer this is, as Docker 20.10 writes one.
    #[must_use]
    pub fn of_layer(layer: &[u8], names: &[Text]) -> (Vec<u8>, Proof) {
        let sha = |bytes: &[u8]| hex(&Sha256::digest(bytes));
        let diffs = [format!("sha256:{}", sha(layer))];
        let config = json!({"rootfs": {"type": "layers", "diff_ids": diffs}}).to_string();
        let id = sha(config.as_bytes());
        let name = format!("{id}.json");
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        let manifest = json!([{"Config": name, "RepoTags": names, "Layers": ["layer.tar"]}]);
        let archive = tar::archive(&[
            ("layer.tar", layer),
            (&name, config.as_bytes()),
            ("manifest.json", manifest.to_string().as_bytes()),
        ]);
        (archive, Proof::Config(id))
    }

    /// Returns an archive in memory, in pieces.
    #[must_use]
    pub fn pieces_of(archive: &[u8]) -> Pieces {
        const PIECE: usize = 16 << 10;
        let pieces: Vec<_> = archive
            .chunks(PIECE)
            .map(|piece| Ok(Piece::copy_from_slice(piece)))
            .collect();
        stream::iter(pieces).boxed()
    }

    /// Returns an archive of these files.
    #[must_use]
    pub fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        tar::archive(files)
    }
}
