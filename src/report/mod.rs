//! What the text commands print: values built from a survey, a plan or a history. Nothing here prints.

pub mod history;
pub mod json;
pub mod page;
mod rest;
pub mod select;
mod table;
pub mod text;
