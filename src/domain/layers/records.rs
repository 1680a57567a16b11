//! What build cache records hold.

use std::rc::Rc;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::item::{ItemId, Record};

use super::Doubt;
use super::build::Builder;
use super::join::{Lineage, Tie, is_base};
use super::ledger::has_blobs;
use super::sizes::Span;
use super::units::{Holder, HolderNo, Sort, Unit, UnitNo};

/// What a record holds without being sure: one of these layers, or any.
#[derive(Clone, Default)]
struct Loose {
    layers: Rc<[UnitNo]>,
    anywhere: bool,
}

impl Loose {
    fn on(layers: &[UnitNo]) -> Self {
        Self {
            layers: layers.into(),
            anywhere: false,
        }
    }

    fn anywhere() -> Self {
        Self {
            anywhere: true,
            ..Self::default()
        }
    }
}

impl Builder<'_> {
    /// A record that shares a layer holds it; one that does not has bytes of its own, which stand on what its
    /// parent holds. On the containerd store a step's record has a snapshot of its own besides the image's.
    pub(super) fn add_records(&mut self, lineage: &Lineage, ties: Vec<Tie>) {
        let mut ties: Vec<Option<Tie>> = ties.into_iter().map(Some).collect();
        let mut stands: Vec<Option<UnitNo>> = vec![None; ties.len()];
        let mut loose = vec![Loose::default(); ties.len()];
        for at in lineage.order.iter().copied() {
            let Some(tie) = ties[at].take() else { continue };
            let record = &self.inventory.cache[at];
            let below = lineage.parent[at].and_then(|parent| stands[parent]);
            let holder = self.add_holder(Holder {
                idle_record: !record.in_use,
                ..Holder::of(ItemId::Record(record.id.clone()))
            });
            loose[at] = match &tie {
                Tie::Layer(_) => Loose::default(),
                Tie::OneOf(layers) => Loose::on(layers),
                Tie::Some => Loose::anywhere(),
                Tie::None | Tie::Perhaps(_) => {
                    let below = lineage.parent[at].map(|parent| loose[parent].clone());
                    self.hold_loosely(holder, record, below.unwrap_or_default())
                }
            };
            stands[at] = if has_blobs(self.inventory) {
                Some(self.add_packed_record(holder, record, &tie, below))
            } else {
                self.add_record(holder, record, tie, below)
            };
            for parent in lineage.other_parents(at) {
                if let Some(unit) = stands[*parent] {
                    self.hold(holder, unit, true);
                }
            }
        }
    }

    /// A record on one whose layer is not certain holds whatever that one holds.
    fn hold_loosely(&mut self, holder: HolderNo, record: &Record, loose: Loose) -> Loose {
        for layer in &*loose.layers {
            self.hold(holder, *layer, false);
        }
        if loose.anywhere {
            self.veil(holder, Doubt::SharedRecord(record.id.clone()));
        }
        loose
    }

    fn add_record(
        &mut self,
        holder: HolderNo,
        record: &Record,
        tie: Tie,
        below: Option<UnitNo>,
    ) -> Option<UnitNo> {
        match tie {
            Tie::Layer(layer) => {
                self.hold(holder, layer, true);
                self.joined.push((holder, layer));
                Some(layer)
            }
            Tie::OneOf(layers) => {
                for layer in layers {
                    self.hold(holder, layer, false);
                }
                None
            }
            Tie::Some => {
                self.veil(holder, Doubt::SharedRecord(record.id.clone()));
                None
            }
            Tie::None => Some(self.add_own(holder, record, below, None)),
            Tie::Perhaps(layers) => {
                let own = self.add_own(holder, record, below, None);
                let unit = &mut self.units[own as usize];
                unit.size.least = Bytes::ZERO;
                unit.doubt
                    .get_or_insert(Doubt::SharedRecord(record.id.clone()));
                for layer in layers {
                    self.hold(holder, layer, false);
                }
                Some(own)
            }
        }
    }

    /// On the containerd store.
    fn add_packed_record(
        &mut self,
        holder: HolderNo,
        record: &Record,
        tie: &Tie,
        below: Option<UnitNo>,
    ) -> UnitNo {
        let most = record.size.known().unwrap_or_default();
        if &*record.kind != "regular" {
            return self.add_own(holder, record, below, None);
        }
        let doubt = Doubt::SharedRecord(record.id.clone());
        if !is_base(record) {
            let unpacked = match tie {
                Tie::Layer(layer) => self.sizes.exact(*layer).unwrap_or_default(),
                Tie::None | Tie::OneOf(_) | Tie::Some | Tie::Perhaps(_) => Bytes::ZERO,
            };
            let span = Span {
                least: unpacked.min(most),
                most,
            };
            return self.add_own(holder, record, below, Some(span));
        }
        let blob = self.add_own(holder, record, None, Some(Span::at_most(most)));
        match tie {
            Tie::Layer(layer) => {
                self.hold(holder, *layer, true);
                *layer
            }
            Tie::OneOf(layers) => {
                for layer in layers {
                    self.hold(holder, *layer, false);
                }
                blob
            }
            Tie::None | Tie::Some | Tie::Perhaps(_) => {
                self.veil(holder, doubt);
                blob
            }
        }
    }

    /// Bytes of a record's own, as it says or between bounds that blobs leave.
    fn add_own(
        &mut self,
        holder: HolderNo,
        record: &Record,
        below: Option<UnitNo>,
        packed: Option<Span>,
    ) -> UnitNo {
        let item = || Doubt::NoSize(ItemId::Record(record.id.clone()));
        // A base that was here before has no size of its own, and may be all that keeps its layers.
        let untold = record.size == Figure::Unknown
            || packed.is_none()
                && record.description.starts_with("from local")
                && record.size.known().is_some_and(Bytes::is_zero);
        let size = record.size.known().unwrap_or_default();
        let unit = self.add_unit(Unit {
            below,
            size: packed.unwrap_or(Span::exactly(size)),
            doubt: untold.then(item).or(packed.map(|_| Doubt::Blobs)),
            pending: record.size.is_pending(),
            sort: Sort::Record,
        });
        self.hold(holder, unit, true);
        unit
    }
}
