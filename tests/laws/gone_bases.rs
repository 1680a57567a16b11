//! Bases whose image is gone, on the containerd store: blobs are read, some or all, on filesystems of two kinds; or
//! the store's own notes are, with leases besides of a build, a pull and the build history.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use dtop::domain::bytes::{Bytes, Figure};
use dtop::domain::inventory::Part;
use dtop::domain::item::{ItemId, VolumeName};
use dtop::domain::retention::Retention;
use dtop::domain::store::content::BlobList;
use dtop::domain::store::metadata::{Lease, LeaseTerm};
use dtop::domain::text::Text;
use proptest::prelude::*;

use crate::base_store::{Kept, PAGE, bases, chain_id, layer_blob, store, with_manifests};

/// Some of all items. A record does not go before what was made on it (ENGINE.md §4).
fn marked(kept: &Kept, bits: &[bool]) -> BTreeSet<ItemId> {
    let marked = kept.items.iter().zip(bits).filter(|(_, bit)| **bit);
    let mut set: BTreeSet<ItemId> = marked.map(|(item, _)| item.clone()).collect();
    // Children come after their parents.
    for record in kept.inventory.cache.iter().rev() {
        if !set.contains(&ItemId::Record(record.id.clone())) {
            let parents = record.parents.iter().map(|id| ItemId::Record(id.clone()));
            parents.for_each(|parent| {
                set.remove(&parent);
            });
        }
    }
    set
}

/// A lease of nothing that is listed: of a base's image with all of it, or of one layer's blob alone.
fn unlisted() -> impl Strategy<Value = (usize, Option<usize>, LeaseTerm)> {
    let term = prop_oneof![
        Just(LeaseTerm::Open),
        Just(LeaseTerm::Build),
        Just(LeaseTerm::Expires)
    ];
    (0..5_usize, proptest::option::of(0..4_usize), term)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_blobs_tell_of_gone_bases_is_the_truth(
        bases in bases(),
        in_pages in any::<bool>(),
        bits in proptest::collection::vec(any::<bool>(), 40),
    ) {
        let kept = store(&bases, in_pages);
        let set = marked(&kept, &bits);
        let goes = kept.units.iter().filter(|(_, holders)| holders.is_subset(&set));
        let truth = Bytes(goes.map(|(bytes, _)| bytes).sum());
        let items: Vec<ItemId> = set.into_iter().collect();
        let freed = Retention::new(&kept.inventory).frees(&items);
        prop_assert!(freed.at_least <= truth && truth <= freed.at_most, "{:?} {:?}", freed, truth);
        // One layer of known size shows how the filesystem counts, and then all that was read is told.
        let is_checked = bases.iter().any(|it| it.image && it.layers.iter().any(|it| it.read));
        let gone = bases.iter().filter(|it| it.cached && !it.image);
        let all_read = gone.flat_map(|it| &it.layers).all(|layer| layer.read);
        if is_checked && all_read {
            prop_assert!(freed.is_exact(), "{:?} {:?}", freed, truth);
            prop_assert_eq!(freed.at_least, truth);
        }
    }

    #[test]
    fn what_the_stores_own_notes_tell_is_the_truth(
        bases in bases(),
        in_pages in any::<bool>(),
        bits in proptest::collection::vec(any::<bool>(), 40),
        leases in proptest::collection::vec(unlisted(), 0..3),
        left in proptest::collection::vec((1..90_000_u64, 1..9_u64, unlisted()), 0..3),
        history in 0..5_usize,
        in_use in proptest::bool::weighted(0.1),
    ) {
        let mut kept = store(&bases, in_pages);
        let set = marked(&kept, &bits);
        let somebody = ItemId::Volume(VolumeName::new("somebody"));
        // Each unit with who keeps it for certain, and those that a lease may keep.
        let mut perhaps: BTreeSet<usize> = BTreeSet::new();
        let stays = |kept: &mut Kept, name: &str| {
            let place = kept.places[name];
            kept.units[place].1.insert(somebody.clone());
        };
        if let Some(record) = kept.inventory.cache.first_mut() {
            record.in_use = in_use;
        }
        let prunes = set.iter().any(|item| matches!(item, ItemId::Record(_)))
            && kept.inventory.cache.iter().all(|record| !record.in_use);
        for (number, (at, layer, term)) in leases.into_iter().enumerate() {
            let Some(base) = bases.get(at).filter(|base| base.image) else { continue };
            let of_layer = layer.filter(|layer| *layer < base.layers.len());
            let mut names: Vec<Text> = Vec::new();
            let mut below = None;
            for place in 0..base.layers.len() {
                let blob = Text::from(format!("layer-{at}-{place}"));
                let chain = chain_id(below.as_ref(), &blob);
                if of_layer.is_none_or(|layer| layer == place) {
                    names.push(blob);
                }
                if of_layer.is_none() {
                    names.push(format!("chain {chain}").into());
                }
                below = Some(chain);
            }
            let root = Text::from(format!("image-{at}"));
            if of_layer.is_none() {
                names.push(root.clone());
            }
            let lease = Lease {
                blobs: vec![of_layer.map_or(root, |layer| format!("layer-{at}-{layer}").into())],
                is_flat: of_layer.is_some(),
                term,
                ..Lease::default()
            };
            kept.notes.leases.insert(format!("lease-{number}").into(), lease);
            for name in names {
                match term {
                    LeaseTerm::Open => stays(&mut kept, &name),
                    LeaseTerm::Build if prunes => {}
                    LeaseTerm::Build | LeaseTerm::Expires => {
                        perhaps.insert(kept.places[&name]);
                    }
                }
            }
        }
        // What only a lease has left, of an image that is gone: a build's goes with what ends it, and others' is
        // nobody's to give back.
        for (number, (size, pages, (.., term))) in left.into_iter().enumerate() {
            let (blob, key) = (format!("left-{number}"), format!("left-snapshot-{number}"));
            let (blob, key) = (Text::from(blob), Text::from(key));
            let by = if term == LeaseTerm::Build && prunes { None } else { Some(somebody.clone()) };
            let by: BTreeSet<ItemId> = by.into_iter().collect();
            kept.keep(&blob, size, by.clone());
            kept.keep(&key, pages * PAGE, by);
            kept.snapshot(&key, None, pages * PAGE);
            kept.listed.push(layer_blob(&blob, size));
            let lease = Lease {
                blobs: vec![blob],
                snapshots: vec![key],
                is_flat: false,
                term,
                until: None,
            };
            kept.notes.leases.insert(format!("left-{number}").into(), lease);
        }
        let root = Text::from(format!("image-{history}"));
        if kept.places.contains_key(&root) {
            stays(&mut kept, &root);
            kept.notes.elsewhere.push(root);
        }
        let notes = BlobList::new(kept.listed.clone()).with_notes(Arc::new(kept.notes.clone()));
        let notes = with_manifests(notes, &kept.manifests);
        kept.inventory.apply(Part::Blobs(Figure::Known(Arc::new(notes))));
        kept.inventory.apply(Part::Extents(HashMap::new()));
        let goes = |may: bool| -> Bytes {
            let goes = kept.units.iter().enumerate();
            let goes = goes.filter(|(at, (_, by))| by.is_subset(&set) && (may || !perhaps.contains(at)));
            Bytes(goes.map(|(_, (bytes, _))| bytes).sum())
        };
        let items: Vec<ItemId> = set.iter().cloned().collect();
        let freed = Retention::new(&kept.inventory).frees(&items);
        prop_assert_eq!((freed.at_least, freed.at_most), (goes(false), goes(true)), "{:?}", freed);
        prop_assert_eq!(freed.is_exact(), goes(false) == goes(true), "{:?}", freed);
        // Taken back, nothing is left of it, whatever was let go with several.
        let retention = Retention::new(&kept.inventory);
        let mut trial = retention.trial();
        let numbers: Vec<u32> = (0..u32::try_from(kept.items.len()).unwrap()).collect();
        let whole = trial.frees(&numbers);
        for number in &numbers {
            trial.frees(&[*number]);
        }
        prop_assert_eq!(trial.frees(&numbers), whole);
    }
}
