//! TEMPORARY: the real one comes from branch filter.
use std::borrow::Cow;
use unicode_truncate::UnicodeTruncateStr;
use unicode_width::UnicodeWidthStr;
#[must_use]
pub fn sanitise(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) {
        text.chars()
            .map(|c| if c.is_control() { '?' } else { c })
            .collect::<String>()
            .into()
    } else {
        text.into()
    }
}
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}
#[must_use]
pub fn fit(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    if room == 0 {
        return String::new();
    }
    format!("{}…", text.unicode_truncate(room - 1).0)
}
