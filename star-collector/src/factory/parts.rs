//! Where a layer has its parts: whoever would send another one in the place of the honest one, in a test of what is believed
//! of clients (threat T13), finds it here.

use crate::domain::{field::ELEMENT_BYTES, wire::LENGTH_BYTES};

/// The epoch, which a message begins with.
const EPOCH_BYTES: usize = 1;

/// How many bytes a short length, or a threshold, takes.
const SHORT_BYTES: usize = 4;

/// A part of a layer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// The encrypted measurement and the key of the next layer.
    Ciphertext,
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
        let x = share.checked_add(2 * SHORT_BYTES)?;
        let (start, bytes) = match self {
            Self::Ciphertext => (LENGTH_BYTES, ciphertext),
            Self::Threshold => (share, SHORT_BYTES),
            Self::X => (x, ELEMENT_BYTES),
            Self::Y => (x.checked_add(ELEMENT_BYTES)?, ELEMENT_BYTES),
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
        let point = outer.share.point;

        let part = |part: Part| part.of_message(&mut message.clone()).unwrap().to_vec();

        assert_eq!(part(Part::Ciphertext), outer.ciphertext);
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
