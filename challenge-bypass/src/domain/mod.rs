//! Types and rules without I/O: what has been through a check is another type.

mod batch;
mod directory_key;
mod issuer;
mod key;
mod period;
mod redemption;
mod rotation;
mod sealing;
mod signing;
mod spend;
mod token;
mod window;

pub use batch::{Counter, Decided, decide};
pub use directory_key::{KeyChanged, judge_change};
pub use issuer::{InvalidTerms, Issuer, IssuerName, IssuerNameError, Terms};
pub use key::{IssuerKey, KeyFacts, NewKey, directory_entry};
pub use period::{KeyPeriod, KeyPeriodError};
pub use redemption::{
    BadSignature, Claim, InvalidRedemption, RedemptionLimits, RedemptionRequest,
    VerifiedRedemption, request_digest,
};
pub use rotation::{Rotation, RotationRule};
pub use sealing::{OpenError, SealedKey, Sealer, SealingKey, SealingKeyError, SealingKeyId};
pub use signing::{
    BlindedBatch, InvalidBatch, InvalidPoint, SignedBatch, SigningId, accepts_point,
};
pub use spend::{Binding, Found, Judgement, Spend, SpentId, SpentToken, judge, knows_enough};
pub use token::check_token;
pub use window::KeyWindow;
