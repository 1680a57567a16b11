//! Copies of what is about to go: written to a folder of this machine, looked at as they pass by, and given
//! their name only once they are whole (README.md, Copies first).
//!
//! File names are dtop's own: what an engine calls a thing never decides where something is written.

mod image;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use rustix::fs::{CWD, RenameFlags, renameat_with, statvfs};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use super::exported::Pieces;
use super::tar::{Files, Tar, TarEntry};
use crate::domain::bytes::Bytes;
use crate::domain::item::{ImageId, ItemId, VolumeName};
use crate::domain::text::Text;
use crate::engine::hex::hex;
use crate::engine::{Permit, user_folder};

pub use image::Proof;

/// How many letters of a name are in a file's name.
const LETTERS: usize = 40;
/// How many digits of an ID or a digest are.
const DIGITS: usize = 12;
/// Copies of one thing that a folder may have.
const COPIES: u32 = 1000;

/// Why something could not be kept, in words.
pub type Failure = String;

/// A folder for copies.
#[derive(Clone, Debug)]
pub struct CopyFolder {
    path: PathBuf,
}

impl CopyFolder {
    /// Opens a folder, and makes it, for this user alone, where it is not there.
    ///
    /// # Errors
    /// Where nothing can be written, in words with the folder.
    pub fn open(path: &Path, _: Permit) -> Result<Self, Failure> {
        let failed = |error: io::Error| {
            let path = path.display();
            format!("{path}: {error}; name another folder for the copies")
        };
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(path).map_err(failed)?;
        let path = fs::canonicalize(path).map_err(failed)?;
        Ok(Self { path })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what is available on its filesystem, where that says so.
    #[must_use]
    pub fn room(&self) -> Option<Bytes> {
        let stat = statvfs(&self.path).ok()?;
        Some(Bytes(stat.f_bavail.saturating_mul(stat.f_frsize)))
    }

    /// Writes an archive under a name of its own. `tell` hears how much has come.
    ///
    /// # Errors
    /// What the engine, the filesystem or the look at the archive said; then no file is left.
    pub async fn keep(
        &self,
        id: &ItemId,
        mut content: Pieces,
        check: &mut dyn Check,
        tell: &mut dyn FnMut(Bytes),
    ) -> Result<PathBuf, Failure> {
        let mut part =
            PartFile::create(&self.path, &stem(id)).map_err(|error| self.words(&error))?;
        let mut tar = Tar::default();
        let mut come = Bytes::ZERO;
        while let Some(piece) = content.next().await {
            let piece = piece.map_err(|error| error.to_string())?;
            tar.take(&piece, check.files())?;
            part.write(&piece)
                .await
                .map_err(|error| self.words(&error))?;
            come += Bytes(piece.len() as u64);
            tell(come);
        }
        if !tar.is_whole() {
            return Err("the archive ended before its end".to_owned());
        }
        check.verdict()?;
        part.finish().await.map_err(|error| self.words(&error))
    }

    fn words(&self, error: &io::Error) -> String {
        format!("{}: {error}", self.path.display())
    }
}

/// Returns where copies go if nobody says otherwise: in the user's own state folder, else here.
#[must_use]
pub fn usual_folder() -> PathBuf {
    let state = user_folder::state();
    state.unwrap_or_else(|| "dtop".into()).join("saved")
}

/// Returns true if a folder, or what of its path is there, lies on the same filesystem as another.
#[must_use]
pub fn is_on_disk_of(folder: &Path, other: &str) -> bool {
    let device = |path: &Path| fs::metadata(path).map(|it| it.dev()).ok();
    let folder = std::path::absolute(folder).unwrap_or_default();
    let own = folder.ancestors().find_map(device);
    own.is_some() && own == device(Path::new(other))
}

/// What an archive must hold.
pub trait Check: Send {
    fn files(&mut self) -> &mut dyn Files;
    /// Tells, once all of it has come, what is wrong with it.
    ///
    /// # Errors
    /// In words.
    fn verdict(&self) -> Result<(), Failure>;
}

/// The files of a volume can be anything.
pub struct AnyFiles;

impl Files for AnyFiles {
    fn begin(&mut self, _: &TarEntry<'_>) {}
    fn data(&mut self, _: &[u8]) {}
    fn end(&mut self) {}
}

impl Check for AnyFiles {
    fn files(&mut self) -> &mut dyn Files {
        self
    }

    fn verdict(&self) -> Result<(), Failure> {
        Ok(())
    }
}

/// The files of an image.
pub struct WholeImage<'a> {
    seen: image::Image,
    proof: Proof,
    names: &'a [Text],
}

impl<'a> WholeImage<'a> {
    #[must_use]
    pub fn new(proof: Proof, names: &'a [Text]) -> Self {
        let seen = image::Image::default();
        Self { seen, proof, names }
    }
}

impl Check for WholeImage<'_> {
    fn files(&mut self) -> &mut dyn Files {
        &mut self.seen
    }

    fn verdict(&self) -> Result<(), Failure> {
        self.seen.check(&self.proof, self.names)
    }
}

/// A file that has no name of its own yet; it goes if it is not finished.
struct PartFile {
    file: tokio::fs::File,
    at: PathBuf,
    stem: String,
}

impl PartFile {
    fn create(folder: &Path, stem: &str) -> io::Result<Self> {
        let process = std::process::id();
        let at = folder.join(format!(".{stem}.{process}.part"));
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&at)?;
        Ok(Self {
            file: tokio::fs::File::from_std(file),
            at,
            stem: stem.to_owned(),
        })
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).await
    }

    /// Gives the file its name, which no other file has, once all of it is on the disk.
    async fn finish(mut self) -> io::Result<PathBuf> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        for copy in 1..=COPIES {
            let number = if copy > 1 {
                format!("-{copy}")
            } else {
                String::new()
            };
            let to = self.at.with_file_name(format!("{}{number}.tar", self.stem));
            match rename_anew(&self.at, &to) {
                Ok(()) => {
                    if let Some(folder) = to.parent() {
                        fs::File::open(folder)?.sync_all()?;
                    }
                    return Ok(to);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // It has got its name, or is of no use.
        let _ = fs::remove_file(&self.at);
    }
}

/// Renames a file and never over another. Filesystems that cannot promise that have links.
fn rename_anew(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => fs::hard_link(from, to),
        Err(error) => Err(error.into()),
    }
}

/// Returns what a copy's file is called, without its ending.
fn stem(id: &ItemId) -> String {
    match id {
        ItemId::Image(id) => format!("image-{}", of_image(id)),
        ItemId::Volume(name) => of_volume(name),
        other => format!("copy-{}", digest(other.as_str())),
    }
}

/// Returns the first digits of its ID; of what is no ID, those of its digest.
fn of_image(id: &ImageId) -> String {
    let hex = id.as_str().strip_prefix("sha256:").unwrap_or_default();
    let start: String = hex.chars().take(DIGITS).collect();
    let is_hex = start.len() == DIGITS && start.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex { start } else { digest(id.as_str()) }
}

/// What can be read of its name, and the first digits of the name's digest, which tell such names apart.
fn of_volume(name: &VolumeName) -> String {
    let letters = name.as_str().chars().map(|letter| {
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '_'
        }
    });
    let letters: String = letters.take(LETTERS).collect();
    format!("volume-{letters}-{}", digest(name.as_str()))
}

fn digest(text: &str) -> String {
    hex(&Sha256::digest(text)[..DIGITS / 2])
}
