//! A message on its way through the layers: its open layer, and the encrypted ones below.

use std::fmt;

use super::{
    cipher::{LayerOpener, Opener},
    wire::{self, LAYER_KEY_BYTES, LENGTH_BYTES, Layer, Malformed, Message, Plaintext, Point},
};

/// The open layer and the encrypted others of one message, in the bytes that it came in. Everything is decrypted where it
/// stands: a message is copied nowhere on its way.
pub struct Body {
    bytes: Vec<u8>,
    at: Layout,
    offset: Option<u64>,
}

/// Where the parts of a message are in its bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Layout {
    /// Where the open layer begins, and where it ends.
    layer: (usize, usize),
    /// How many bytes its ciphertext has, which is the layer's first vector.
    ciphertext_bytes: usize,
    /// Where the encrypted layers begin.
    inner: usize,
    /// The point of the open layer's share, which is asked for more often than the rest.
    point: Point,
}

/// How many bytes a length takes in a packed body, and the offset.
const PACKED_LENGTH_BYTES: usize = 4;
const PACKED_OFFSET_BYTES: usize = 8;

/// Added to the first length of a packed body that begins with its offset. Messages are far shorter than that.
const HAS_OFFSET: u32 = 1 << 31;

impl Layout {
    /// Where the parts of a message are that came in.
    pub fn of(message: &Message<'_>) -> Self {
        let (layer, inner) = message.places();
        Self::new(&message.outer, layer, inner)
    }

    fn new(layer: &Layer<'_>, at: (usize, usize), inner: usize) -> Self {
        Self {
            layer: at,
            ciphertext_bytes: layer.ciphertext.len(),
            inner,
            point: layer.share.point,
        }
    }
}

impl Body {
    /// The body of a message as it came in, which is laid out like this and stands there in its partition.
    pub fn new(bytes: Vec<u8>, at: Layout, offset: u64) -> Self {
        Self {
            bytes,
            at,
            offset: Some(offset),
        }
    }

    /// Where the message stands in its partition. `None`: it was packed by a version that did not keep that.
    pub fn offset(&self) -> Option<u64> {
        self.offset
    }

    /// The point of the open layer's share.
    pub fn point(&self) -> Point {
        self.at.point
    }

    /// The open layer.
    pub fn layer(&self) -> Result<Layer<'_>, Malformed> {
        Layer::read(self.layer_bytes())
    }

    fn layer_bytes(&self) -> &[u8] {
        let (start, end) = self.at.layer;
        self.bytes.get(start..end).unwrap_or_default()
    }

    fn inner_bytes(&self) -> &[u8] {
        self.bytes.get(self.at.inner..).unwrap_or_default()
    }

    /// Decrypts the open layer's ciphertext, once.
    pub fn open(&mut self, opener: &Opener) -> Result<Plaintext<'_>, Malformed> {
        let start = self.at.layer.0 + LENGTH_BYTES;
        let ciphertext = self
            .bytes
            .get_mut(start..start + self.at.ciphertext_bytes)
            .ok_or(Malformed::Short)?;
        opener.open(ciphertext);
        Plaintext::read(ciphertext)
    }

    /// Opens the next layer, which takes the place of the one that was open.
    pub fn next(
        &mut self,
        opener: &LayerOpener,
        key: &[u8; LAYER_KEY_BYTES],
    ) -> Result<Layer<'_>, Malformed> {
        let (layer, _) = wire::next_layer(self.inner_bytes()).ok_or(Malformed::Layers)?;
        let start = self.at.inner + LENGTH_BYTES;
        let end = start + layer.len();
        let layer = self.bytes.get_mut(start..end).ok_or(Malformed::Short)?;
        opener.open(key, layer);
        let layer = Layer::read(layer)?;
        self.at = Layout::new(&layer, (start, end), end);
        Ok(layer)
    }

    /// How long it is when it is packed.
    pub fn packed_bytes(&self) -> usize {
        PACKED_OFFSET_BYTES
            + 2 * PACKED_LENGTH_BYTES
            + self.layer_bytes().len()
            + self.inner_bytes().len()
    }

    /// Appends it to others, to be kept until its group opens: the layer's length, the offset, the layer, and the length of the
    /// inner layers with these.
    pub fn pack(&self, packed: &mut Vec<u8>) {
        let length = |part: &[u8]| u32::try_from(part.len()).unwrap_or(u32::MAX);
        let (layer, inner) = (self.layer_bytes(), self.inner_bytes());
        if let Some(offset) = self.offset {
            packed.extend_from_slice(&(length(layer) | HAS_OFFSET).to_le_bytes());
            packed.extend_from_slice(&offset.to_le_bytes());
        } else {
            packed.extend_from_slice(&length(layer).to_le_bytes());
        }
        packed.extend_from_slice(layer);
        packed.extend_from_slice(&length(inner).to_le_bytes());
        packed.extend_from_slice(inner);
    }

    /// Takes packed bodies apart. `None`: these are not packed bodies.
    pub fn unpack(mut packed: &[u8]) -> Option<Vec<Self>> {
        let mut bodies = Vec::new();
        while !packed.is_empty() {
            let length = u32::from_le_bytes(take(&mut packed)?);
            let has_offset = length & HAS_OFFSET != 0;
            let offset = has_offset.then(|| take(&mut packed).map(u64::from_le_bytes));
            let offset = match offset {
                Some(offset) => Some(offset?),
                None => None,
            };
            let bytes = take_part(&mut packed, length & !HAS_OFFSET)?;
            let length = u32::from_le_bytes(take(&mut packed)?);
            let inner = take_part(&mut packed, length)?;
            let layer = Layer::read(bytes).ok()?;
            let at = Layout::new(&layer, (0, bytes.len()), bytes.len());
            bodies.push(Self {
                bytes: [bytes, inner].concat(),
                at,
                offset,
            });
        }
        Some(bodies)
    }
}

fn take<const N: usize>(packed: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = packed.split_first_chunk()?;
    *packed = rest;
    Some(*taken)
}

fn take_part<'a>(packed: &mut &'a [u8], length: u32) -> Option<&'a [u8]> {
    let (part, rest) = packed.split_at_checked(usize::try_from(length).ok()?)?;
    *packed = rest;
    Some(part)
}

/// Shows lengths only.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("layer_bytes", &self.layer_bytes().len())
            .field("inner_bytes", &self.inner_bytes().len())
            .finish_non_exhaustive()
    }
}
