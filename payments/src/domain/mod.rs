//! Types and rules without any input or output.

pub mod anonymity;
pub mod capability;
pub mod card;
pub mod credentials;
pub mod derivation;
pub mod directory;
pub mod directory_keys;
pub mod funds;
pub mod issuer;
pub mod macaroons;
pub mod order;
pub mod publication;
pub mod sku;
pub mod terms;
pub mod transfer;
pub mod vote;
