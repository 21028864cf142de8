//! What the service does by itself.

pub mod directory;
pub mod funds;
pub mod issuers;
pub mod retention;
pub mod signing;
pub mod transfers;
pub mod vote_retention;

#[cfg(test)]
mod testing;

/// Shows in the metric `blindtally_alarm` when something begins to be wrong, and when it is right again.
fn show_alarm(name: &'static str, was_wrong: bool, is_wrong: bool) {
    if was_wrong != is_wrong {
        metrics::gauge!("blindtally_alarm", "name" => name).set(u8::from(is_wrong));
    }
}
