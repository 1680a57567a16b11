//! What tests need to see dtop work for real: private engines, scenes on them, a listening proxy and a terminal.
#![allow(dead_code, reason = "each test program uses a part of this")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends with the place and the cause"
)]

pub mod archive;
pub mod broken;
pub mod census;
pub mod crowd;
pub mod daemon;
pub mod du;
pub mod engine;
pub mod faulty;
pub mod http;
pub mod journey;
pub mod length;
pub mod meddler;
pub mod pace;
pub mod papers;
pub mod program;
pub mod proxy;
pub mod pty;
pub mod random;
pub mod registry;
pub mod scene;
pub mod small_disk;
pub mod sshd;
pub mod trial;

/// The program under test, as cargo built it for the tests.
const DTOP: &str = env!("CARGO_BIN_EXE_dtop");
/// Where the tests' programs keep their journal, in place of the caller's own.
pub const STATE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/state");
/// Names another build of it to be tested instead: a release build, say.
const PROGRAM: &str = "DTOP_TEST_PROGRAM";

/// The program under test.
pub fn dtop() -> std::ffi::OsString {
    std::env::var_os(PROGRAM).unwrap_or_else(|| DTOP.into())
}

/// True if `DTOP_TEST_PROGRAM` names a release build, which is what is measured.
pub fn is_release_build() -> bool {
    std::env::var_os(PROGRAM).is_some()
}
