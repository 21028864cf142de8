//! What custodians say about transfers, and what they are asked to do.
//!
//! Their answers are bounded, read into [`Answer`] and trusted for nothing that can be checked against
//! the order. What is wrong with an answer is not told to clients, and nothing of it is logged.

mod breaker;
mod call;
mod gemini;
mod uphold;

use std::fmt;

use async_trait::async_trait;
use messages::payments::SignedTransfer;
use service_kit::{secret::SecretError, tls::TlsError};
use uuid::Uuid;

pub use call::CallLimits;

use crate::{
    config::{Custodians as Settings, Transfers as CallSettings},
    domain::transfer::{Answer, Custodian},
};

/// Why a custodian gave nothing that can be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CustodianError {
    /// It answered something that cannot be understood.
    #[error("the answer cannot be understood")]
    Invalid,
    /// It knows no such transfer.
    #[error("it knows no such transfer")]
    NotFound,
    /// It understood and refused.
    #[error("it refused")]
    Refused,
    /// It did not answer in time, or not at all, or was left alone after too many failures.
    #[error("it cannot be reached")]
    Unavailable,
}

/// The custodians, as the orders side needs them.
#[async_trait]
pub trait Custody: fmt::Debug + Send + Sync {
    /// Our settlement address.
    fn settlement_address(&self, custodian: Custodian) -> &str;

    /// What `custodian` says about the transfer `id`.
    async fn look_up(&self, custodian: Custodian, id: &str) -> Result<Answer, CustodianError>;

    /// Gives a card's signed transfer an id. No money moves.
    async fn quote(&self, card: Uuid, signed: &SignedTransfer) -> Result<Answer, CustodianError>;

    /// Has the transfer that was quoted under `id` carried out.
    async fn commit(&self, card: Uuid, id: &str) -> Result<Answer, CustodianError>;
}

/// Why the custodians cannot be called at all.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Two of the addresses are one, so that a card's money could pass for a user's (goal G3).
    #[error("the settlement addresses of custodians must be set and all different")]
    Addresses,
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The HTTP client cannot be made.
    #[error("the HTTP client of the custodians cannot be made")]
    Client(#[source] reqwest::Error),
}

/// The custodians over HTTPS.
#[derive(Debug)]
pub struct HttpCustody {
    uphold: uphold::Uphold,
    gemini: gemini::Gemini,
    card_address: String,
}

impl HttpCustody {
    /// The custodians that are configured.
    pub fn new(settings: &Settings, calls: &CallSettings) -> Result<Self, SetupError> {
        let addresses = [
            &settings.uphold.settlement_address,
            &settings.gemini.settlement_address,
            &settings.anonymous_card.settlement_address,
        ];
        let [uphold, gemini, card] = addresses;
        let distinct = uphold != gemini && gemini != card && card != uphold;
        if !distinct || addresses.iter().any(|address| address.is_empty()) {
            return Err(SetupError::Addresses);
        }
        let client = call::client(&settings.tls, calls)?;
        let limits = CallLimits::from(calls);
        Ok(Self {
            uphold: uphold::Uphold::new(&settings.uphold, client.clone(), limits)?,
            gemini: gemini::Gemini::new(&settings.gemini, client, limits)?,
            card_address: card.clone(),
        })
    }
}

#[async_trait]
impl Custody for HttpCustody {
    fn settlement_address(&self, custodian: Custodian) -> &str {
        match custodian {
            Custodian::AnonymousCard => &self.card_address,
            Custodian::Gemini => self.gemini.settlement_address(),
            Custodian::Uphold => self.uphold.settlement_address(),
        }
    }

    async fn look_up(&self, custodian: Custodian, id: &str) -> Result<Answer, CustodianError> {
        match custodian {
            Custodian::AnonymousCard | Custodian::Uphold => self.uphold.look_up(id).await,
            Custodian::Gemini => self.gemini.look_up(id).await,
        }
    }

    async fn quote(&self, card: Uuid, signed: &SignedTransfer) -> Result<Answer, CustodianError> {
        self.uphold.quote(card, signed).await
    }

    async fn commit(&self, card: Uuid, id: &str) -> Result<Answer, CustodianError> {
        self.uphold.commit(card, id).await
    }
}

#[cfg(test)]
mod tests;
