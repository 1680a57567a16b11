//! What tests need to see dtop work for real: private engines, scenes on them, a listening proxy and a terminal.
#![allow(dead_code, reason = "each test program uses a part of this")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends with the place and the cause"
)]

pub mod broken;
pub mod census;
pub mod daemon;
pub mod engine;
pub mod faulty;
pub mod http;
pub mod journey;
pub mod program;
pub mod proxy;
pub mod pty;
pub mod scene;
pub mod trial;

/// The program under test.
pub const DTOP: &str = env!("CARGO_BIN_EXE_dtop");
