//! Files of the user's own folders: settings, certificates, copies. Whatever stands in the place of one, nobody waits.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// The most bytes of settings or certificates: dtop's config with ten thousand filters has half of that.
const LARGEST: u64 = 1_000_000;

/// Opens a regular file, to which links may lead, without ever waiting: a pipe waits for who writes, a device may have
/// no end.
///
/// # Errors
/// It cannot be opened, or is no regular file.
pub(super) fn open(path: &Path) -> io::Result<File> {
    // Opening some devices does something already.
    check_kind(&std::fs::metadata(path)?)?;
    let without_waiting = OFlags::NONBLOCK.bits().cast_signed();
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .custom_flags(without_waiting)
        .open(path)?;
    check_kind(&file.metadata()?)?;
    Ok(file)
}

/// Reads such a file of at most 1 MB.
///
/// # Errors
/// As [`open`], or it is larger.
pub(super) fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other("it is larger than 1 MB"));
    }
    Ok(bytes)
}

/// Reads such a file of at most 1 MB as text.
///
/// # Errors
/// As [`bytes_of`], or it is not UTF-8.
pub(super) fn text_of(path: &Path) -> io::Result<String> {
    String::from_utf8(bytes_of(path)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

fn check_kind(about: &Metadata) -> io::Result<()> {
    let kind = about.file_type();
    let what = if kind.is_file() {
        return Ok(());
    } else if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Err(io::Error::other(format!("it is {what}, no file")))
}
