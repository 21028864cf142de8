//! What is derived from the orders secret: capability keys, references, item ids, hashes of transfers.
//!
//! Everything comes out of HKDF-SHA256 with a label of its own, so that no value says anything about
//! another one, and none can be guessed without the secret.

use std::fmt;

use hkdf::Hkdf;
use messages::digest::{H, uuid_v8};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::macaroons::RootKey;

/// How many bytes the orders secret has.
pub const SECRET_BYTES: usize = 32;

/// The secret that only payments has.
#[derive(Clone)]
pub struct OrderSecret(Zeroizing<[u8; SECRET_BYTES]>);

impl OrderSecret {
    /// The secret as it was read from its file.
    pub fn new(secret: [u8; SECRET_BYTES]) -> Self {
        Self(Zeroizing::new(secret))
    }

    /// The key that the capability of `order` begins with.
    pub fn capability_key(&self, order: Uuid) -> RootKey {
        RootKey::new(self.derive("bt/capability/1", &[order.as_bytes()]))
    }

    /// What the transfer number `counter` for `order` has to carry.
    ///
    /// Whoever sees it on a transfer learns nothing of the order, and nobody can claim a transfer
    /// for another order (threats T3 and T5).
    pub fn reference(&self, order: Uuid, counter: u32) -> Uuid {
        let parts: [&[u8]; 2] = [order.as_bytes(), &counter.to_be_bytes()];
        uuid_v8(self.derive("bt/reference/1", &parts))
    }

    /// The id of the item number `index` of `order`: the same when the order is made again.
    pub fn item_id(&self, order: Uuid, index: usize) -> Uuid {
        let index = u32::try_from(index).expect("an order has few items");
        let parts: [&[u8]; 2] = [order.as_bytes(), &index.to_be_bytes()];
        uuid_v8(self.derive("bt/item/1", &parts))
    }

    /// What stays for ever of a transfer: its name under a key, so that a copy of the database does
    /// not tell which transfers were made (threat T5).
    pub fn transfer_hash(&self, custodian: &str, name: &[u8]) -> [u8; 32] {
        self.derive("bt/transfer/1", &[custodian.as_bytes(), name])
    }

    fn derive(&self, label: &str, parts: &[&[u8]]) -> [u8; 32] {
        let info = H::new(label).parts(parts).finish();
        let mut out = [0; 32];
        Hkdf::<Sha256>::new(Some(b"bt/orders"), &*self.0)
            .expand(&info, &mut out)
            .expect("32 bytes are within what HKDF gives");
        out
    }
}

/// Shows nothing.
impl fmt::Debug for OrderSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OrderSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sha2::Digest as _;

    use super::*;
    use crate::domain::macaroons::{Content, mint};

    #[test]
    fn every_derived_value_is_another_one() {
        let (one, other) = (OrderSecret::new([1; 32]), OrderSecret::new([2; 32]));
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut seen = BTreeSet::new();
        for secret in [&one, &other] {
            for order in [a, b] {
                for n in 0..3 {
                    assert!(seen.insert(secret.reference(order, n)));
                    assert!(seen.insert(secret.item_id(order, n as usize)));
                }
            }
        }
        assert_eq!(one.reference(a, 1), one.reference(a, 1));
        assert_ne!(
            one.transfer_hash("uphold", b"x"),
            other.transfer_hash("uphold", b"x")
        );
        assert_ne!(
            one.transfer_hash("uphold", b"x"),
            one.transfer_hash("gemini", b"x")
        );
    }

    /// With other bytes under these, a used transfer could be claimed again after a release, and no
    /// capability or reference of an order would be its own.
    #[test]
    fn what_is_derived_is_derived_with_these_bytes() {
        let secret = OrderSecret::new([1; 32]);
        let order = Uuid::from_bytes([9; 16]);
        let expanded = |info: &[&[u8]]| {
            let mut out = [0; 32];
            let info = Sha256::digest(info.concat());
            Hkdf::<Sha256>::new(Some(b"bt/orders"), &[1; 32])
                .expand(&info, &mut out)
                .unwrap();
            out
        };

        let numbered = b"\0\0\0\x04\0\0\0\x02";
        let reference = [
            b"\0\0\0\x0ebt/reference/1\0\0\0\x10".as_slice(),
            &[9; 16],
            numbered,
        ];
        assert_eq!(secret.reference(order, 2), uuid_v8(expanded(&reference)));
        let item = [
            b"\0\0\0\x09bt/item/1\0\0\0\x10".as_slice(),
            &[9; 16],
            numbered,
        ];
        assert_eq!(secret.item_id(order, 2), uuid_v8(expanded(&item)));
        let transfer: [&[u8]; 1] = [b"\0\0\0\x0dbt/transfer/1\0\0\0\x06uphold\0\0\0\x03tx1"];
        assert_eq!(secret.transfer_hash("uphold", b"tx1"), expanded(&transfer));
        let capability = [b"\0\0\0\x0fbt/capability/1\0\0\0\x10".as_slice(), &[9; 16]];
        let content = Content {
            location: "here".to_owned(),
            identifier: "it".to_owned(),
            caveats: vec![],
        };
        let minted = |key: &RootKey| mint(&content, key).unwrap();
        let expected = minted(&RootKey::new(expanded(&capability)));
        assert_eq!(minted(&secret.capability_key(order)), expected);
    }

    #[test]
    fn the_secret_is_not_shown() {
        assert_eq!(
            format!("{:?}", OrderSecret::new([9; 32])),
            "OrderSecret(..)"
        );
    }
}
