//! An archive as it passes by: where its files begin and end, and whether it is all there.
//!
//! Nothing is unpacked. A tar ends with two blocks of zeros, so one that was cut shows, and so does an error that
//! an engine writes into the stream when its head has been sent already.

const BLOCK: usize = 512;
/// Longer names and attributes than any file has.
const LONGEST_META: u64 = 1 << 20;
/// In front of an extended attribute's name.
const ATTRIBUTE: &str = "SCHILY.xattr.";

/// What a thing in an archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    File,
    Folder,
    /// Another name of a file.
    HardLink,
    Symlink,
    /// A device or a pipe, which has no bytes.
    Device,
    /// Something that only the program which wrote it understands.
    Odd,
}

impl Sort {
    fn of(letter: u8) -> Self {
        match letter {
            b'0' | b'7' | 0 => Self::File,
            b'1' => Self::HardLink,
            b'2' => Self::Symlink,
            b'3' | b'4' | b'6' => Self::Device,
            b'5' => Self::Folder,
            _ => Self::Odd,
        }
    }
}

/// What a header says of a file, or of whatever has a name.
#[derive(Clone, Copy, Debug)]
pub struct TarEntry<'a> {
    pub name: &'a str,
    pub sort: Sort,
    /// What a link points to.
    pub link: Option<&'a str>,
    /// Bytes that follow.
    pub size: u64,
    /// Names and values of extended attributes, all together in bytes.
    pub attributes: u64,
}

/// Who looks at the files of an archive.
pub trait Files {
    /// A file, or whatever has a name, begins.
    fn begin(&mut self, entry: &TarEntry<'_>);
    fn data(&mut self, bytes: &[u8]);
    fn end(&mut self);
}

/// What stands in a header that an earlier one has more to say of.
#[derive(Default)]
struct Longer {
    name: Option<String>,
    link: Option<String>,
    size: Option<u64>,
    attributes: u64,
    /// The file has holes, which are told in a way of their own.
    sparse: bool,
}

enum TarState {
    /// Up to the next header.
    Header,
    /// So many bytes of a file are left, and so many that fill up its last block.
    File(u64, u64),
    /// Of what belongs to the next header: which sort, and what has come.
    Meta(u8, Vec<u8>, u64, u64),
    Ended,
}

/// Takes an archive in, piece by piece.
pub struct Tar {
    state: TarState,
    block: Vec<u8>,
    zeros: u8,
    longer: Longer,
}

impl Default for Tar {
    fn default() -> Self {
        Self {
            state: TarState::Header,
            block: Vec::with_capacity(BLOCK),
            zeros: 0,
            longer: Longer::default(),
        }
    }
}

impl Tar {
    /// Takes the next bytes in.
    ///
    /// # Errors
    /// What shows that this is no archive, or not one any more.
    pub fn take(&mut self, mut bytes: &[u8], files: &mut dyn Files) -> Result<(), &'static str> {
        while !bytes.is_empty() {
            match &mut self.state {
                TarState::Header => {
                    let piece = cut(&mut bytes, (BLOCK - self.block.len()) as u64);
                    self.block.extend_from_slice(piece);
                    if self.block.len() == BLOCK {
                        let block = std::mem::take(&mut self.block);
                        self.header(&block, files)?;
                    }
                }
                TarState::File(left, fill) => {
                    let piece = cut(&mut bytes, *left);
                    *left -= piece.len() as u64;
                    files.data(piece);
                    if *left == 0 {
                        *fill -= cut(&mut bytes, *fill).len() as u64;
                        if *fill == 0 {
                            files.end();
                            self.state = TarState::Header;
                        }
                    }
                }
                TarState::Meta(sort, text, left, fill) => {
                    let piece = cut(&mut bytes, *left);
                    *left -= piece.len() as u64;
                    text.extend_from_slice(piece);
                    if *left == 0 {
                        *fill -= cut(&mut bytes, *fill).len() as u64;
                        if *fill == 0 {
                            let (sort, text) = (*sort, std::mem::take(text));
                            self.longer.learn(sort, &text);
                            self.state = TarState::Header;
                        }
                    }
                }
                TarState::Ended if bytes.iter().any(|byte| *byte != 0) => {
                    return Err("something comes after its end");
                }
                TarState::Ended => return Ok(()),
            }
        }
        Ok(())
    }

    /// Returns true once the end has come.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        matches!(self.state, TarState::Ended)
    }

    fn header(&mut self, block: &[u8], files: &mut dyn Files) -> Result<(), &'static str> {
        if block.iter().all(|byte| *byte == 0) {
            self.zeros += 1;
            if self.zeros == 2 {
                self.state = TarState::Ended;
            }
            return Ok(());
        }
        if self.zeros > 0 || number(&block[148..156]) != Some(checksum(block)) {
            return Err("it is no archive");
        }
        let size = number(&block[124..136]).ok_or("a file in it has no size")?;
        let fill = |size: u64| (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
        let sort = block[156];
        if matches!(sort, b'x' | b'g' | b'L' | b'K') {
            if size > LONGEST_META {
                return Err("a name in it is too long");
            }
            self.state = TarState::Meta(sort, Vec::new(), size, fill(size));
            if size == 0 {
                self.state = TarState::Header;
            }
            return Ok(());
        }
        let longer = std::mem::take(&mut self.longer);
        let name = longer.name.unwrap_or_else(|| name_of(block));
        let is_link = matches!(sort, b'1' | b'2');
        let link = longer.link.unwrap_or_else(|| text(&block[157..257]));
        // Links, folders and devices have no bytes of their own.
        let size = match sort {
            b'1'..=b'6' => 0,
            _ => longer.size.unwrap_or(size),
        };
        files.begin(&TarEntry {
            name: &name,
            sort: if longer.sparse {
                Sort::Odd
            } else {
                Sort::of(sort)
            },
            link: is_link.then_some(link.as_str()),
            size,
            attributes: longer.attributes,
        });
        if size == 0 {
            files.end();
        } else {
            self.state = TarState::File(size, fill(size));
        }
        Ok(())
    }
}

impl Longer {
    fn learn(&mut self, sort: u8, said: &[u8]) {
        match sort {
            b'L' => self.name = Some(text(said)),
            b'K' => self.link = Some(text(said)),
            b'x' => {
                let mut rest = said;
                // `27 path=…\n`: the number is the whole line's length.
                while let Some(space) = rest.iter().position(|byte| *byte == b' ') {
                    let length = std::str::from_utf8(&rest[..space]).ok();
                    let length = length.and_then(|digits| digits.parse::<usize>().ok());
                    let Some(line) = length.and_then(|length| rest.get(space + 1..length)) else {
                        return;
                    };
                    rest = &rest[space + 1 + line.len()..];
                    let line = String::from_utf8_lossy(line);
                    match line.trim_end_matches('\n').split_once('=') {
                        Some(("path", path)) => self.name = Some(path.to_owned()),
                        Some(("linkpath", path)) => self.link = Some(path.to_owned()),
                        Some(("size", size)) => self.size = size.parse().ok(),
                        Some((key, value)) if key.starts_with(ATTRIBUTE) => {
                            self.attributes += (key.len() - ATTRIBUTE.len() + value.len()) as u64;
                        }
                        Some((key, _)) => self.sparse |= key.starts_with("GNU.sparse"),
                        None => {}
                    }
                }
            }
            // What holds for all files is nothing that is looked at here.
            _ => {}
        }
    }
}

/// Returns an archive of these files.
#[must_use]
pub fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, data) in files {
        let mut block = [0; BLOCK];
        let end = name.len().min(100);
        block[..end].copy_from_slice(&name.as_bytes()[..end]);
        block[100..107].copy_from_slice(b"0000644");
        block[124..135].copy_from_slice(format!("{:011o}", data.len()).as_bytes());
        block[156] = b'0';
        block[257..263].copy_from_slice(b"ustar\0");
        block[263..265].copy_from_slice(b"00");
        let sum = checksum(&block);
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        bytes.extend_from_slice(&block);
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    }
    bytes.resize(bytes.len() + 2 * BLOCK, 0);
    bytes
}

/// Takes up to so many bytes from the front.
fn cut<'a>(bytes: &mut &'a [u8], most: u64) -> &'a [u8] {
    let at = usize::try_from(most).map_or(bytes.len(), |most| most.min(bytes.len()));
    let (front, rest) = bytes.split_at(at);
    *bytes = rest;
    front
}

/// Digits of base 8 or, where the first bit is set, a number as it is in memory.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let (high, low) = field.split_at_checked(field.len().checked_sub(8)?)?;
        let (first, rest) = high.split_first()?;
        let is_small = *first == 0x80 && rest.iter().all(|byte| *byte == 0);
        return is_small.then(|| low.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
    }
    let digits = text(field);
    let digits = digits.trim_matches(' ');
    if digits.is_empty() {
        return Some(0);
    }
    u64::from_str_radix(digits, 8).ok()
}

fn checksum(block: &[u8]) -> u64 {
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    // Its own field counts as eight spaces.
    sum(&block[..148]) + 8 * u64::from(b' ') + sum(&block[156..])
}

fn name_of(block: &[u8]) -> String {
    let name = text(&block[..100]);
    let before = text(&block[345..500]);
    if &block[257..263] == b"ustar\0" && !before.is_empty() {
        format!("{before}/{name}")
    } else {
        name
    }
}

/// Returns what stands before the first zero.
fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(&field[..end.unwrap_or(field.len())]).into_owned()
}
