//! What build cache records hold on the containerd store, where the engine lists its blobs.

use std::rc::Rc;

use crate::domain::bytes::Bytes;
use crate::domain::item::{ItemId, Record};

use super::Doubt;
use super::build::Builder;
use super::join::Lineage;
use super::match_records::{Keeps, counts_both, match_records, snapshot};
use super::sizes::Span;
use super::stock::{MOST_UNPACKED, Stock};
use super::tree::LayerNo;
use super::units::{Holder, HolderNo, Sort, Unit, UnitNo};

impl Builder<'_> {
    /// A step's record has a snapshot of its own, which stands on those of its parents, and shares only the blob
    /// with the image that was made from it; a base's record shares both (ENGINE-CONTAINERD.md §1).
    pub(super) fn add_kept_records(&mut self, lineage: &Lineage, stock: &Rc<Stock>) {
        let records = &self.inventory.cache;
        let keeps = match_records(records, lineage, stock, &self.tree, &self.sizes);
        let mut stands: Vec<Option<UnitNo>> = vec![None; records.len()];
        for at in lineage.order() {
            let record = &records[at];
            let below = lineage.parent(at).and_then(|parent| stands[parent]);
            let holder = self.add_item(
                at,
                Holder {
                    idle_record: !record.in_use,
                    ..Holder::of(ItemId::Record(record.id.clone()))
                },
            );
            stands[at] = self.add_kept(holder, record, &keeps[at], below, stock);
            for parent in lineage.other_parents(at) {
                if let Some(unit) = stands[parent] {
                    self.hold(holder, unit, true);
                }
            }
        }
    }

    fn add_kept(
        &mut self,
        holder: HolderNo,
        record: &Record,
        keeps: &Keeps,
        below: Option<UnitNo>,
        stock: &Stock,
    ) -> Option<UnitNo> {
        let size = record.size.known().unwrap_or_default();
        match keeps {
            Keeps::Own => Some(self.add_snapshot(holder, record, below, Span::exactly(size))),
            Keeps::Step(blobs) => Some(self.add_step(holder, record, blobs, below, stock)),
            Keeps::Base(places) => {
                self.add_base(holder, record, places, stock);
                match places[..] {
                    [(layer, _)] => Some(layer),
                    _ => None,
                }
            }
            Keeps::GoneBase(blobs) => {
                if record.shared {
                    self.veil(holder, Doubt::SharedRecord(record.id.clone()));
                }
                Some(self.add_kept_base(holder, record, blobs, below, stock))
            }
            Keeps::Some => {
                self.veil(holder, Doubt::SharedRecord(record.id.clone()));
                let unit = self.add_snapshot(holder, record, below, Span::at_most(size));
                self.units[unit as usize].doubt =
                    Some(Doubt::SharedRecord(record.id.clone()).into());
                Some(unit)
            }
        }
    }

    /// A base of which nothing but its blob tells how large it is unpacked.
    fn add_kept_base(
        &mut self,
        holder: HolderNo,
        record: &Record,
        blobs: &[u32],
        below: Option<UnitNo>,
        stock: &Stock,
    ) -> UnitNo {
        let size = record.size.known().unwrap_or_default();
        if let [blob] = blobs
            && let Some(unpacked) = stock.extents.unpacked(*blob)
        {
            self.hold_blobs(holder, blobs, stock);
            return self.add_snapshot(holder, record, below, Span::exactly(unpacked));
        }
        let most = if blobs.is_empty() && counts_both(record, stock) {
            size
        } else {
            Bytes(size.0.saturating_mul(MOST_UNPACKED))
        };
        let unit = self.add_snapshot(holder, record, below, Span { least: size, most });
        self.open.push((unit, record.id.clone()));
        unit
    }

    fn add_step(
        &mut self,
        holder: HolderNo,
        record: &Record,
        blobs: &[u32],
        below: Option<UnitNo>,
        stock: &Stock,
    ) -> UnitNo {
        let size = record.size.known().unwrap_or_default();
        let snapshots = blobs.iter().map(|blob| snapshot(size, stock.size(*blob)));
        let span = Span {
            least: snapshots.clone().min().unwrap_or(size),
            // Where it is not certain, its blob may be one that is in no list.
            most: if blobs.len() == 1 {
                snapshots.max().unwrap_or(size)
            } else {
                size
            },
        };
        let unit = self.add_snapshot(holder, record, below, span);
        if span.size().is_none() {
            self.units[unit as usize].doubt = Some(Doubt::SharedRecord(record.id.clone()).into());
        }
        self.hold_blobs(holder, blobs, stock);
        unit
    }

    fn add_base(
        &mut self,
        holder: HolderNo,
        record: &Record,
        places: &[(LayerNo, u32)],
        stock: &Stock,
    ) {
        let mut layers: Vec<LayerNo> = places.iter().map(|(layer, _)| *layer).collect();
        layers.dedup();
        for layer in &layers {
            self.hold(holder, *layer, layers.len() == 1);
            self.open.push((*layer, record.id.clone()));
        }
        if let [layer] = layers[..] {
            self.joined.push((holder, layer));
        }
        let mut blobs: Vec<u32> = places.iter().map(|(_, blob)| *blob).collect();
        blobs.sort_unstable();
        blobs.dedup();
        self.hold_blobs(holder, &blobs, stock);
    }

    /// Holds the blob with all that the collector keeps for it, or one of several.
    fn hold_blobs(&mut self, holder: HolderNo, blobs: &[u32], stock: &Stock) {
        if let [blob] = blobs {
            for reached in stock.list.reached_from(*blob) {
                self.hold(holder, stock.unit(reached), true);
            }
            self.joined.push((holder, stock.unit(*blob)));
            return;
        }
        for blob in blobs {
            self.hold(holder, stock.unit(*blob), false);
        }
    }

    fn add_snapshot(
        &mut self,
        holder: HolderNo,
        record: &Record,
        below: Option<UnitNo>,
        size: Span,
    ) -> UnitNo {
        let unknown = record.size.known().is_none() && !record.size.is_pending();
        let unit = self.add_unit(Unit {
            below: below.into(),
            size,
            doubt: unknown.then(|| Doubt::NoSize(ItemId::Record(record.id.clone())).into()),
            pending: record.size.is_pending(),
            by_length: false,
            sort: Sort::Record,
        });
        self.hold(holder, unit, true);
        unit
    }
}
