//! When a pending transfer is asked for again.
//!
//! Kept in memory only: a time of the next look-up would say, to the minute, when the transfer was
//! named (threat S2). After a restart everything pending is asked for once, and then by schedule again.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use messages::digest::H;
use uuid::Uuid;

/// The pause before the first look-up of the job.
const FIRST_PAUSE_SECONDS: i64 = 60;

/// The longest pause while a transfer is asked for often.
const PAUSE_SECONDS_MAX: i64 = 6 * 3600;

/// The pause of a transfer that has been pending for long.
const LATE_PAUSE_SECONDS: i64 = 24 * 3600;

/// The next look-ups of all pending transfers.
#[derive(Debug, Default)]
pub struct Schedule(HashMap<Uuid, Turn>);

#[derive(Clone, Copy, Debug)]
struct Turn {
    tries: u32,
    asked: DateTime<Utc>,
    next: DateTime<Utc>,
}

impl Schedule {
    /// Whether it is time to ask for a transfer. One that is not known yet is due, and so is one that was last asked for
    /// later than `now`: the clock was set back, and its next time may be hours away.
    pub fn is_due(&self, transfer: Uuid, now: DateTime<Utc>) -> bool {
        self.0
            .get(&transfer)
            .is_none_or(|turn| turn.next <= now || now < turn.asked)
    }

    /// Notes that a transfer was asked for and is still pending. `is_late`: it has been for so long that once a day is
    /// enough.
    pub fn asked(&mut self, transfer: Uuid, now: DateTime<Utc>, is_late: bool) {
        let turn = self.0.entry(transfer).or_insert(Turn {
            tries: 0,
            asked: now,
            next: now,
        });
        let pause = pause(turn.tries, is_late);
        turn.asked = now;
        turn.next = now + jittered(pause, transfer, turn.tries);
        turn.tries = turn.tries.saturating_add(1);
    }

    /// Forgets transfers that are pending no more.
    pub fn keep(&mut self, pending: &HashSet<Uuid>) {
        self.0.retain(|transfer, _| pending.contains(transfer));
    }

    /// When the next transfer is due.
    pub fn next(&self) -> Option<DateTime<Utc>> {
        self.0.values().map(|turn| turn.next).min()
    }
}

fn pause(tries: u32, is_late: bool) -> TimeDelta {
    let doubled = FIRST_PAUSE_SECONDS.saturating_mul(1_i64 << tries.min(16));
    TimeDelta::seconds(if is_late {
        LATE_PAUSE_SECONDS
    } else {
        doubled.min(PAUSE_SECONDS_MAX)
    })
}

/// Between three quarters and five quarters of the pause, so that what was named together is not asked for together.
fn jittered(pause: TimeDelta, transfer: Uuid, tries: u32) -> TimeDelta {
    let drawn = H::new("bt/poll/1")
        .part(transfer.as_bytes())
        .part(&tries.to_be_bytes())
        .finish();
    let [first, ..] = drawn;
    let quarter = pause / 4;
    pause - quarter + quarter * i32::from(first) / 128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_grow_and_end_at_once_a_day() {
        let mut schedule = Schedule::default();
        let id = Uuid::from_u128(1);
        let mut now: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        assert!(schedule.is_due(id, now));
        let mut pauses = Vec::new();
        for n in 0..14 {
            schedule.asked(id, now, n >= 12);
            assert!(!schedule.is_due(id, now));
            let next = schedule.next().unwrap();
            pauses.push((next - now).num_seconds());
            now = next;
            assert!(schedule.is_due(id, now));
        }

        for (n, found) in pauses.iter().enumerate() {
            let middle = match n {
                0..=8 => 60 << n,
                9..=11 => 6 * 3600,
                _ => 24 * 3600,
            };
            assert!(
                (middle * 3 / 4..=middle * 5 / 4).contains(found),
                "{n}: {found}"
            );
        }
    }

    #[test]
    fn what_was_named_together_is_not_asked_for_together() {
        let mut schedule = Schedule::default();
        let now = DateTime::UNIX_EPOCH;
        for n in 0..20 {
            schedule.asked(Uuid::from_u128(n), now, false);
        }

        let times: HashSet<_> = schedule.0.values().map(|turn| turn.next).collect();
        assert!(times.len() > 10, "{times:?}");
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_look_up_late() {
        let mut schedule = Schedule::default();
        let id = Uuid::from_u128(1);
        let ahead: DateTime<Utc> = "2026-01-01T20:00:00Z".parse().unwrap();
        schedule.asked(id, ahead, false);

        let right = ahead - TimeDelta::hours(17);
        assert!(schedule.is_due(id, right));
        schedule.asked(id, right, false);

        assert!(!schedule.is_due(id, right));
        assert!(schedule.is_due(id, right + TimeDelta::minutes(10)));
    }

    #[test]
    fn what_is_settled_is_forgotten() {
        let mut schedule = Schedule::default();
        let now = DateTime::UNIX_EPOCH;
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        schedule.asked(a, now, false);
        schedule.asked(b, now, false);

        schedule.keep(&HashSet::from([b]));

        assert!(schedule.is_due(a, now));
        assert!(!schedule.is_due(b, now));
    }
}
