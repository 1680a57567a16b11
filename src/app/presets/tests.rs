use super::*;

#[test]
fn every_preset_can_be_read() {
    for preset in PRESETS {
        for (kind, text) in preset.filters {
            let filter = Filter::parse(text, *kind);
            assert!(filter.is_ok(), "{}: {filter:?}", preset.name);
        }
    }
}
