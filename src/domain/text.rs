//! Texts that an engine says again and again.

/// A text that many places hold at once: a name, an ID, a label. It is one word where it is held, as its length
/// stands with its letters.
pub type Text = arcstr::ArcStr;
/// A part of a text, which is no copy of it.
pub type SubStr = arcstr::Substr;
