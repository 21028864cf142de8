//! The randomness service, over HTTPS.

mod app;
mod clients;
mod epochs;
mod pki;
mod refusals;
mod replicas;
mod sealed;
mod shown;
