use proptest::prelude::*;

use super::*;

/// Gives its bytes in pieces of these lengths, over and over.
struct Pieces<'a>(&'a [u8], std::iter::Cycle<std::vec::IntoIter<usize>>);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self
            .1
            .next()
            .unwrap_or(1)
            .min(buffer.len())
            .min(self.0.len());
        let (piece, rest) = self.0.split_at(length);
        buffer[..length].copy_from_slice(piece);
        self.0 = rest;
        Ok(length)
    }
}

proptest! {
    #[test]
    fn it_reads_as_the_whole_at_once(
        words in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..6),
                any::<char>().prop_map(|c| c.to_string().into_bytes()),
            ],
            0..40,
        ),
        pieces in prop::collection::vec(1_usize..5, 1..8),
    ) {
        let bytes = words.concat();
        let mut read = Vec::new();
        let pieces = Pieces(&bytes, pieces.into_iter().cycle());
        Lossy::new(pieces).read_to_end(&mut read).unwrap();
        prop_assert_eq!(String::from_utf8(read).unwrap(), String::from_utf8_lossy(&bytes));
    }
}
