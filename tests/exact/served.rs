//! The store's own notes against the list that the engine serves.

use dtop::domain::inventory::Inventory;
use dtop::domain::item::ImageId;
use dtop::domain::store::content::{Blob, BlobList};
use dtop::domain::text::Text;

use crate::support::proxy::Proxy;
use crate::{From, open};

/// The store's own notes and the list that the engine serves say the same of every blob.
pub async fn assert_is_served(base: &Inventory, proxy: &Proxy) {
    let ids: Vec<ImageId> = base.images.iter().map(|image| image.id.clone()).collect();
    let door = open(proxy.socket(), From::Afar).await;
    let served = door.blobs(&ids, &[], None).await.expect("a list");
    let served = served.expect("the list is served");
    let noted = base.blobs.as_ref().known().expect("notes");
    let names = |list: &BlobList, blob: &Blob| -> Vec<Text> {
        let refers = blob.refers.iter().filter_map(|at| list.blob(*at));
        let digests = refers.map(|blob| blob.digest.clone());
        // Not every version serves what only the build history has.
        let known = digests.filter(|digest| served.position(digest).is_some());
        known.collect()
    };
    assert!(!served.blobs().is_empty());
    for blob in served.blobs() {
        let own = noted.position(&blob.digest).and_then(|at| noted.blob(at));
        let own = own.unwrap_or_else(|| panic!("{blob:?} is not noted"));
        assert_eq!(
            (own.size, &own.uncompressed, &own.unpacked),
            (blob.size, &blob.uncompressed, &blob.unpacked),
            "{}",
            blob.digest
        );
        assert_eq!(names(noted, own), names(&served, blob), "{}", blob.digest);
    }
}
