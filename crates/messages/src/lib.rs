//! The wire types that services and clients share: JSON bodies, Avro records, problem slugs.
//!
//! No I/O and no policy: a type here says what a message may look like, and refuses what it may not.
//! Binary travels as standard base64 with padding ([`encoding::Fixed`]), amounts as decimal strings
//! ([`money::Amount`]), days and times as RFC 3339.
//!
//! | Question | Module |
//! |---|---|
//! | What does a browser send to payments, and get? | [`payments`] |
//! | What does payments send to challenge-bypass, and get? | [`challenge_bypass`] |
//! | What do clients send to star-collector, and get? | [`star`] |
//! | How is the key directory chained and signed? | [`directory`] |
//! | What is on the topics? | [`avro`] |
//! | What can a refusal say? | [`problem`] |
//! | What may a vote say, and for whom? | [`vote_text`], [`publisher`] |
//! | In which form is a UUID read? | [`uuid_text`] |

/// Gives types a `Debug` that names them and shows nothing of what they hold.
macro_rules! hidden {
    ($($name:ident),+ $(,)?) => { $(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )+ };
}

pub mod avro;
pub mod challenge_bypass;
pub mod digest;
pub mod directory;
pub mod encoding;
mod funding;
mod key_id;
pub mod money;
pub mod payments;
pub mod problem;
pub mod publisher;
pub mod star;
pub mod uuid_text;
pub mod vote_text;

pub use encoding::{
    BatchProof, BlindedToken, Preimage, PublicKey, Signature, SignedToken, SigningRequestId,
};
pub use funding::{FundingSource, UnknownFundingSource};
pub use key_id::{InvalidKeyId, KeyId};
