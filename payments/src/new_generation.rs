//! `payments outbox new-generation`: what an operator runs after a database or the event log was restored (threat T19).

pub use service_kit::outbox::new_generation;
