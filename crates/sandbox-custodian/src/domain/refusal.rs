//! Why the sandbox does not do what it was asked.

/// Why the sandbox does not do what it was asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// There is an account, or a transfer, of that id.
    #[error("the id is taken")]
    IdTaken,
    /// The sender has less than that.
    #[error("the sender has too little money")]
    InsufficientFunds,
    /// Zero, negative, or more than a decimal takes.
    #[error("the amount is not more than zero, or out of range")]
    InvalidAmount,
    /// The signature is not the card's, or not over these bytes.
    #[error("the signature does not fit")]
    InvalidSignature,
    /// The text names no transfer at that custodian.
    #[error("the transaction cannot be read")]
    Malformed,
    /// The quote is too old to be committed.
    #[error("the quote has lapsed")]
    QuoteLapsed,
    /// The sandbox keeps no more than that.
    #[error("the sandbox is full")]
    SandboxFull,
    /// No credentials, or wrong ones.
    #[error("the credentials are not valid")]
    Unauthorized,
    /// There is no such account.
    #[error("there is no such account")]
    UnknownAccount,
    /// There is no such transfer.
    #[error("there is no such transfer")]
    UnknownTransfer,
}
