//! What the text commands print: values built from a survey, a plan or a history. Nothing here prints.
//!
//! - `history`: what `history` prints for people: a line a removal, the newest first.
//! - `json`: the JSON of the text commands.
//! - `page`: what a text is written on.
//! - `rest`: what Docker does not count, as lines of text.
//! - `select`: from the filters of a command line to a selection, and to the plan that they stand for.
//! - `table`: a pane's rows as lines of text: the columns of the screen, without colour or cursor.
//! - `text`: what `report`, `plan` and `clean` print for people.

pub mod history;
pub mod json;
pub mod page;
mod rest;
pub mod select;
mod table;
pub mod text;
