//! The thin floor under every service: HTTP, TLS, databases, the event log, settings, telemetry.

pub mod db;
pub mod event_log;
pub mod lease;
pub mod outbox;
