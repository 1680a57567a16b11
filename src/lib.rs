//! dtop: see what Docker keeps on a disk, mark it, and remove exactly what you confirmed.

pub mod app;
pub mod cli;
pub mod domain;
pub mod door;
pub mod engine;
pub mod report;
pub mod runtime;
pub mod ui;
