//! Whether the crowd is large enough to vote (threat U1).

use chrono::{DateTime, Utc};
use messages::{KeyId, payments::AnonymitySets};

use crate::{Profile, plan::Window};

/// What to do with the tokens of a key now.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Readiness {
    /// The crowd is too small and the tokens lapse soon: the user decides.
    AskUser,
    /// It is too late for a first attempt.
    TooLate,
    /// The crowd is large enough.
    Vote,
    /// The crowd is too small, and may grow.
    Wait,
}

/// The orders that a key has signed, as the server tells it. The number is the operator's word: it
/// protects users from a small crowd, not from a lying operator.
pub fn orders_of(sets: &AnonymitySets, key: KeyId) -> u64 {
    let mut of_key = sets.keys.iter().filter(|set| set.key_id == key);
    of_key.next().map_or(0, |set| set.orders_total)
}

/// Decides on the tokens of a key that `orders` orders share and that lapse at `redeem_until`.
pub fn readiness(
    orders: u64,
    redeem_until: DateTime<Utc>,
    now: DateTime<Utc>,
    profile: &Profile,
) -> Readiness {
    if Window::of_votes(now, redeem_until, profile).is_none() {
        Readiness::TooLate
    } else if orders >= profile.anonymity_set_min {
        Readiness::Vote
    } else if now >= redeem_until - profile.ask_before_expiry {
        Readiness::AskUser
    } else {
        Readiness::Wait
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, TimeZone as _};

    use super::*;

    #[test]
    fn tokens_wait_for_a_crowd_and_then_for_the_user_and_lapse_in_the_end() {
        let profile = Profile::default();
        let lapse = Utc.with_ymd_and_hms(2026, 3, 2, 0, 0, 0).unwrap();
        let at = |orders, days| readiness(orders, lapse, lapse - TimeDelta::days(days), &profile);

        assert_eq!(at(1_023, 30), Readiness::Wait);
        assert_eq!(at(1_024, 30), Readiness::Vote);
        assert_eq!(at(1_023, 7), Readiness::AskUser);
        assert_eq!(at(1_024, 3), Readiness::Vote);
        assert_eq!(at(1_024, 2), Readiness::TooLate);
    }

    #[test]
    fn a_key_that_is_not_listed_has_no_crowd() {
        let sets = AnonymitySets { keys: Vec::new() };

        assert_eq!(orders_of(&sets, KeyId::from_bytes([1; 16])), 0);
    }
}
