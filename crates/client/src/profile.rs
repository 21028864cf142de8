//! The numbers a client goes by.

use std::fmt;

use chrono::TimeDelta;

/// What a client asks of a key, of a crowd, and of its own patience (contracts §5 and §8).
///
/// [`Profile::default`] is what browsers use. [`Profile::demo`] lets one simulated month show
/// everything; whoever uses it must say so.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Profile {
    /// The fewest orders of a key before its tokens are used.
    pub anonymity_set_min: u64,
    /// The shortest time for which a key may sign: a shorter one sees fewer buyers.
    pub key_window_min: TimeDelta,
    /// How long a key must have been in the directory before it signs. Zero: no such rule.
    pub key_notice: TimeDelta,
    /// The most keys of an issuer that may begin within [`Self::keys_period`].
    pub keys_max: usize,
    /// See [`Self::keys_max`].
    pub keys_period: TimeDelta,
    /// One revoked key in this time is forgiven; the next counts as if it were not revoked.
    pub revocation_exemption_period: TimeDelta,
    /// How far a key's window may miss the time of the request for signatures.
    pub window_tolerance: TimeDelta,
    /// How many other sources must confirm a part of the directory before it is used.
    pub witnesses_min: usize,
    /// When the crowd is still too small this long before the tokens lapse, the user is asked.
    pub ask_before_expiry: TimeDelta,
    /// No vote is begun this shortly before its tokens lapse; what was begun is repeated.
    pub last_attempt_before_expiry: TimeDelta,
    /// Votes are sent only once their key has stopped signing: their times then say nothing of their buyer's.
    pub votes_after_sale: bool,
    /// The shortest time over which votes are spread after the sale: a key that leaves less is not used.
    pub spread_min: TimeDelta,
    /// Over how long the votes of a purchase are spread at most.
    pub spread_max: TimeDelta,
    /// Votes go out at whole multiples of this. Zero: at any second.
    pub slot: TimeDelta,
    /// How often a browser looks whether a key appeared, a transfer arrived, a crowd grew.
    pub look_again: TimeDelta,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            anonymity_set_min: 1_024,
            key_window_min: TimeDelta::days(7),
            key_notice: TimeDelta::hours(24),
            keys_max: 2,
            keys_period: TimeDelta::days(30),
            revocation_exemption_period: TimeDelta::days(90),
            window_tolerance: TimeDelta::hours(1),
            witnesses_min: 1,
            ask_before_expiry: TimeDelta::days(7),
            last_attempt_before_expiry: TimeDelta::days(2),
            votes_after_sale: true,
            spread_min: TimeDelta::days(7),
            spread_max: TimeDelta::days(60),
            slot: TimeDelta::zero(),
            look_again: TimeDelta::minutes(30),
        }
    }
}

impl Profile {
    /// For one simulated month: no notice, no shortest window, no smallest crowd, short delays that begin at once.
    ///
    /// Every other rule holds as it does for browsers.
    pub fn demo() -> Self {
        Self {
            anonymity_set_min: 0,
            key_window_min: TimeDelta::zero(),
            key_notice: TimeDelta::zero(),
            votes_after_sale: false,
            spread_max: TimeDelta::days(10),
            // Votes of one slot meet in the same simulated hour, as they would in a crowd.
            slot: TimeDelta::hours(1),
            ..Self::default()
        }
    }

    /// As the demo, for somebody who tries it by hand and does not want to wait.
    pub fn by_hand() -> Self {
        Self {
            spread_max: TimeDelta::seconds(10),
            slot: TimeDelta::zero(),
            look_again: TimeDelta::seconds(2),
            ..Self::demo()
        }
    }

    /// Whether the numbers make the client wait for a crowd at all.
    pub fn hides_its_user(&self) -> bool {
        self.anonymity_set_min > 1 && self.key_notice > TimeDelta::zero() && self.votes_after_sale
    }
}

/// The numbers that decide how well the user is hidden, as they are printed at start (contracts §5).
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "key notice {}, key window {}, anonymity set {}, witnesses {}, votes within {} of {}",
            Span(self.key_notice),
            Span(self.key_window_min),
            self.anonymity_set_min,
            self.witnesses_min,
            Span(self.spread_max),
            if self.votes_after_sale {
                "the end of the sale"
            } else {
                "the purchase"
            },
        )
    }
}

/// A time span in its largest whole unit.
struct Span(TimeDelta);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.num_seconds();
        match seconds {
            0 => f.write_str("0"),
            _ if seconds % 86_400 == 0 => write!(f, "{} d", seconds / 86_400),
            _ if seconds % 3_600 == 0 => write!(f, "{} h", seconds / 3_600),
            _ => write!(f, "{seconds} s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_printed_with_what_hides_its_user() {
        assert_eq!(
            Profile::default().to_string(),
            "key notice 1 d, key window 7 d, anonymity set 1024, witnesses 1, votes within 60 d of the end of the sale"
        );
        assert_eq!(
            Profile::by_hand().to_string(),
            "key notice 0, key window 0, anonymity set 0, witnesses 1, votes within 10 s of the purchase"
        );
        assert!(Profile::default().hides_its_user() && !Profile::demo().hides_its_user());
    }
}
