//! Which publisher gets how many tokens, in which votes, and when.
//!
//! # What the server must not learn from it
//!
//! * **Counts** (threat T17): a publisher's tokens are cut at random into votes of 1, 2, 4, 8 or 16,
//!   and every vote travels alone, so no request tells how many tokens somebody had.
//! * **Times** (threat U2): votes leave only once their key has stopped signing, each at a time of its own,
//!   drawn uniformly from then until the tokens' last attempt. Whoever bought under the key, and whenever, draws
//!   from the same window, so times say nothing of who bought: neither one vote's, nor those of many votes that
//!   can be seen to belong together because nobody else votes for their publisher. Times counted
//!   from the purchase would make the likeliest buyer of k such votes 0.73·k + 1 times as likely as any other
//!   (docs/decisions/0006). A vote whose time passed while nothing ran (the computer was off) draws a new one
//!   from what is left: all that was missed, sent at once, would show what belongs together.
//! * **Shares**: tokens are drawn for publishers by attention, not divided, so that repeated counts
//!   do not show the exact distribution of somebody's attention.

use chrono::{DateTime, TimeDelta, Utc};
use rand::Rng;

use crate::Profile;

/// The sizes of votes, largest first. Powers of two are what everybody sends.
pub const VOTE_SIZES: [usize; 5] = [16, 8, 4, 2, 1];

/// A vote that is later than this was missed, and gets another time. Long enough for a server that
/// lets each of some votes wait, and too short for many votes to fall into it.
pub const LATE: TimeDelta = TimeDelta::minutes(5);

/// How much attention a publisher had. Only the proportions matter.
pub type Attention = u32;

/// How many of `tokens` each of the publishers gets: one draw per token, weighted by attention.
///
/// The counts add up to `tokens`, unless nobody had any attention: then all are zero.
pub fn spread<R: Rng>(tokens: usize, attention: &[Attention], rng: &mut R) -> Vec<usize> {
    let mut counts = vec![0_usize; attention.len()];
    let total: u64 = attention.iter().map(|&weight| u64::from(weight)).sum();
    if total == 0 {
        return counts;
    }
    for _ in 0..tokens {
        let mut left = rng.gen_range(0..total);
        for (count, &weight) in counts.iter_mut().zip(attention) {
            let weight = u64::from(weight);
            if left < weight {
                *count += 1;
                break;
            }
            left -= weight;
        }
    }
    counts
}

/// Cuts `tokens` into votes of [`VOTE_SIZES`]: each next size is drawn among those that still fit.
pub fn split<R: Rng>(tokens: usize, rng: &mut R) -> Vec<usize> {
    let mut left = tokens;
    let mut votes = Vec::new();
    while left > 0 {
        let fitting = VOTE_SIZES.iter().filter(|&&size| size <= left);
        let chosen = rng.gen_range(0..fitting.clone().count());
        // A vote of one always fits, so there is always a size.
        let size = fitting.copied().nth(chosen).unwrap_or(1);
        votes.push(size);
        left -= size;
    }
    votes
}

/// When a vote may be sent for the first time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Window {
    /// Not before this.
    pub from: DateTime<Utc>,
    /// Not after this.
    pub until: DateTime<Utc>,
}

impl Window {
    /// The time for votes whose tokens lapse at `redeem_until`, counted from `now`.
    ///
    /// `None`: the tokens lapse too soon for a first attempt (contracts §5).
    pub fn of_votes(
        now: DateTime<Utc>,
        redeem_until: DateTime<Utc>,
        profile: &Profile,
    ) -> Option<Self> {
        // A vote may leave somewhat after its time, and is still begun early enough.
        let last = redeem_until - profile.last_attempt_before_expiry - LATE;
        let until = last.min(now + profile.spread_max);
        (now < until).then_some(Self { from: now, until })
    }

    /// The time for the votes of a purchase under a key that signs until `sign_until`: with
    /// [`Profile::votes_after_sale`], the same for every buyer of the key.
    ///
    /// When that time is over or nearly so, votes are sent while they can be. Keys that leave none are not used
    /// ([`Refusal::LapsesTooSoon`](crate::directory::rules::Refusal::LapsesTooSoon)).
    pub fn of_purchase(
        now: DateTime<Utc>,
        sign_until: DateTime<Utc>,
        redeem_until: DateTime<Utc>,
        profile: &Profile,
    ) -> Option<Self> {
        let after_sale = profile.votes_after_sale.then(|| now.max(sign_until));
        after_sale
            .and_then(|from| Self::of_votes(from, redeem_until, profile))
            .or_else(|| Self::of_votes(now, redeem_until, profile))
    }

    /// Draws a time: uniform over the window, or over its whole slots if `profile` has slots.
    pub fn draw<R: Rng>(&self, profile: &Profile, rng: &mut R) -> DateTime<Utc> {
        let slot = profile.slot.num_seconds().max(1);
        let (first, last) = (self.from.timestamp(), self.until.timestamp());
        let seconds = rng.gen_range(first..=last.max(first));
        let in_slot = if slot == 1 {
            seconds
        } else {
            // The next slot's beginning, or the last one within the window.
            let next = seconds - seconds.rem_euclid(slot) + slot;
            next.min(last - last.rem_euclid(slot)).max(first)
        };
        let at = DateTime::from_timestamp(in_slot, 0).unwrap_or(self.from);
        at.clamp(self.from, self.until)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;
    use clock::random::draw;
    use proptest::prelude::*;

    use super::*;

    fn day(day: u32) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 1, day, 0, 0, 0).unwrap()
    }

    proptest! {
        #[test]
        fn every_token_goes_to_one_publisher_with_attention(
            tokens in 0..400_usize,
            attention in proptest::collection::vec(0..50_u32, 1..30),
            seed: u64,
        ) {
            let counts = spread(tokens, &attention, &mut draw(seed, "a browser", "spread"));

            let expected = if attention.iter().all(|&weight| weight == 0) { 0 } else { tokens };
            prop_assert_eq!(counts.iter().sum::<usize>(), expected);
            for (count, weight) in counts.iter().zip(&attention) {
                prop_assert!(*weight > 0 || *count == 0);
            }
        }

        #[test]
        fn votes_have_common_sizes_and_use_every_token(tokens in 0..400_usize, seed: u64) {
            let votes = split(tokens, &mut draw(seed, "a browser", "split"));

            prop_assert_eq!(votes.iter().sum::<usize>(), tokens);
            prop_assert!(votes.iter().all(|size| VOTE_SIZES.contains(size)));
        }

        #[test]
        fn a_vote_is_sent_within_its_window(seed: u64, slot_minutes in 0..300_i64, days in 1..20_u32) {
            let profile = Profile { slot: TimeDelta::minutes(slot_minutes), ..Profile::default() };
            let window = Window { from: day(1), until: day(1 + days) };

            let at = window.draw(&profile, &mut draw(seed, "a browser", "when"));

            prop_assert!(window.from <= at && at <= window.until, "{at}");
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_plan_and_another_seed_another() {
        let plan = |seed| spread(400, &[1; 25], &mut draw(seed, "a browser", "spread"));

        assert_eq!(plan(1), plan(1));
        assert_ne!(plan(1), plan(2));
    }

    #[test]
    fn attention_decides_how_many_tokens_a_publisher_gets() {
        let counts = spread(4_000, &[1, 3], &mut draw(7, "a browser", "spread"));

        assert!((850..1_150).contains(&counts[0]), "{counts:?}");
    }

    #[test]
    fn votes_of_one_slot_are_sent_at_one_instant_whenever_they_were_planned() {
        let profile = Profile {
            slot: TimeDelta::hours(1),
            ..Profile::default()
        };
        let window = Window {
            from: day(1) + TimeDelta::milliseconds(1_234_567),
            until: day(11),
        };

        for step in 0_u64..200 {
            let at = window.draw(&profile, &mut draw(1, "a browser", step));
            assert_eq!(at.timestamp_millis() % 3_600_000, 0, "{at}");
        }
    }

    #[test]
    fn times_are_uniform_over_the_window() {
        let profile = Profile::default();
        let window = Window {
            from: day(1),
            until: day(31),
        };

        let early = (0_u64..2_000)
            .filter(|&step| window.draw(&profile, &mut draw(3, "a browser", step)) < day(11))
            .count();

        assert!((560..780).contains(&early), "{early} of 2000 in a third");
    }

    #[test]
    fn every_buyer_of_a_key_draws_from_one_window_that_begins_when_its_sale_ends() {
        let profile = Profile::default();
        let (sign_until, redeem_until) = (day(11), day(31));
        let of_buyer = |now| Window::of_purchase(now, sign_until, redeem_until, &profile).unwrap();

        let window = of_buyer(day(1));

        assert_eq!(window.from, sign_until);
        assert_eq!(window.until, day(29) - LATE);
        assert_eq!(of_buyer(day(10)), window);
        let late = of_buyer(day(20));
        assert_eq!((late.from, late.until), (day(20), window.until));
    }

    #[test]
    fn tokens_that_lapse_with_their_key_are_spent_while_they_can_be() {
        let profile = Profile::default();

        let window = Window::of_purchase(day(1), day(31), day(31), &profile).unwrap();

        assert_eq!((window.from, window.until), (day(1), day(29) - LATE));
    }

    #[test]
    fn a_profile_that_does_not_wait_for_the_end_of_the_sale_votes_from_now_on() {
        let profile = Profile {
            votes_after_sale: false,
            ..Profile::default()
        };

        let window = Window::of_purchase(day(1), day(11), day(31), &profile).unwrap();

        assert_eq!(window.from, day(1));
    }

    #[test]
    fn no_vote_is_begun_in_the_last_two_days_of_its_tokens() {
        let profile = Profile::default();

        let window = Window::of_votes(day(1), day(20), &profile).unwrap();
        assert_eq!(window.until, day(18) - LATE);
        assert_eq!(Window::of_votes(day(18), day(20), &profile), None);
    }
}
