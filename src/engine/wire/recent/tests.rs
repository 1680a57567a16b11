use super::*;

#[test]
fn a_base_is_kept_once_for_the_images_on_it() {
    let image = |own: &str| -> DigestList {
        let base = (0..5).map(|at| format!("sha256:{}{at}", "b".repeat(63)));
        base.chain([own.to_owned()]).collect()
    };
    let kept: Vec<DigestList> = ["one", "two", "three"]
        .map(|own| behind_shared(image(own)))
        .into();
    assert_eq!(kept, ["one", "two", "three"].map(image));
    let has_own = |texts: &DigestList| texts.first(0).is_some();
    assert_eq!(
        kept.iter().map(has_own).collect::<Vec<_>>(),
        [true, false, false]
    );
}

#[test]
fn the_same_text_is_kept_once_and_another_is_another() {
    let one = shared("sha256:a text of this test alone");
    assert!(Text::ptr_eq(
        &one,
        &shared("sha256:a text of this test alone")
    ));
    for number in 0..3 * PLACES {
        let text = format!("{number} of many");
        assert_eq!(*shared(&text), *text);
    }
    assert_eq!(*shared(&one), *one);
}
