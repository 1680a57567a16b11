use super::*;

fn rows(rows: &[(&str, u64)]) -> Vec<HistoryRow> {
    rows.iter()
        .map(|(created_by, size)| HistoryRow {
            created: None,
            created_by: (*created_by).into(),
            comment: if created_by.starts_with("/bin/sh") {
                "".into()
            } else {
                "buildkit.dockerfile.v0".into()
            },
            size: Bytes(*size),
        })
        .collect()
}

/// Returns the sizes of layers, `None` where it is not certain, or nothing where the history does not fit.
fn sizes(history: &[(&str, u64)], anchors: &[Anchor]) -> Option<Vec<Option<u64>>> {
    let slots = align(&rows(history), anchors)?;
    Some(
        slots
            .into_iter()
            .map(|slot| slot.size().map(|size| size.0))
            .collect(),
    )
}

fn none(layers: usize) -> Vec<Anchor> {
    vec![Anchor::default(); layers]
}

#[test]
fn a_each_row_with_bytes_is_a_layer() {
    let history = [
        ("COPY a /", 5),
        ("ENV A=1", 0),
        ("WORKDIR /", 0),
        ("odd", 7),
    ];
    assert_eq!(sizes(&history, &none(2)), Some(vec![Some(5), Some(7)]));
}

#[test]
fn b_as_many_rows_as_layers() {
    let history = [("odd", 5), ("", 0), ("ENV A=1", 0)];
    let read = Some(vec![Some(5), Some(0), Some(0)]);
    assert_eq!(sizes(&history, &none(3)), read);
}

#[test]
fn c_the_words_tell_which_rows_made_layers() {
    let history = [
        ("COPY a /", 5),
        ("ENV A=1", 0),
        ("RUN true", 0),
        ("LABEL a=b", 0),
        ("WORKDIR /srv", 0),
        ("RUN make", 7),
        ("CMD [\"sh\"]", 0),
    ];
    let read = Some(vec![Some(5), Some(0), Some(0), Some(7)]);
    assert_eq!(sizes(&history, &none(4)), read);
    // The classic builder makes no layer where nothing changed: of two rows either may have made it.
    let history = [
        ("/bin/sh -c #(nop) WORKDIR /a", 0),
        ("/bin/sh -c make", 7),
        ("/bin/sh -c #(nop) WORKDIR /b", 0),
        ("/bin/sh -c #(nop)  ENV A=1", 0),
    ];
    assert_eq!(sizes(&history, &none(2)), Some(vec![None, None]));
    assert_eq!(
        sizes(&history, &none(3)),
        Some(vec![Some(0), Some(7), Some(0)])
    );
}

#[test]
fn d_anchors_leave_one_reading() {
    let history = [
        ("/bin/sh -c #(nop) WORKDIR /a", 0),
        ("/bin/sh -c make", 7),
        ("/bin/sh -c #(nop) WORKDIR /b", 0),
        ("/bin/sh -c #(nop)  ENV A=1", 0),
    ];
    let mut anchors = none(2);
    anchors[0].sum = Some(Bytes(7));
    assert_eq!(sizes(&history, &anchors), Some(vec![Some(7), Some(0)]));
    let mut anchors = none(2);
    anchors[1].size = Some(Bytes(7));
    assert_eq!(sizes(&history, &anchors), Some(vec![Some(0), Some(7)]));
    anchors[1].sum = Some(Bytes(8));
    assert_eq!(
        sizes(&history, &anchors),
        None,
        "no reading has eight bytes"
    );
}

#[test]
fn d_rows_of_other_tools_need_not_read_like_a_dockerfile() {
    let history = [("ENV but a layer", 0), ("x", 3), ("ENV nothing", 0)];
    let mut anchors = none(2);
    anchors[1].sum = Some(Bytes(3));
    assert_eq!(sizes(&history, &anchors), Some(vec![None, None]));
}

#[test]
fn e_less_history_than_layers_tells_nothing() {
    assert_eq!(sizes(&[("bazel", 9)], &none(2)), None);
    assert_eq!(sizes(&[], &none(1)), None);
    assert_eq!(
        sizes(&[("a", 1), ("b", 2)], &none(1)),
        None,
        "more bytes than layers"
    );
    let mut anchors = none(1);
    anchors[0].sum = Some(Bytes(2));
    assert_eq!(
        sizes(&[("a", 1)], &anchors),
        None,
        "not the bytes of the image"
    );
}
