//! Where a layer has its parts: whoever would send another one in the place of the honest one, in a test of what is believed
//! of clients (threat T13), finds it here.

use crate::domain::{
    field::ELEMENT_BYTES,
    wire::{LENGTH_BYTES, MAC_BYTES, SEALED_BYTES},
};

/// The epoch, which a message begins with.
const EPOCH_BYTES: usize = 1;

/// How many bytes a short length, or a threshold, takes.
const SHORT_BYTES: usize = 4;

/// Where the parts of a share are in it, behind its threshold: a length, x, y, a length, C, a length, D, J.
const X: usize = 2 * SHORT_BYTES;
const Y: usize = X + ELEMENT_BYTES;
const SEALED_MESSAGE: usize = Y + ELEMENT_BYTES + SHORT_BYTES;
const SEALED_COINS: usize = SEALED_MESSAGE + SEALED_BYTES + SHORT_BYTES;
const MAC: usize = SEALED_COINS + SEALED_BYTES;

/// A part of a layer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// The encrypted measurement and the key of the next layer.
    Ciphertext,
    /// J: the MAC of threshold, message and coins.
    Mac,
    /// D: the sealed coins.
    SealedCoins,
    /// C: the sealed message.
    SealedMessage,
    /// The threshold that the share says.
    Threshold,
    /// Where the share's point is.
    X,
    /// The value there.
    Y,
}

impl Part {
    /// Where it is in a layer as clients make them. `None`: it is none.
    pub fn of(self, layer: &mut [u8]) -> Option<&mut [u8]> {
        let length = u64::from_le_bytes(*layer.first_chunk::<LENGTH_BYTES>()?);
        let ciphertext = usize::try_from(length).ok()?;
        let share = ciphertext.checked_add(2 * LENGTH_BYTES)?;
        let in_share = |place| share.checked_add(place);
        let (start, bytes) = match self {
            Self::Ciphertext => (LENGTH_BYTES, ciphertext),
            Self::Mac => (in_share(MAC)?, MAC_BYTES),
            Self::SealedCoins => (in_share(SEALED_COINS)?, SEALED_BYTES),
            Self::SealedMessage => (in_share(SEALED_MESSAGE)?, SEALED_BYTES),
            Self::Threshold => (share, SHORT_BYTES),
            Self::X => (in_share(X)?, ELEMENT_BYTES),
            Self::Y => (in_share(Y)?, ELEMENT_BYTES),
        };
        layer.get_mut(start..start.checked_add(bytes)?)
    }

    /// The same in the outer layer of a message.
    pub fn of_message(self, message: &mut [u8]) -> Option<&mut [u8]> {
        self.of(outer(message))
    }
}

/// The outer layer of a message, and what is behind it.
pub fn outer(message: &mut [u8]) -> &mut [u8] {
    message.get_mut(EPOCH_BYTES..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::*;
    use crate::{domain::wire::Message, factory::Factory};

    #[test]
    fn the_parts_of_a_message_are_where_it_is_read() {
        let mut random = StdRng::seed_from_u64(1);
        let message = Factory::new(7, 6).message(&["a|b", "c|d"], &mut random);
        let outer = Message::read(&message, 2).unwrap().outer;
        let (point, sealed) = (outer.share.point, outer.share.sealed);

        let part = |part: Part| part.of_message(&mut message.clone()).unwrap().to_vec();

        assert_eq!(part(Part::Ciphertext), outer.ciphertext);
        assert_eq!(part(Part::Mac), sealed.mac);
        assert_eq!(part(Part::SealedCoins), sealed.coins);
        assert_eq!(part(Part::SealedMessage), sealed.message);
        assert_eq!(part(Part::Threshold), 6_u32.to_le_bytes());
        assert_eq!(part(Part::X), point.x.to_bytes());
        assert_eq!(part(Part::Y), point.y.to_bytes());
    }

    #[test]
    fn what_is_no_layer_has_no_parts() {
        for mut bytes in [vec![], vec![0; 20], vec![255; 200]] {
            assert_eq!(Part::Y.of(&mut bytes), None);
        }
    }
}
