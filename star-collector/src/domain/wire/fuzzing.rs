//! What must hold of any bytes: the body of the fuzz target `star-collector/fuzz`, and of a test that runs it without one.

use super::{LAYERS_MAX, Layer, Message, Plaintext, next_layer};
use crate::domain::body::{Body, Layout};

/// Reads `bytes` as everything that they could be.
///
/// # Panics
///
/// If the reader does, or if what it took is not wholly in the bytes, each part once and in order.
pub fn read(bytes: &[u8]) {
    let _plaintext = Plaintext::read(bytes);
    let _layer = Layer::read(bytes);
    let taken = (0..=LAYERS_MAX + 1).filter(|layers| read_message(bytes, *layers));
    assert!(taken.count() <= 1, "a message has one number of layers");
}

fn read_message(bytes: &[u8], layers: usize) -> bool {
    let Ok(message) = Message::read(bytes, layers) else {
        return false;
    };
    let mut inner = message.inner();
    let mut found = 1;
    while let Some((_, rest)) = next_layer(inner) {
        (inner, found) = (rest, found + 1);
    }
    assert!(inner.is_empty() && found == layers, "{found} layers");
    let body = Body::new(bytes.to_vec(), Layout::of(&message), 0);
    assert!(body.layer().is_ok_and(|layer| layer == message.outer));
    let mut packed = Vec::new();
    body.pack(&mut packed);
    assert_eq!(packed.len(), body.packed_bytes());
    let unpacked = Body::unpack(&packed).unwrap_or_default();
    let again = unpacked.first().and_then(|body| body.layer().ok());
    assert!(unpacked.len() == 1 && again == Some(message.outer));
    true
}
