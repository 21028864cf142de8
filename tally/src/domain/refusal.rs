//! Why a record of a topic is put aside.

/// Why a record is not taken. It goes to `<topic>.dead-letter` with this reason, and reading goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The channel is outside the grammar of contracts §7.
    #[error("bad-channel")]
    BadChannel,
    /// A count is negative, zero, or larger than one vote can hold.
    #[error("bad-count")]
    BadCount,
    /// A day is not written as it should be, or lies in the future.
    #[error("bad-day")]
    BadDay,
    /// The id is no UUID.
    #[error("bad-id")]
    BadId,
    /// A key is not named as it should be, or twice.
    #[error("bad-key")]
    BadKey,
    /// The funding source is not one of ours.
    #[error("bad-source")]
    BadSource,
    /// The type of vote is not one of ours.
    #[error("bad-type")]
    BadType,
    /// The value of a vote is zero or no amount.
    #[error("bad-value")]
    BadValue,
    /// The directory key did not sign the head.
    #[error("bad-signature")]
    BadSignature,
    /// The bytes are no record of the topic's schema.
    #[error("not-a-record")]
    NotARecord,
    /// Another head of that day was seen, or the head does not extend the last one.
    #[error("other-head")]
    OtherHead,
    /// The currency is not the one that this source has.
    #[error("other-currency")]
    OtherCurrency,
    /// More was redeemed than signed.
    #[error("redeemed-above-signed")]
    RedeemedAboveSigned,
    /// Older than event ids are kept: whether it was counted before cannot be known.
    #[error("too-old")]
    TooOld,
    /// A sum would be larger than the ledger can hold.
    #[error("too-large")]
    TooLarge,
    /// A cumulative total is lower than it was.
    #[error("total-fell")]
    TotalFell,
}

impl Refusal {
    /// Whether somebody must look at it: it cannot come from a healthy system.
    pub fn is_alarm(self) -> bool {
        match self {
            Self::BadSignature
            | Self::OtherHead
            | Self::RedeemedAboveSigned
            | Self::TooLarge
            | Self::TotalFell => true,
            Self::BadChannel
            | Self::BadCount
            | Self::BadDay
            | Self::BadId
            | Self::BadKey
            | Self::BadSource
            | Self::BadType
            | Self::BadValue
            | Self::NotARecord
            | Self::OtherCurrency
            | Self::TooOld => false,
        }
    }
}
