//! Tells the linker what a release build is not for: cargo has no setting of a profile for it.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fs};

/// Functions that are the same code are one: a fiftieth of the program. Nothing here compares their addresses.
const SAME_ONCE: &str = "-Wl,--icf=all";

fn main() -> io::Result<()> {
    let mut cargo = io::stdout();
    writeln!(cargo, "cargo::rerun-if-changed=.ci/link.rs")?;
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|it| it == value);
    // A panic aborts there, so that nothing unwinds, and no names are left that a backtrace could tell. The table by
    // which frames are looked up takes a fiftieth of the program.
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") {
        writeln!(cargo, "cargo::rustc-link-arg-bins=-Wl,--no-eh-frame-hdr")?;
        if takes(SAME_ONCE) {
            writeln!(cargo, "cargo::rustc-link-arg-bins={SAME_ONCE}")?;
        }
    }
    Ok(())
}

/// Asks the linker with a program that does nothing whether it has an option: lld and mold have some that GNU's has not.
fn takes(option: &str) -> bool {
    let Some(folder) = env::var_os("OUT_DIR").map(PathBuf::from) else {
        return false;
    };
    let source = folder.join("nothing.rs");
    if fs::write(&source, "fn main() {}").is_err() {
        return false;
    }
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let mut compiler = Command::new(variable("RUSTC"));
    compiler.arg(&source).arg("-o").arg(folder.join("nothing"));
    compiler.args(["--target", &variable("TARGET"), "-C"]);
    compiler.arg(format!("link-arg={option}"));
    let flags = variable("CARGO_ENCODED_RUSTFLAGS");
    compiler.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        compiler
            .arg("-C")
            .arg(format!("linker={}", linker.display()));
    }
    compiler.stdout(Stdio::null()).stderr(Stdio::null());
    compiler.status().is_ok_and(|status| status.success())
}
