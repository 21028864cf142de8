//! A message on its way through the layers: its open layer, and the encrypted ones below.

use std::fmt;

use bytes::Bytes;

use super::{
    secret::LayerOpener,
    wire::{self, LAYER_KEY_BYTES, Layer, Malformed, Message, Point},
};

/// The open layer and the encrypted others of one message. It shares its bytes with what it was read from.
#[derive(Clone, Eq, PartialEq)]
pub struct Body {
    layer: Bytes,
    inner: Bytes,
    /// The point of the open layer, which is asked for more often than the rest of it.
    point: Point,
    /// How many bytes the open layer's ciphertext has, behind its length.
    ciphertext_bytes: usize,
}

/// How many bytes a length takes in a packed body.
const LENGTH_BYTES: usize = 4;

/// Where a layer's ciphertext begins: behind its length.
const CIPHERTEXT_AT: usize = 8;

impl Body {
    /// The body of a message as it came in, and its epoch modulo 256.
    pub fn read(bytes: &Bytes, layers: usize) -> Result<(Self, u8), Malformed> {
        let message = Message::read(bytes, layers)?;
        let layer = bytes.slice_ref(message.outer_bytes());
        let body = Self::of(&message.outer, layer, bytes.slice_ref(message.inner()));
        Ok((body, message.epoch))
    }

    /// The body of an open layer that stands in `bytes`.
    fn of(layer: &Layer<'_>, bytes: Bytes, inner: Bytes) -> Self {
        Self {
            point: layer.share.point,
            ciphertext_bytes: layer.ciphertext.len(),
            layer: bytes,
            inner,
        }
    }

    /// The point of the open layer's share.
    pub fn point(&self) -> Point {
        self.point
    }

    /// The open layer's ciphertext.
    pub fn ciphertext(&self) -> &[u8] {
        let behind = self.layer.get(CIPHERTEXT_AT..).unwrap_or_default();
        behind.get(..self.ciphertext_bytes).unwrap_or_default()
    }

    /// The open layer.
    pub fn layer(&self) -> Result<Layer<'_>, Malformed> {
        Layer::read(&self.layer)
    }

    /// The body with the next layer open.
    pub fn next(
        &self,
        opener: &LayerOpener,
        key: &[u8; LAYER_KEY_BYTES],
    ) -> Result<Self, Malformed> {
        let (layer, rest) = wire::next_layer(&self.inner).ok_or(Malformed::Layers)?;
        let mut bytes = layer.to_vec();
        opener.open(key, &mut bytes);
        let bytes = Bytes::from(bytes);
        Ok(Self::of(
            &Layer::read(&bytes)?,
            bytes.clone(),
            self.inner.slice_ref(rest),
        ))
    }

    /// How long it is when it is packed.
    pub fn packed_bytes(&self) -> usize {
        2 * LENGTH_BYTES + self.layer.len() + self.inner.len()
    }

    /// Appends it to others, to be kept until its group opens: two lengths, and what they are of.
    pub fn pack(&self, packed: &mut Vec<u8>) {
        for part in [&self.layer, &self.inner] {
            // Messages are far shorter than 4 GiB.
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            packed.extend_from_slice(&length.to_le_bytes());
            packed.extend_from_slice(part);
        }
    }

    /// Takes packed bodies apart. `None`: these are not packed bodies.
    pub fn unpack(mut packed: Bytes) -> Option<Vec<Self>> {
        let mut bodies = Vec::new();
        while !packed.is_empty() {
            let bytes = unpack_part(&mut packed)?;
            let inner = unpack_part(&mut packed)?;
            let layer = Layer::read(&bytes).ok()?;
            bodies.push(Self::of(&layer, bytes.clone(), inner));
        }
        Some(bodies)
    }
}

fn unpack_part(packed: &mut Bytes) -> Option<Bytes> {
    if packed.len() < LENGTH_BYTES {
        return None;
    }
    let length = packed.split_to(LENGTH_BYTES);
    let length = u32::from_le_bytes(length.as_ref().try_into().ok()?);
    let length = usize::try_from(length).ok()?;
    (length <= packed.len()).then(|| packed.split_to(length))
}

/// Shows lengths only.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("layer_bytes", &self.layer.len())
            .field("inner_bytes", &self.inner.len())
            .finish_non_exhaustive()
    }
}
