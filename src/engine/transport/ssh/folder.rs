//! A folder for sockets that nobody else may use, with a path that a socket's address can hold.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A socket's address holds 103 bytes where it holds least (macOS). ssh binds to a name with seventeen
/// more letters first.
const LONGEST: usize = 103 - 17 - "/m".len();
const TRIES: u32 = 16;

/// The folder; it goes with its owner.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes a folder in the first place that takes one: the user's own for such things, or a common one,
    /// if need be one without a disk that could be full.
    pub(super) fn new() -> io::Result<Self> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let places =
            runtime
                .into_iter()
                .chain([std::env::temp_dir(), "/tmp".into(), "/dev/shm".into()]);
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for place in places.filter(|place| place.is_absolute()) {
            match Self::below(&place) {
                Ok(folder) => return Ok(folder),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn below(place: &Path) -> io::Result<Self> {
        for again in 0..TRIES {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let nanos = now.unwrap_or_default().subsec_nanos().wrapping_add(again);
            let name = format!("dtop-{}-{:x}", std::process::id(), nanos);
            let path = place.join(name);
            if path.as_os_str().len() > LONGEST {
                return Err(io::ErrorKind::InvalidFilename.into());
            }
            // It fails where something is there already, be it a link that somebody has put there.
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Where ssh takes further sessions.
    pub(super) fn control(&self) -> PathBuf {
        self.0.join("m")
    }

    /// The engine's socket on this side.
    pub(super) fn socket(&self) -> PathBuf {
        self.0.join("s")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_private_and_goes_with_its_owner() {
        let place = tempfile::tempdir().unwrap();
        let (one, two) = (
            Folder::below(place.path()).unwrap(),
            Folder::below(place.path()).unwrap(),
        );
        let mode = fs::metadata(&one.0).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        fs::write(one.control(), "").unwrap();
        let path = one.0.clone();
        drop(one);
        assert!(!path.exists() && two.0.exists());
    }

    #[test]
    fn a_long_name_and_a_missing_place_are_no_places() {
        let place = tempfile::tempdir().unwrap();
        let long = place.path().join("x".repeat(100));
        fs::create_dir(&long).unwrap();
        assert!(Folder::below(&long).is_err());
        assert!(Folder::below(&place.path().join("none")).is_err());
    }
}
