//! Opening the groups that have enough shares, some of which may be forged, and having the messages of the others wait.

use std::{collections::HashSet, mem};

use rand::{rngs::OsRng, seq::SliceRandom as _};

use super::{
    gathering::Arrivals,
    known::{Open, State, Waiting},
    opening::size,
    round::{GivenUp, Round},
    store::{GroupChange, Rejection, Result, StoreError},
};
use crate::domain::{
    body::Body,
    decoding,
    group::GroupId,
    secret::{Recovered, Secret},
    wire::Point,
};

/// A group that failed is tried again when one message in so many of those that wait came since: what that costs is in
/// proportion to its messages, whoever sends them and whatever becomes of other groups.
const GROWTH: u64 = 8;

/// What that costs at most for each message that came since, in multiplications as [`decoding::cost`] counts.
pub const WORK_OF_MESSAGE_MAX: u64 = 20_000;

/// What trying groups that have grown by less may cost a batch, in multiplications: one honest share can be all that a group
/// lacks. As [`decoding::cost`] counts, and the last group that is tried may go beyond it.
pub const WORK_MAX: u64 = 16 << 20;

/// A group that has enough shares, but has not grown much since it failed.
struct Failed {
    /// Its place among the arrivals.
    place: usize,
    came: Vec<Body>,
    /// What trying it costs at most.
    cost: u64,
}

impl Round<'_> {
    /// Opens the groups that have enough shares now. The messages of the others wait, and are no arrivals any more.
    pub(super) async fn recover(
        &mut self,
        arrivals: &mut Arrivals,
    ) -> std::result::Result<(), GivenUp> {
        let mut failed = Vec::new();
        for (place, (id, bodies)) in arrivals.iter_mut().enumerate() {
            let Some(group) = self.known.groups.get(id) else {
                continue;
            };
            let State::Closed(waiting) = group.state else {
                continue;
            };
            let threshold = group.threshold;
            // Not even if enough came at once: a group is whole or not there.
            if !self.pressure.sampling(group.epoch).keeps(id) {
                self.tally.reject(Rejection::Sampled, count(bodies));
                bodies.clear();
                continue;
            }
            let came = self.distinct(mem::take(bodies), 0).0;
            let total = waiting.messages + count(&came);
            if total < threshold.into() || total <= waiting.tried {
                self.keep(*id, waiting, came);
            } else if has_grown(total, waiting.tried) {
                *bodies = self.try_to_open(*id, came).await?;
            } else {
                let cost = cost(total, threshold);
                failed.push(Failed { place, came, cost });
            }
        }
        self.try_again(arrivals, failed).await
    }

    /// Tries groups that failed for as long as there is work left: those first that cost least, and in no order that somebody
    /// could choose.
    async fn try_again(
        &mut self,
        arrivals: &mut Arrivals,
        mut failed: Vec<Failed>,
    ) -> std::result::Result<(), GivenUp> {
        failed.shuffle(&mut OsRng);
        failed.sort_by_key(|group| group.cost);
        for Failed { place, came, cost } in failed {
            let Some((id, bodies)) = arrivals.get_mut(place) else {
                continue;
            };
            if self.work_left > 0 {
                self.work_left = self.work_left.saturating_sub(cost);
                *bodies = self.try_to_open(*id, came).await?;
            } else if let Some(State::Closed(waiting)) = self.state(*id) {
                self.keep(*id, *waiting, came);
            }
        }
        Ok(())
    }

    fn state(&self, id: GroupId) -> Option<&State> {
        self.known.groups.get(&id).map(|group| &group.state)
    }

    /// Opens a group that seems to have enough messages, and answers with all of them; or has them wait.
    async fn try_to_open(
        &mut self,
        id: GroupId,
        came: Vec<Body>,
    ) -> std::result::Result<Vec<Body>, GivenUp> {
        let Some(State::Closed(waiting)) = self.state(id) else {
            return Ok(Vec::new());
        };
        let waiting = *waiting;
        let old = self.waiting(id, waiting).await?;
        let held = self.hold(&old);
        self.check_room()?;
        let of_old = old.len();
        let (mut all, of_old_left) = self.distinct(old.into_iter().chain(came).collect(), of_old);
        let threshold = self
            .known
            .groups
            .get(&id)
            .map_or(0, |group| group.threshold);
        let (enough, new) = (count(&all) >= threshold.into(), count(&all) > waiting.tried);
        if enough
            && new
            && let Some(secret) = self.find(&all, threshold)
        {
            self.open_group(id, secret, waiting);
            return Ok(all);
        }
        let tried = if enough { count(&all) } else { waiting.tried };
        if of_old_left == of_old {
            let came = all.split_off(of_old);
            self.keep(id, Waiting { tried, ..waiting }, came);
        } else {
            self.replace(id, tried, all);
        }
        self.held -= held;
        Ok(Vec::new())
    }

    /// The secret of a group, some of whose shares may be forged.
    fn find(&mut self, bodies: &[Body], threshold: u32) -> Option<Secret> {
        let sealed = bodies.first()?.layer().ok()?.share.sealed;
        let points: Vec<Point> = bodies.iter().map(Body::point).collect();
        let recovered = Recovered::from_first(&sealed, &points).or_else(|| {
            self.tally.decoding += cost(count(bodies), threshold);
            (self.rules.decode)(&sealed, &points)
        });
        recovered.map(Recovered::into_secret)
    }

    /// Leaves one of each point, and says how many of the first `old` are left.
    fn distinct(&mut self, bodies: Vec<Body>, old: usize) -> (Vec<Body>, usize) {
        let mut points = HashSet::with_capacity(bodies.len());
        let mut distinct = Vec::with_capacity(bodies.len());
        let (mut of_old, mut left_out) = (0, 0);
        for (place, body) in bodies.into_iter().enumerate() {
            if points.insert(body.point()) {
                of_old += usize::from(place < old);
                distinct.push(body);
            } else {
                left_out += 1;
            }
        }
        self.tally.reject(Rejection::Duplicate, left_out);
        (distinct, of_old)
    }

    /// The messages of a group that wait.
    async fn waiting(&self, id: GroupId, waiting: Waiting) -> Result<Vec<Body>> {
        let mut bodies = Vec::new();
        if waiting.messages == 0 {
            return Ok(bodies);
        }
        for packed in self.store.waiting(id).await? {
            bodies.extend(Body::unpack(&packed).ok_or(StoreError::Corrupt("waiting messages"))?);
        }
        Ok(bodies)
    }

    /// Has messages wait behind those that do.
    fn keep(&mut self, id: GroupId, waiting: Waiting, came: Vec<Body>) {
        let (waiting, packed) = self.pack(waiting, came);
        self.change(id, State::Closed(waiting), packed, false);
    }

    /// Has these messages wait in place of those that did.
    fn replace(&mut self, id: GroupId, tried: u64, all: Vec<Body>) {
        let none = Waiting {
            tried,
            ..Waiting::default()
        };
        let (waiting, packed) = self.pack(none, all);
        self.change(id, State::Closed(waiting), packed, true);
    }

    /// As many of these messages as may wait behind those that do, and what waits then.
    fn pack(&mut self, mut waiting: Waiting, bodies: Vec<Body>) -> (Waiting, Vec<u8>) {
        let mut packed = Vec::new();
        let mut refused = 0;
        for body in bodies {
            let bytes = size(body.packed_bytes());
            if waiting.bytes + bytes > self.limits.waiting_bytes_per_group_max {
                refused += 1;
                continue;
            }
            waiting.bytes += bytes;
            waiting.messages += 1;
            body.pack(&mut packed);
        }
        self.tally.reject(Rejection::Full, refused);
        (waiting, packed)
    }

    fn open_group(&mut self, id: GroupId, secret: Secret, waiting: Waiting) {
        let epoch = self.known.groups.get(&id).map_or(0, |group| group.epoch);
        let open = Open::new(secret, epoch);
        self.change(
            id,
            State::Open(Box::new(open)),
            Vec::new(),
            waiting.messages > 0,
        );
    }

    /// Remembers what a group is like now, and leaves it in the changes.
    fn change(&mut self, id: GroupId, state: State, waiting: Vec<u8>, drop_older: bool) {
        let Some(group) = self.known.groups.get_mut(&id) else {
            return;
        };
        self.changes.groups.push(GroupChange {
            id,
            epoch: group.epoch,
            kept: state.kept(),
            drop_older,
            waiting,
        });
        self.known.bytes += state.bytes();
        let (before, now) = (group.state.waiting(), state.waiting());
        let added = self.added.entry(group.epoch).or_default();
        added.messages += signed(now.messages) - signed(before.messages);
        added.bytes += signed(now.bytes) - signed(before.bytes);
        group.state = state;
    }
}

/// Whether a group of so many messages is tried again that failed when it had fewer.
fn has_grown(messages: u64, tried: u64) -> bool {
    (messages - tried) * GROWTH >= messages
}

/// What trying a group of so many messages costs at most, in multiplications.
fn cost(messages: u64, threshold: u32) -> u64 {
    let all = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    decoding::cost(all(messages), all(threshold.into()))
}

fn count(bodies: &[Body]) -> u64 {
    size(bodies.len())
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_messages_that_a_group_has_grown_by_pay_for_trying_it_whatever_its_threshold() {
        for k in 2..=1_000 {
            // Never, or with so many messages.
            let tried = (k..4 * k).step_by(usize::try_from(k).unwrap().div_ceil(16));
            for tried in tried.chain([0]) {
                let grown = (tried.max(k - 1) + 1..8 * k).find(|all| has_grown(*all, tried));
                let all = grown.unwrap();
                let of_each = cost(all, k.try_into().unwrap()).div_ceil(all - tried);
                assert!(of_each <= WORK_OF_MESSAGE_MAX, "{of_each} at {all} of {k}");
            }
        }
    }
}
