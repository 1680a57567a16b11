//! What `report`, `plan` and `clean` print: values built from a survey and a plan. Nothing here prints.

pub mod json;
pub mod select;
mod table;
pub mod text;
