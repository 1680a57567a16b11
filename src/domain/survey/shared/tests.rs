use std::sync::Arc;

use super::*;
use crate::domain::bytes::Bytes;
use crate::domain::compact::texts::DigestList;
use crate::domain::inventory::{Inspected, Inventory, Part};
use crate::domain::item::{Content, HistoryRow, Image, ImageId, Labels, Source};

fn image(id: &str, parent: Option<&str>, shared: Figure<Bytes>) -> Image {
    Image {
        id: ImageId::new(id),
        parent: parent.map(ImageId::new),
        names: if id == "step" {
            Vec::new()
        } else {
            vec![id.into()]
        },
        digests: Vec::new(),
        source: Source::Unknown,
        created: None,
        size: Figure::Unknown,
        shared,
        labels: Labels::default(),
        last_tagged: None,
        content: Figure::Pending,
    }
}

fn layers(id: &str, sizes: &[u64]) -> Inspected {
    let row = |size: &u64| HistoryRow {
        created: None,
        created_by: "COPY".into(),
        comment: "".into(),
        size: Bytes(*size),
    };
    let content = Content {
        created: None,
        diff_ids: sizes.iter().map(u64::to_string).collect(),
        history: sizes.iter().map(row).collect(),
        folders: DigestList::default(),
        packed: None,
    };
    Inspected {
        content: Figure::Known(Arc::new(content)),
        ..Inspected::unavailable(ImageId::new(id))
    }
}

fn shared(survey: &Survey) -> Vec<Figure<Bytes>> {
    let rows = 0..survey.inventory().images.len();
    rows.map(|at| survey.shared(at)).collect()
}

#[test]
fn what_no_engine_computes_the_layers_tell() {
    let mut survey = Survey::new(Inventory::default());
    let silent = Figure::Unknown;
    survey.apply([Part::Images(vec![
        image("base", None, silent),
        image("step", Some("base"), silent),
        image("app", Some("step"), silent),
        image("told", None, Figure::Known(Bytes(7))),
    ])]);
    assert_eq!(shared(&survey)[..3], [Figure::Pending; 3]);
    survey.apply([Part::Layers(vec![
        layers("base", &[100]),
        layers("step", &[100, 20]),
        layers("app", &[100, 20, 3]),
        layers("told", &[100]),
    ])]);
    // The step below the app is no image of its own: the app's 23 bytes are nobody else's.
    let known = |bytes| Figure::Known(Bytes(bytes));
    assert_eq!(shared(&survey), [known(100), silent, known(100), known(7)]);
    let flags = &survey.facts(Kind::Image, 2).flags;
    assert_eq!(flags.shared, Some(true));
}

#[test]
fn no_image_shares_more_than_its_size() {
    let known = |bytes| Figure::Known(Bytes(bytes));
    let sized = |id: &str, size, shared| Image {
        size,
        ..image(id, None, shared)
    };
    let mut survey = Survey::new(Inventory::default());
    survey.apply([Part::Images(vec![
        sized("more", known(7), known(9)),
        sized("less", known(9), known(7)),
        sized("untold", Figure::Unknown, known(9)),
    ])]);
    assert_eq!(shared(&survey), [7, 7, 9].map(known));
}
