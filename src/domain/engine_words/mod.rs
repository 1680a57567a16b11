//! Words of an engine, made safe to be shown and stored.
//!
//! Names, labels, commands and error texts are whatever somebody put there: escape sequences, bidi overrides,
//! characters of no width or of a width on which terminals do not agree, and any amount of it.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

/// The most bytes of an engine's words that are shown or stored: what it says of a failure is a line, and what is
/// longer is a page that a proxy sent.
const LONGEST: usize = 1024;

/// Returns what an engine said of a failure as it is shown and stored: safe, and cut where it is long.
#[must_use]
pub fn shortened(words: &str) -> String {
    // What is left out is not looked at: of each letter at least one is left.
    let mut end = words.len().min(LONGEST);
    while !words.is_char_boundary(end) {
        end -= 1;
    }
    let safe = sanitise(&words[..end]);
    if end == words.len() && safe.len() <= LONGEST {
        return safe.into_owned();
    }
    let mut end = safe.len().min(LONGEST - '…'.len_utf8());
    while !safe.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &safe[..end])
}

/// Stands for a character that is not shown.
const HIDDEN: char = '\u{fffd}';
/// More marks than this on one letter grow over the lines above and below.
const MARKS: usize = 2;

/// Returns a text without anything that could move the cursor, change the order of letters or hide: each such
/// character becomes `�`, line ends and tabs become spaces. Letters of all scripts stay.
#[must_use]
pub fn sanitise(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    // Marks may follow a letter; at the beginning they would fall on what stands to the left.
    let mut marks = MARKS;
    for letter in text.chars() {
        match class(letter) {
            WordClass::Letter => {
                marks = 0;
                safe.push(letter);
            }
            WordClass::Mark if marks < MARKS => {
                marks += 1;
                safe.push(letter);
            }
            WordClass::Space => {
                marks = MARKS;
                safe.push(' ');
            }
            WordClass::Dropped => {}
            WordClass::Mark | WordClass::Hidden => {
                marks = MARKS;
                safe.push(HIDDEN);
            }
        }
    }
    Cow::Owned(safe)
}

enum WordClass {
    /// Takes one or two columns.
    Letter,
    /// Takes none, and is drawn on the letter before it.
    Mark,
    Space,
    /// Only chooses between two forms of the letter before it.
    Dropped,
    Hidden,
}

fn class(letter: char) -> WordClass {
    match letter {
        '\t' | '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => WordClass::Space,
        '\u{fe00}'..='\u{fe0f}' => WordClass::Dropped,
        _ if is_hidden(letter) => WordClass::Hidden,
        _ => match letter.width() {
            Some(0) => WordClass::Mark,
            Some(_) => WordClass::Letter,
            None => WordClass::Hidden,
        },
    }
}

/// What controls something, is not seen, or has a width on which terminals do not agree.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            // Directions: marks, embeddings, overrides, isolates.
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Not seen: joiners, fillers, invisible operators, selectors, tags.
            | '\u{ad}' | '\u{34f}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
            // Hangul letters that join; sound marks and keycaps that do or do not.
            | '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97c}' | '\u{d7b0}'..='\u{d7fb}'
            | '\u{ff9e}' | '\u{ff9f}' | '\u{20e3}'
            // Signs that span the digits after them.
            | '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}' | '\u{8e2}'
            | '\u{110bd}' | '\u{110cd}'
            // Halves of flags and skin tones: two columns together, four apart.
            | '\u{1f1e6}'..='\u{1f1ff}' | '\u{1f3fb}'..='\u{1f3ff}'
            // For private use, and never characters at all.
            | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' | '\u{fdd0}'..='\u{fdef}')
        || u32::from(letter) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests;
