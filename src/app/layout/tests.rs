use super::*;

#[test]
fn lines_never_overlap_at_any_size() {
    for width in [40, 79, 80, 99, 100, 200] {
        for height in 10..80 {
            let at = Layout::new(width, height);
            assert!(at.rows > at.headings, "{at:?}");
            assert!(at.page >= 1 && at.rows + at.page <= at.why, "{at:?}");
            assert!(at.why < at.footer && at.footer == height - 1, "{at:?}");
            if at.roomy {
                assert_eq!(at.pane.0 + at.pane.1, at.tabs, "{at:?}");
                assert_eq!(at.why + 2, at.tabs, "{at:?}");
            }
        }
    }
}

#[test]
fn no_size_at_all_panics() {
    for width in 0..3 {
        for height in 0..12 {
            let _ = Layout::new(width, height);
        }
    }
}
