//! The randomness service, over HTTPS.

mod app;
mod clients;
mod doctor;
mod epochs;
mod files;
mod keys;
mod pki;
mod refusals;
mod replicas;
mod sealed;
mod shown;
