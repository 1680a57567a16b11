//! Tells the linker what a release build is not for: cargo has no setting of a profile for it.

use std::env;
use std::io::{self, Write as _};

fn main() -> io::Result<()> {
    let mut cargo = io::stdout();
    writeln!(cargo, "cargo::rerun-if-changed=.ci/link.rs")?;
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|it| it == value);
    // A panic aborts there, so that nothing unwinds, and no names are left that a backtrace could tell. The table by
    // which frames are looked up takes a fiftieth of the program.
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") {
        writeln!(cargo, "cargo::rustc-link-arg-bins=-Wl,--no-eh-frame-hdr")?;
    }
    Ok(())
}
