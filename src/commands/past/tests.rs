use super::*;
use crate::domain::removal::history::tests::an_entry;

#[test]
fn a_name_means_the_newest_image_that_had_it_before_anything_else() {
    let container = an_entry(Kind::Container, "77aa");
    let newer = an_entry(Kind::Image, "sha256:88bb");
    let older = an_entry(Kind::Image, "sha256:99cc");
    let entries = [container.clone(), newer, older];
    let about = EngineInfo {
        host: container.host.clone(),
        ..EngineInfo::default()
    };
    let id = |word: &str| meant(word, &entries, &about).map(|entry| entry.id.to_string());
    assert_eq!(id("web:1").as_deref(), Ok("sha256:88bb"));
    assert_eq!(id("77a").as_deref(), Ok("77aa"));
    assert_eq!(id("99cc").as_deref(), Ok("sha256:99cc"));
    // Where no image had it, it is what had it.
    let only = meant("web:1", &entries[..1], &about);
    assert_eq!(only.map(|entry| entry.kind), Ok(Kind::Container));
}
