//! What clients that lie send in the place of a part of an honest layer.

use star_collector::{aggregate::store::Rejection, factory::parts::Part};

/// A lie, in one layer of a message.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Lie {
    /// The share's point is not on the group's polynomial.
    AnotherPoint,
    /// The ciphertext opens to a text that is no measurement.
    NoText,
    /// The ciphertext opens to another measurement.
    OtherText,
    /// The share says that it opens alone.
    ThresholdOfOne,
    /// The share's point is at an x that the field does not have: it stands for one that it has.
    XOutsideTheField,
    /// The share's point is the secret.
    XOfZero,
}

impl Lie {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::AnotherPoint,
        Self::NoText,
        Self::OtherText,
        Self::ThresholdOfOne,
        Self::XOutsideTheField,
        Self::XOfZero,
    ];

    /// Alters a layer, before it is encrypted.
    ///
    /// # Panics
    ///
    /// If it is no layer.
    pub fn tell(self, layer: &mut [u8]) {
        let part = match self {
            Self::AnotherPoint => Part::Y,
            Self::NoText | Self::OtherText => Part::Ciphertext,
            Self::ThresholdOfOne => Part::Threshold,
            Self::XOutsideTheField | Self::XOfZero => Part::X,
        };
        let part = part.of(layer).expect("a layer has its parts");
        match self {
            Self::AnotherPoint => flip(part, 0),
            // In the length of the text, which the plaintext begins with.
            Self::NoText => flip(part, 3),
            // In the third byte of the text.
            Self::OtherText => flip(part, 6),
            Self::ThresholdOfOne => part.copy_from_slice(&1_u32.to_le_bytes()),
            // The factory's x have 128 bits: 2^128 more is p or more.
            Self::XOutsideTheField => flip(part, 16),
            Self::XOfZero => part.fill(0),
        }
    }

    /// Whether a message with the lie in its open layer is seen through without opening anything, and by collect.
    pub fn is_seen_from_outside(self) -> bool {
        match self {
            Self::AnotherPoint | Self::NoText | Self::OtherText => false,
            Self::ThresholdOfOne | Self::XOutsideTheField | Self::XOfZero => true,
        }
    }

    /// Why the aggregator does not count it in a layer, counted from the outermost. `None`: it does, and far too few others
    /// tell the same.
    pub fn refused_as(self, layer: usize) -> Option<Rejection> {
        Some(match self {
            Self::OtherText => return None,
            Self::AnotherPoint => Rejection::Forged,
            Self::NoText => Rejection::Unreadable,
            Self::ThresholdOfOne | Self::XOutsideTheField | Self::XOfZero if layer > 0 => {
                Rejection::Inner
            }
            Self::ThresholdOfOne => Rejection::Threshold,
            Self::XOutsideTheField | Self::XOfZero => Rejection::Malformed,
        })
    }
}

/// Changes the lowest bit of a byte.
fn flip(bytes: &mut [u8], place: usize) {
    if let Some(byte) = bytes.get_mut(place) {
        *byte ^= 1;
    }
}
