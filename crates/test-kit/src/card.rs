//! Anonymous cards.

use blindtally::system::settlement;
use client::payer::Card;
use ed25519_dalek::SigningKey;
use messages::PublicKey;
use rand::{RngCore as _, rngs::OsRng};
use uuid::Uuid;

/// A card with a random key, which pays to payments' address for cards.
pub fn random() -> Card {
    let mut seed = [0; 32];
    OsRng.fill_bytes(&mut seed);
    Card {
        payment_id: Uuid::new_v4(),
        key: SigningKey::from_bytes(&seed),
        destination: settlement::ANONYMOUS_CARD.to_owned(),
    }
}

/// The key that the custodian checks the card's signatures with.
pub fn public_key(card: &Card) -> PublicKey {
    messages::encoding::Fixed(card.key.verifying_key().to_bytes())
}
