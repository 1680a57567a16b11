//! The little of protobuf's wire format that the blob list needs.
//!
//! Unknown fields are passed over, as the format wants; a length that leads beyond the message is garbled.

/// Bytes that are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no protobuf message")]
pub struct Garbled;

/// A field's value, as far as anyone here wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldValue<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// A fixed-width number.
    Other,
}

impl<'a> FieldValue<'a> {
    /// Returns a message or text; nothing where it is a number.
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Number(_) | Self::Other => &[],
        }
    }

    /// Returns a text; bytes that are no UTF-8 are replaced.
    pub fn text(self) -> std::borrow::Cow<'a, str> {
        String::from_utf8_lossy(self.bytes())
    }
}

/// The fields of a message, one after another; nothing comes after an error.
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, FieldValue<'a>), Garbled>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or(Garbled))
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, FieldValue<'a>)> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => FieldValue::Number(self.varint()?),
            1 => self.take(8).map(|_| FieldValue::Other)?,
            2 => {
                let length = self.varint()?;
                FieldValue::Bytes(self.take(usize::try_from(length).ok()?)?)
            }
            5 => self.take(4).map(|_| FieldValue::Other)?,
            // Groups left the format long ago, and 6 and 7 were never in it.
            _ => return None,
        };
        // Zero is no field's number.
        (tag >> 3 > 0).then_some((tag >> 3, value))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// At most ten bytes of seven bits each; what does not fit 64 bits is garbled.
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..70).step_by(7) {
            let byte = self.take(1)?[0];
            let bits = u64::from(byte & 0x7f);
            let placed = bits.checked_shl(shift)?;
            if placed >> shift != bits {
                return None;
            }
            number |= placed;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

/// Returns a message with one text field.
pub fn text_message(field: u8, text: &str) -> Vec<u8> {
    let mut message = vec![field << 3 | 2];
    let mut length = text.len();
    while length > 0x7f {
        message.push(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
        length >>= 7;
    }
    message.push(u8::try_from(length).unwrap_or_default());
    message.extend_from_slice(text.as_bytes());
    message
}

#[cfg(test)]
mod tests;
