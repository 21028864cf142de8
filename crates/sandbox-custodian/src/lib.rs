//! A custodian made of sand: it speaks Uphold's and Gemini's HTTP, and its money is worth nothing.
//!
//! Payments looks up transfers here exactly as it would at Uphold and Gemini; users (the demo's
//! browsers, the tests) open accounts and make transfers through the sandbox's own small API, or in
//! process through [`Sandbox`]. Transfers may be pending until a calendar time, quotes lapse, calls
//! fail by a seed, and the custodian lies about a transfer when it is told to.
//!
//! # The custodians' APIs, for payments
//!
//! | route | answer |
//! |---|---|
//! | GET `/v0/me/transactions/{id}` | Uphold: a transaction. Bearer token |
//! | POST `/v0/me/cards/{card}/transactions` | Uphold: a quote; the body is what the card's holder signed, `digest` and `signature` are headers |
//! | POST `/v0/me/cards/{card}/transactions/{id}/commit` | Uphold: commits the quote; again is harmless; 409 once it has lapsed |
//! | GET `/v1/payment/{clientId}/{txRef}` | Gemini: a payment. `X-GEMINI-*` headers, whose signature is verified |
//!
//! A quote is `pending` until it is committed, `failed` when it has lapsed, and after its commit
//! `processing`, then `completed`. A user's own transfer is `pending`, then what it ends as.
//!
//! # The sandbox's own API, for users
//!
//! | route | request |
//! |---|---|
//! | POST `/sandbox/accounts` | `{"id","funds":{"BAT":"100"},"publicKey"?,"processingSeconds"?}`: with a key it is a card |
//! | GET `/sandbox/accounts/{id}`, `/sandbox/balances` | |
//! | POST `/sandbox/transfers` | `{"custodian":"uphold"\|"gemini","from","amount","currency","destination","message","id"?,"completesAt"?,"outcome"?}` |
//! | GET `/sandbox/transfers/{custodian}/{id}` | |
//! | PUT `/sandbox/transfers/{custodian}/{id}/lie` | `{"lie":"wrong-id"}`, `other-currency`, `other-destination`, `garbage`, `slow`, `server-error`, or `null` |
//! | PUT `/sandbox/faults` | `{"seed":1,"failuresPerMille":100}` |
//!
//! # Where to look
//!
//! | Question | Module |
//! |---|---|
//! | May this transfer be made, and who has what? | [`domain`] |
//! | What does an endpoint answer? | `routes` |
//! | What is left after a restart? | `journal` |

pub mod config;
pub mod domain;
mod journal;
mod routes;
mod sandbox;
mod signatures;

use std::sync::Arc;

use anyhow::Context as _;
use chrono::TimeDelta;
use clock::Clock;
use service_kit::Service;

pub use config::Config;
pub use sandbox::{Error, Sandbox};

/// What a sandbox takes from whoever runs it.
#[derive(Clone, Debug)]
pub struct Deps {
    /// Transfers end, and quotes lapse, by this calendar.
    pub clock: Clock,
}

/// Builds the service, and the handle with which one uses its sandbox in process.
pub fn build(config: Config, deps: Deps) -> anyhow::Result<(Service, Sandbox)> {
    let credentials = config::Credentials::read(&config)?;
    let journal = Some(config.journal_file.as_path()).filter(|path| !path.as_os_str().is_empty());
    let lapse = TimeDelta::seconds(config.quote_lapse_seconds.into());
    let sandbox = Sandbox::open(journal, lapse, deps.clock.clone())
        .context("the sandbox's journal cannot be used")?;
    sandbox.set_faults(config.faults);
    let state = AppState {
        sandbox: sandbox.clone(),
        credentials: Arc::new(credentials),
    };
    let service = Service::new(
        "sandbox-custodian",
        routes::router(state),
        config.http,
        deps.clock,
    );
    Ok((service, sandbox))
}

/// What the handlers share.
#[derive(Clone, Debug)]
struct AppState {
    sandbox: Sandbox,
    credentials: Arc<config::Credentials>,
}
