//! dtop: see what Docker keeps on a disk, mark it, and remove exactly what you confirmed.

pub mod app;
pub mod cli;
pub mod commands;
pub mod domain;
pub mod engine;
pub mod report;
pub mod tui;
pub mod ui;
