//! A card's signed transfer: read strictly before anything is asked of the custodian.
//!
//! The card's key is known to its custodian only, which checks the signature over the very bytes that
//! are passed on. Here everything else is checked: what was signed, in which form, and that the digest
//! is the octets' own.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use messages::payments::{CardTransfer, SignedTransfer};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

/// The longest signed transfer that is read, in characters of base64.
pub const TRANSACTION_CHARS_MAX: usize = 8 * 1024;

/// A signed transfer of a card, in the one form that is accepted.
#[derive(Clone)]
pub struct CardTransaction {
    /// The card.
    pub card: Uuid,
    /// What is passed on, byte for byte.
    pub signed: SignedTransfer,
    /// What was signed.
    pub transfer: CardTransfer,
}

/// Why a signed transfer is not read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

impl CardTransaction {
    /// Reads what a client sent as `transaction` for the card `card`.
    pub fn read(card: Uuid, transaction: &str) -> Result<Self, Malformed> {
        if transaction.len() > TRANSACTION_CHARS_MAX {
            return Err(Malformed("it is too long"));
        }
        let json = STANDARD.decode(transaction);
        let json = json.map_err(|_| Malformed("it is not standard base64 with padding"))?;
        let signed: SignedTransfer = serde_json::from_slice(&json)
            .map_err(|_| Malformed("it does not hold headers and octets"))?;
        check_digest(&signed)?;
        check_signature_form(&signed.headers.signature).ok_or(Malformed(
            "the signature header is not of the accepted form",
        ))?;
        let transfer = serde_json::from_str(&signed.octets)
            .map_err(|_| Malformed("the octets do not hold a transfer"))?;
        Ok(Self {
            card,
            signed,
            transfer,
        })
    }

    /// What makes the transfer unique for ever, before it has an id: the card and what was signed.
    pub fn name(&self) -> Vec<u8> {
        let octets = Sha256::digest(&self.signed.octets);
        [self.card.as_bytes().as_slice(), &octets].concat()
    }
}

/// Shows nothing: it says who pays.
impl fmt::Debug for CardTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CardTransaction(..)")
    }
}

fn check_digest(signed: &SignedTransfer) -> Result<(), Malformed> {
    let digest = format!(
        "SHA-256={}",
        STANDARD.encode(Sha256::digest(&signed.octets))
    );
    let same = digest.as_bytes().ct_eq(signed.headers.digest.as_bytes());
    if bool::from(same) {
        Ok(())
    } else {
        Err(Malformed("the digest is not that of the octets"))
    }
}

/// `keyId="…",algorithm="ed25519",headers="digest",signature="<base64 of 64 bytes>"`, each once.
///
/// A signature over other headers would not cover the octets, and another algorithm is none of ours.
fn check_signature_form(text: &str) -> Option<()> {
    let [mut key, mut algorithm, mut headers, mut signature] = [None; 4];
    for parameter in text.split(',') {
        let (name, value) = parameter.trim().split_once('=')?;
        let value = value.strip_prefix('"')?.strip_suffix('"')?;
        let place = match name {
            "keyId" => &mut key,
            "algorithm" => &mut algorithm,
            "headers" => &mut headers,
            "signature" => &mut signature,
            _ => return None,
        };
        if place.replace(value).is_some() {
            return None;
        }
    }
    let signature = STANDARD.decode(signature?).ok()?;
    let fits = key.is_some()
        && algorithm == Some("ed25519")
        && headers == Some("digest")
        && ed25519_dalek::Signature::from_slice(&signature).is_ok();
    fits.then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: Uuid = Uuid::from_u128(7);
    const OCTETS: &str =
        r#"{"denomination":{"amount":"1","currency":"BAT"},"destination":"d","message":"m"}"#;

    fn digest(octets: &str) -> String {
        format!("SHA-256={}", STANDARD.encode(Sha256::digest(octets)))
    }

    fn signature() -> String {
        let signature = STANDARD.encode([0; 64]);
        format!(r#"keyId="primary",algorithm="ed25519",headers="digest",signature="{signature}""#)
    }

    fn read(json: &serde_json::Value) -> Result<CardTransaction, Malformed> {
        CardTransaction::read(CARD, &STANDARD.encode(json.to_string()))
    }

    fn of(octets: &str) -> serde_json::Value {
        serde_json::json!({
            "headers": {"digest": digest(octets), "signature": signature()},
            "octets": octets,
        })
    }

    #[test]
    fn a_signed_transfer_is_read_and_shown_to_nobody() {
        let read = read(&of(OCTETS)).unwrap();
        assert_eq!(read.transfer.message, "m");
        assert_eq!(read.signed.octets, OCTETS);
        assert_eq!(format!("{read:?}"), "CardTransaction(..)");
        let other = CardTransaction {
            card: Uuid::from_u128(8),
            ..read.clone()
        };
        assert_ne!(read.name(), other.name());
    }

    #[test]
    fn every_other_form_is_refused() {
        let changed = |pointer: &str, value: &str| {
            let mut json = of(OCTETS);
            *json.pointer_mut(pointer).unwrap() = value.into();
            read(&json)
        };
        let more = |pointer: &str| {
            let mut json = of(OCTETS);
            json.pointer_mut(pointer).unwrap()["more"] = 1.into();
            read(&json)
        };

        assert!(changed("/octets", &OCTETS.replace("\"1\"", "\"2\"")).is_err());
        assert!(changed("/headers/digest", &digest("")).is_err());
        assert!(
            changed(
                "/headers/digest",
                &digest(OCTETS).replace("SHA-256", "sha-256")
            )
            .is_err()
        );
        for wrong in [
            String::new(),
            signature().replace("ed25519", "hs2019"),
            signature().replace("\"digest\"", "\"date\""),
            signature().replace("\"digest\"", "\"digest date\""),
            signature().replace("AAAA==", "=="),
            signature().replace("keyId=\"primary\",", ""),
            format!("{},headers=\"digest\"", signature()),
            format!("{},more=\"1\"", signature()),
        ] {
            assert!(changed("/headers/signature", &wrong).is_err(), "{wrong}");
        }
        assert!(more("").is_err());
        assert!(more("/headers").is_err());
        assert!(CardTransaction::read(CARD, "AAA").is_err());
        assert!(CardTransaction::read(CARD, "").is_err());
        assert!(CardTransaction::read(CARD, &"A".repeat(TRANSACTION_CHARS_MAX + 4)).is_err());
    }

    #[test]
    fn octets_with_anything_else_are_refused() {
        for wrong in [
            "null".to_owned(),
            OCTETS.replace("\"message\":\"m\"", "\"memo\":\"m\""),
            OCTETS.replace("\"m\"}", "\"m\",\"more\":1}"),
            OCTETS.replace("\"1\"", "\"-1\""),
            OCTETS.replace("\"1\"", "1"),
            OCTETS.replace("\"1\"", "\"1e3\""),
        ] {
            assert!(read(&of(&wrong)).is_err(), "{wrong}");
        }
    }
}
