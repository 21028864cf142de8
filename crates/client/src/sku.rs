//! What a SKU token says: whose tokens it buys, and at what price.
//!
//! The token came with the client, so what it says is the buyer's own wish, and what the server says of
//! the order and its keys is held against it. The chain of the macaroon is for the server to check.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use messages::money::Amount;

/// Servers take no longer ones.
const BYTES_MAX: usize = 1024;

/// The first byte of a macaroon's binary format, version 2.
const VERSION: u8 = 2;

/// The kinds of field that are read here. A section ends with [`END`].
const LOCATION: u8 = 1;
/// See [`LOCATION`].
const IDENTIFIER: u8 = 2;
/// See [`LOCATION`].
const END: u8 = 0;

/// What a SKU token sells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sku {
    /// The issuer of its tokens: one for each SKU, for ever.
    pub issuer: String,
    /// What one of them costs, which is what it is worth.
    pub price: Amount,
    /// In which currency.
    pub currency: String,
}

/// A text that is no SKU token.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the SKU token cannot be read")]
pub struct UnreadableSku;

impl Sku {
    /// Reads a SKU token.
    pub fn read(token: &str) -> Result<Self, UnreadableSku> {
        Self::of(token).ok_or(UnreadableSku)
    }

    fn of(token: &str) -> Option<Self> {
        let bytes = STANDARD.decode(token).ok()?;
        let (version, rest) = bytes.split_first()?;
        if *version != VERSION || bytes.len() > BYTES_MAX {
            return None;
        }
        let fields = fields(rest)?;
        let mut sections = fields.split(|field| field.0 == END);
        let (_, location) = sections.next()?.iter().find(|field| field.0 == LOCATION)?;
        let caveats: Vec<_> = sections
            .flatten()
            .filter(|field| field.0 == IDENTIFIER)
            .map(|field| field.1.as_str())
            .collect();
        let value = |name: &str| {
            let mut values = caveats.iter().filter_map(|caveat| {
                let (key, value) = caveat.split_once('=')?;
                (key == name).then_some(value)
            });
            // A caveat that is there twice says nothing.
            values.next().filter(|_| values.next().is_none())
        };
        Some(Self {
            issuer: format!("{location}?sku={}", value("sku")?),
            price: value("price")?.parse().ok()?,
            currency: value("currency")?.to_owned(),
        })
    }
}

/// The fields before the signature, in order: kind and text, the ends of sections among them.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u8, String)>> {
    let mut fields = Vec::new();
    loop {
        let (&kind, rest) = bytes.split_first()?;
        if kind == END {
            let after_end = fields.last().is_some_and(|(kind, _)| *kind == END);
            fields.push((END, String::new()));
            bytes = rest;
            if after_end {
                // Two ends: what is left is the signature.
                return Some(fields);
            }
            continue;
        }
        let (length, rest) = length(rest)?;
        let (text, rest) = rest.split_at_checked(length)?;
        fields.push((kind, String::from_utf8(text.to_vec()).ok()?));
        bytes = rest;
    }
}

/// A length, seven bits in each byte, lowest first. Two bytes hold more than any token has.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&low, rest) = bytes.split_first()?;
    if low < 0x80 {
        return Some((low.into(), rest));
    }
    let (&high, rest) = rest.split_first()?;
    let length = usize::from(low & 0x7f) | usize::from(high) << 7;
    (high < 0x80).then_some((length, rest))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A SKU token of a chain that nobody checks.
    pub(crate) fn token(caveats: &[&str]) -> String {
        let mut bytes = vec![VERSION];
        let mut field = |kind: u8, text: &[u8]| {
            bytes.extend([kind, u8::try_from(text.len()).unwrap()]);
            bytes.extend(text);
        };
        field(LOCATION, b"brave.com");
        field(IDENTIFIER, b"brave sku token v1");
        bytes.push(END);
        for caveat in caveats {
            let mut field = |kind: u8, text: &[u8]| {
                bytes.extend([kind, u8::try_from(text.len()).unwrap()]);
                bytes.extend(text);
            };
            field(IDENTIFIER, caveat.as_bytes());
            bytes.push(END);
        }
        bytes.extend([END, 6, 32]);
        bytes.extend([7; 32]);
        STANDARD.encode(bytes)
    }

    #[test]
    fn a_token_names_its_issuer_and_its_price() {
        let caveats = ["sku=anon-card-vote", "price=0.25", "currency=BAT"];

        let sku = Sku::read(&token(&caveats)).unwrap();

        assert_eq!(
            sku,
            Sku {
                issuer: "brave.com?sku=anon-card-vote".to_owned(),
                price: "0.25".parse().unwrap(),
                currency: "BAT".to_owned(),
            }
        );
    }

    #[test]
    fn a_token_that_leaves_something_open_or_says_it_twice_is_refused() {
        for caveats in [
            vec!["sku=a", "price=0.25"],
            vec!["sku=a", "price=much", "currency=BAT"],
            vec!["sku=a", "sku=b", "price=0.25", "currency=BAT"],
        ] {
            assert_eq!(Sku::read(&token(&caveats)), Err(UnreadableSku));
        }
        assert_eq!(Sku::read("a SKU token"), Err(UnreadableSku));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut version_2 = vec![VERSION];
            version_2.extend(bytes);
            _ = Sku::read(&STANDARD.encode(version_2));
        }
    }
}
