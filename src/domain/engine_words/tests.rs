use super::*;
use proptest::prelude::*;

#[test]
fn a_page_of_words_is_cut() {
    assert_eq!(shortened("no space\nleft"), "no space left");
    for page in [
        "x".repeat(100_000),
        "日".repeat(500),
        "\u{1b}".repeat(1_000),
    ] {
        let cut = shortened(&page);
        assert!(cut.len() <= 1024 && cut.len() > 1000, "{}", cut.len());
        assert!(cut.ends_with('…'));
        assert_eq!(shortened(&cut), cut);
    }
    assert_eq!(shortened(&"x".repeat(1024)), "x".repeat(1024));
}

#[test]
fn what_could_move_the_cursor_is_replaced() {
    for (raw, safe) in [
        ("postgres:13-beta1", "postgres:13-beta1"),
        ("\u{1b}[31mred\u{1b}[0m", "�[31mred�[0m"),
        ("a\u{9b}2Jb\u{7f}", "a�2Jb�"),
        ("one\r\ntwo\tthree", "one  two three"),
        ("abc\u{202e}txt.exe\u{2069}", "abc�txt.exe�"),
        ("zero\u{200b}width\u{feff}", "zero�width�"),
        ("名前 café cafe\u{301}", "名前 café cafe\u{301}"),
        ("\u{301}first", "�first"),
        ("z\u{301}\u{302}\u{303}\u{304}", "z\u{301}\u{302}��"),
        ("👩\u{200d}👧 🇩🇪 👍🏽 ❤\u{fe0f}", "👩�👧 �� 👍� ❤"),
    ] {
        assert_eq!(sanitise(raw), safe, "{raw:?}");
    }
}

proptest! {
    #[test]
    fn safe_text_has_nothing_left_to_replace(raw in any::<String>()) {
        let safe = sanitise(&raw);
        prop_assert!(!safe.chars().any(|letter| letter.is_control() || is_hidden(letter)));
        prop_assert_eq!(sanitise(&safe), safe.clone());
    }
}
