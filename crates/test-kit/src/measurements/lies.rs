//! What clients that lie send in the place of a part of an honest layer.

use star_collector::{aggregate::store::Rejection, factory::parts::Part};

/// A lie, in one layer of a message.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Lie {
    /// The share's point is not on the group's polynomial.
    AnotherPoint,
    /// The ciphertext opens to a text that is no measurement.
    NoText,
    /// The share's sealed coins (D) are not the group's.
    OtherCoins,
    /// The share's MAC (J) is not the group's.
    OtherMac,
    /// The share's sealed message (C) is not the group's.
    OtherMessage,
    /// The ciphertext opens to another measurement.
    OtherText,
    /// The share says that it opens alone.
    ThresholdOfOne,
    /// The share's point is at an x that the field does not have: it stands for one that it has.
    XOutsideTheField,
    /// The share's point is the secret.
    XOfZero,
    /// The share's point has a y that the field does not have: it stands for one that it has.
    YOutsideTheField,
}

/// What becomes of a message from the layer of a lie on. Above it, it counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    /// It is believed, and far too few others tell the same.
    Alone,
    /// It waits for others of a group that never opens, however many come to it.
    Apart,
    /// It is refused.
    Refused(Rejection),
}

impl Lie {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::AnotherPoint,
        Self::NoText,
        Self::OtherCoins,
        Self::OtherMac,
        Self::OtherMessage,
        Self::OtherText,
        Self::ThresholdOfOne,
        Self::XOutsideTheField,
        Self::XOfZero,
        Self::YOutsideTheField,
    ];

    /// Alters a layer, before it is encrypted.
    ///
    /// # Panics
    ///
    /// If it is no layer.
    pub fn tell(self, layer: &mut [u8]) {
        let part = match self {
            Self::AnotherPoint | Self::YOutsideTheField => Part::Y,
            Self::NoText | Self::OtherText => Part::Ciphertext,
            Self::OtherCoins => Part::SealedCoins,
            Self::OtherMac => Part::Mac,
            Self::OtherMessage => Part::SealedMessage,
            Self::ThresholdOfOne => Part::Threshold,
            Self::XOutsideTheField | Self::XOfZero => Part::X,
        };
        let part = part.of(layer).expect("a layer has its parts");
        match self {
            Self::AnotherPoint | Self::OtherCoins | Self::OtherMac | Self::OtherMessage => {
                flip(part, 0);
            }
            // In the length of the text, which the plaintext begins with.
            Self::NoText => flip(part, 3),
            // In the third byte of the text.
            Self::OtherText => flip(part, 6),
            Self::ThresholdOfOne => part.copy_from_slice(&1_u32.to_le_bytes()),
            // Nearly all elements are below 2^128: with 2^128 more they are p or more.
            Self::XOutsideTheField | Self::YOutsideTheField => flip(part, 16),
            Self::XOfZero => part.fill(0),
        }
    }

    /// Whether a message with the lie in its open layer is seen through without opening anything, and by collect.
    pub fn is_seen_from_outside(self) -> bool {
        matches!(
            self.fate(0),
            Fate::Refused(Rejection::Malformed | Rejection::Threshold)
        )
    }

    /// What becomes of it in a layer, counted from the outermost.
    pub fn fate(self, layer: usize) -> Fate {
        Fate::Refused(match self {
            Self::OtherText => return Fate::Alone,
            Self::OtherCoins | Self::OtherMac | Self::OtherMessage => return Fate::Apart,
            Self::AnotherPoint => Rejection::Forged,
            Self::NoText => Rejection::Unreadable,
            Self::ThresholdOfOne
            | Self::XOutsideTheField
            | Self::XOfZero
            | Self::YOutsideTheField
                if layer > 0 =>
            {
                Rejection::Inner
            }
            Self::ThresholdOfOne => Rejection::Threshold,
            Self::XOutsideTheField | Self::XOfZero | Self::YOutsideTheField => Rejection::Malformed,
        })
    }
}

/// Changes the lowest bit of a byte.
fn flip(bytes: &mut [u8], place: usize) {
    if let Some(byte) = bytes.get_mut(place) {
        *byte ^= 1;
    }
}
