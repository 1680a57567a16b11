//! Digests as engines write them.

/// Writes bytes in hexadecimal digits, in small letters.
pub(in crate::engine) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |four: u8| char::from(DIGITS[usize::from(four & 15)]);
    let letters = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)]);
    letters.collect()
}
