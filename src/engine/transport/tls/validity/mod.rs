//! When a certificate ends (RFC 5280, 4.1): just enough DER to find that field.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::domain::time::Timestamp;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Returns the last moment at which a certificate is valid; nothing where it cannot be read.
pub(super) fn end(certificate: &[u8]) -> Option<Timestamp> {
    let certificate = inside(certificate, SEQUENCE)?;
    let mut rest = inside(certificate, SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        rest = item(rest)?.2;
    }
    // Serial number, signature algorithm, issuer.
    for _ in 0..3 {
        rest = item(rest)?.2;
    }
    let validity = inside(rest, SEQUENCE)?;
    let (_, _, after) = item(validity)?;
    let (tag, time, _) = item(after)?;
    moment(tag, std::str::from_utf8(time).ok()?)
}

fn inside(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let (found, content, _) = item(bytes)?;
    (found == tag).then_some(content)
}

/// Tag, content, and what follows.
fn item(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first & 0x80 != 0 {
        let digits = usize::from(first & 0x7f);
        if digits > 4 {
            return None;
        }
        let (number, after) = rest.split_at_checked(digits)?;
        length = number
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte));
        rest = after;
    }
    let (content, after) = rest.split_at_checked(length)?;
    Some((tag, content, after))
}

/// `YYMMDDHHMMSSZ` up to 2049, `YYYYMMDDHHMMSSZ` from then on.
fn moment(tag: u8, text: &str) -> Option<Timestamp> {
    let text = match tag {
        UTC_TIME if text < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().into())
}

#[cfg(test)]
mod tests;
