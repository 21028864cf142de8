//! The one door that the bytes of a measurement come through: bincode 1, read in place, within bounds, never panicking.
//!
//! Written by `star-constellation` with its feature `bincode`: integers little-endian, a vector's length before it as a
//! `u64`. A message is its epoch, one open layer and the encrypted others; a layer is a ciphertext, a share and a tag.
//! Whatever is longer, shorter or otherwise than an honest client writes it is refused here (star.md, "What is believed").

use std::fmt;

use super::field::{ELEMENT_BYTES, Element};

pub mod fuzzing;

/// The length of a tag, in bytes.
pub const TAG_BYTES: usize = 32;

/// The length of the message and of the coins that a share seals, in bytes.
pub const SEALED_BYTES: usize = 32;

/// The length of a share's MAC, in bytes.
pub const MAC_BYTES: usize = 64;

/// The length of the key of an encrypted layer, in bytes.
pub const LAYER_KEY_BYTES: usize = 16;

/// How many bytes the length before a vector takes.
pub const LENGTH_BYTES: usize = 8;

/// The most layers that a channel can have.
pub const LAYERS_MAX: usize = 16;

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Malformed {
    /// The bytes end within a value.
    #[error("the message ends too early")]
    Short,
    /// There are bytes behind the last value.
    #[error("there are bytes behind the message")]
    Long,
    /// A field has another length than every honest one.
    #[error("a field of the message has a wrong length")]
    Length,
    /// A coordinate of the share is p or more, or its x is 0.
    #[error("a coordinate of the share is not in its range")]
    Coordinate,
    /// The message has more or fewer layers than the channel.
    #[error("the message has another number of layers than the channel")]
    Layers,
    /// The text is not `name|value` in UTF-8.
    #[error("the measurement is not a name and a value in UTF-8")]
    Text,
}

type Result<T> = std::result::Result<T, Malformed>;

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N]> {
        let (array, rest) = self.0.split_first_chunk().ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(array)
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// A length of eight bytes, as bincode writes them.
    fn length(&mut self) -> Result<usize> {
        let length = u64::from_le_bytes(*self.array()?);
        usize::try_from(length).map_err(|_| Malformed::Short)
    }

    /// A length of four bytes, as shares and plaintexts have them.
    fn short_length(&mut self) -> Result<usize> {
        let length = u32::from_le_bytes(*self.array()?);
        usize::try_from(length).map_err(|_| Malformed::Short)
    }

    fn vector(&mut self) -> Result<&'a [u8]> {
        let length = self.length()?;
        self.bytes(length)
    }

    /// A vector that can have one length only.
    fn exactly<const N: usize>(&mut self) -> Result<&'a [u8; N]> {
        if self.length()? != N {
            return Err(Malformed::Length);
        }
        self.array()
    }

    /// The same with a short length.
    fn short_exactly<const N: usize>(&mut self) -> Result<&'a [u8; N]> {
        if self.short_length()? != N {
            return Err(Malformed::Length);
        }
        self.array()
    }

    fn end(&self) -> Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Malformed::Long)
        }
    }
}

/// What all honest shares of one tag have in common, byte for byte: threshold, sealed message and coins, and the MAC.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Sealed<'a> {
    /// How many shares open it.
    pub threshold: u32,
    /// C: the message under the key that the shares give.
    pub message: &'a [u8; SEALED_BYTES],
    /// D: the coins under the same key.
    pub coins: &'a [u8; SEALED_BYTES],
    /// J: the MAC of threshold, message and coins.
    pub mac: &'a [u8; MAC_BYTES],
}

/// A point of the group's polynomial, if it is honest.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Point {
    /// Where: never 0.
    pub x: Element,
    /// The value there.
    pub y: Element,
}

/// A share: threshold (4 B) ‖ 48 as u32 ‖ x (24 B) ‖ y (24 B) ‖ 32 ‖ C ‖ 32 ‖ D ‖ J (64 B).
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Share<'a> {
    /// The point.
    pub point: Point,
    /// What it has in common with the others of its group.
    pub sealed: Sealed<'a>,
}

impl<'a> Share<'a> {
    /// Reads a share.
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut reader = Reader(bytes);
        let threshold = u32::from_le_bytes(*reader.array()?);
        if reader.short_length()? != 2 * ELEMENT_BYTES {
            return Err(Malformed::Length);
        }
        let mut coordinate = || Element::from_bytes(reader.array()?).ok_or(Malformed::Coordinate);
        let point = Point {
            x: coordinate()?,
            y: coordinate()?,
        };
        // An x of 0 would give the secret away, and zero a batched inversion.
        if point.x.is_zero() {
            return Err(Malformed::Coordinate);
        }
        let sealed = Sealed {
            threshold,
            message: reader.short_exactly()?,
            coins: reader.short_exactly()?,
            mac: reader.array()?,
        };
        reader.end()?;
        Ok(Self { point, sealed })
    }
}

/// One layer, as its client made it.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Layer<'a> {
    /// The measurement of this layer and the key of the next one, under the group's key.
    pub ciphertext: &'a [u8],
    /// A share of the group's secret.
    pub share: Share<'a>,
    /// Names the group: the same for the same measurements up to this layer.
    pub tag: &'a [u8; TAG_BYTES],
}

impl<'a> Layer<'a> {
    /// Reads a layer that was decrypted.
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut reader = Reader(bytes);
        let layer = Self::read_from(&mut reader)?;
        reader.end()?;
        Ok(layer)
    }

    fn read_from(reader: &mut Reader<'a>) -> Result<Self> {
        Ok(Self {
            ciphertext: reader.vector()?,
            share: Share::read(reader.vector()?)?,
            tag: reader.exactly()?,
        })
    }
}

/// A message as it came in.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Message<'a> {
    /// The epoch, modulo 256.
    pub epoch: u8,
    /// The open layer.
    pub outer: Layer<'a>,
    /// How many bytes the open layer has; it stands behind the epoch.
    outer_bytes: usize,
    /// The encrypted layers, still with their lengths.
    inner: &'a [u8],
}

/// How many bytes the epoch takes, which a message begins with.
const EPOCH_BYTES: usize = 1;

impl<'a> Message<'a> {
    /// Reads a message of `layers` layers, the open one included.
    pub fn read(bytes: &'a [u8], layers: usize) -> Result<Self> {
        let mut reader = Reader(bytes);
        let [epoch] = *reader.array()?;
        let before = reader.0.len();
        let outer = Layer::read_from(&mut reader)?;
        let outer_bytes = before - reader.0.len();
        if reader.length()?.checked_add(1) != Some(layers) {
            return Err(Malformed::Layers);
        }
        let inner = reader.0;
        for _ in 1..layers {
            reader.vector()?;
        }
        reader.end()?;
        Ok(Self {
            epoch,
            outer,
            outer_bytes,
            inner,
        })
    }

    /// Where in the message its open layer begins and ends, and where its encrypted ones begin.
    pub fn places(&self) -> ((usize, usize), usize) {
        let end = EPOCH_BYTES + self.outer_bytes;
        ((EPOCH_BYTES, end), end + LENGTH_BYTES)
    }

    /// The encrypted layers, outermost first, each with its length before it: what [`next_layer`] takes apart.
    pub fn inner(&self) -> &'a [u8] {
        self.inner
    }
}

/// Takes the next encrypted layer off `inner`. `None`: there is no other.
pub fn next_layer(inner: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut reader = Reader(inner);
    let layer = reader.vector().ok()?;
    Some((layer, reader.0))
}

/// What a layer's ciphertext says once it is decrypted.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Plaintext<'a> {
    /// The measurement, `name|value`.
    pub text: &'a str,
    /// The key of the next layer; none in the last.
    pub next_key: Option<&'a [u8; LAYER_KEY_BYTES]>,
}

impl<'a> Plaintext<'a> {
    /// Reads a plaintext: text and auxiliary data, each with a short length. The auxiliary data are an optional key and
    /// bytes that no one here looks at.
    ///
    /// Ciphertexts carry no MAC: whoever alters one alters what is read here, and is counted apart or not at all.
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut reader = Reader(bytes);
        let length = reader.short_length()?;
        let text = measurement(reader.bytes(length)?)?;
        let length = reader.short_length()?;
        let mut auxiliary = Reader(reader.bytes(length)?);
        reader.end()?;
        let next_key = match *auxiliary.array()? {
            [0] => None,
            [1] => Some(auxiliary.exactly()?),
            _ => return Err(Malformed::Length),
        };
        auxiliary.vector()?;
        auxiliary.end()?;
        Ok(Self { text, next_key })
    }
}

/// The text without the zeros that some clients fill it up with; it must have a name.
fn measurement(bytes: &[u8]) -> Result<&str> {
    let text = str::from_utf8(bytes).map_err(|_| Malformed::Text)?;
    let text = text.trim_end_matches('\0');
    match text.split_once('|') {
        Some((name, _)) if !name.is_empty() => Ok(text),
        _ => Err(Malformed::Text),
    }
}

/// Shows lengths only.
impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("epoch", &self.epoch)
            .field("inner_bytes", &self.inner.len())
            .finish_non_exhaustive()
    }
}

/// Shows the threshold only.
impl fmt::Debug for Sealed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed")
            .field("threshold", &self.threshold)
            .finish_non_exhaustive()
    }
}

/// Shows the threshold only.
impl fmt::Debug for Share<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sealed.fmt(f)
    }
}

/// Shows lengths only.
impl fmt::Debug for Layer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer")
            .field("ciphertext_bytes", &self.ciphertext.len())
            .finish_non_exhaustive()
    }
}

/// Shows nothing of what was measured.
impl fmt::Debug for Plaintext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plaintext")
            .field("is_last", &self.next_key.is_none())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
