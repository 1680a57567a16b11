//! Sizes in bytes, and figures that may not be known.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

use humansize::{DECIMAL, FormatSizeOptions, format_size};
use serde::{Serialize, Serializer};

/// A number of bytes. Sums saturate; differences stop at zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

impl Bytes {
    /// No bytes.
    pub const ZERO: Self = Self(0);

    /// Takes a size as an engine writes it, where a negative number means "not known".
    #[must_use]
    pub fn from_engine(size: i64) -> Option<Self> {
        u64::try_from(size).ok().map(Self)
    }

    /// Returns true for no bytes.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// Decimal units with three significant digits, as `docker` prints them: `154 MB`, `31.0 GB`, `61 B`.
impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut unit = 1_u64;
        while self.0 / unit >= 1000 {
            unit = unit.saturating_mul(1000);
        }
        // What rounds up to 1000 of a unit is 1.00 of the next: 999,600 B is `1.00 MB`.
        let carried = unit > 1 && round_div(self.0, unit) >= 1000;
        let shown = if carried {
            unit.saturating_mul(1000)
        } else {
            self.0
        };
        let decimals = match unit {
            1 => 0,
            _ if carried || round_div(shown, unit / 100) < 1000 => 2,
            _ if round_div(shown, unit / 10) < 1000 => 1,
            _ => 0,
        };
        let options = FormatSizeOptions::from(DECIMAL)
            .decimal_places(decimals)
            .decimal_zeroes(decimals);
        f.pad(&format_size(shown, options))
    }
}

fn round_div(n: u64, by: u64) -> u64 {
    n / by + u64::from(n % by >= by.div_ceil(2))
}

impl Add for Bytes {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Bytes {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Bytes {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Bytes {
    fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
        items.fold(Self::ZERO, Add::add)
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(self.0)
    }
}

/// Something that is measured: not known yet (`…`), cannot be known (`–`), or known.
///
/// As JSON both kinds of not knowing are `null`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Figure<T> {
    /// Being measured, or waiting to be.
    #[default]
    Pending,
    /// The engine cannot tell.
    Unknown,
    /// So much, told or measured.
    Known(T),
}

impl<T> Figure<T> {
    /// Returns the figure where it is known.
    pub fn known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Pending | Self::Unknown => None,
        }
    }

    /// Returns the same, borrowed.
    pub fn as_ref(&self) -> Figure<&T> {
        match self {
            Self::Known(value) => Figure::Known(value),
            Self::Pending => Figure::Pending,
            Self::Unknown => Figure::Unknown,
        }
    }

    /// Changes a known figure, and leaves another as it is.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Figure<U> {
        match self {
            Self::Known(value) => Figure::Known(change(value)),
            Self::Pending => Figure::Pending,
            Self::Unknown => Figure::Unknown,
        }
    }

    /// Returns true while it is still being found out.
    pub fn is_pending(&self) -> bool {
        matches!(self, Self::Pending)
    }
}

impl<T> From<Option<T>> for Figure<T> {
    /// An answer has come: what it does not say cannot be known.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Unknown, Self::Known)
    }
}

impl<T: Serialize> Serialize for Figure<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => to.serialize_some(value),
            Self::Pending | Self::Unknown => to.serialize_none(),
        }
    }
}

#[cfg(test)]
mod tests;
