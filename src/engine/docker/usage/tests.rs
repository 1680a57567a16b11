use super::*;

#[test]
fn each_version_is_asked_as_it_can_bear() {
    let path = |part: DfPart, minor| part.path(Api::new(1, minor)).unwrap_or_default();
    assert_eq!(path(DfPart::BuildCache, 41), "");
    assert_eq!(
        path(DfPart::BuildCache, 42),
        "/system/df?type=image&type=build-cache"
    );
    assert_eq!(
        path(DfPart::Volumes, 43),
        "/system/df?type=image&type=volume"
    );
    assert_eq!(path(DfPart::Images, 43), "/system/df?type=image");
    assert_eq!(path(DfPart::Volumes, 44), "/system/df?type=volume");
    assert_eq!(path(DfPart::Images, 55), "/system/df?type=image&verbose=1");
}
