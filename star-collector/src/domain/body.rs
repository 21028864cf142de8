//! A message on its way through the layers: its open layer, and the encrypted ones below.

use std::fmt;

use bytes::Bytes;

use super::wire::{self, LAYER_KEY_BYTES, Layer, Malformed, Message};
use crate::domain::secret::LayerOpener;

/// The open layer and the encrypted others of one message. It shares its bytes with what it was read from.
#[derive(Clone, Eq, PartialEq)]
pub struct Body {
    layer: Bytes,
    inner: Bytes,
}

/// How many bytes a length takes in a packed body.
const LENGTH_BYTES: usize = 4;

impl Body {
    /// The body of a message as it came in, and its epoch modulo 256.
    pub fn read(bytes: &Bytes, layers: usize) -> Result<(Self, u8), Malformed> {
        let message = Message::read(bytes, layers)?;
        let body = Self {
            layer: bytes.slice_ref(message.outer_bytes()),
            inner: bytes.slice_ref(message.inner()),
        };
        Ok((body, message.epoch))
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
        let mut layer = layer.to_vec();
        opener.open(key, &mut layer);
        Layer::read(&layer)?;
        Ok(Self {
            layer: layer.into(),
            inner: self.inner.slice_ref(rest),
        })
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
            bodies.push(Self {
                layer: unpack_part(&mut packed)?,
                inner: unpack_part(&mut packed)?,
            });
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
            .finish()
    }
}
