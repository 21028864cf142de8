//! From votes that wait for their time to votes that are settled.
//!
//! Each vote has a time of its own, and no vote waits for another: one that gets no answer is given a
//! later time and the next one goes out. Nor do votes wait for crowds: who is planned is sent, while
//! the tokens of other purchases wait.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use clock::random::draw;
use http::StatusCode;
use messages::vote_text::VoteType;
use rand::Rng as _;

use super::{Browser, Held, Interest, PAUSE_MIN};
use crate::{
    Error, Profile,
    anonymity::Readiness,
    crash::Step,
    plan::{LATE, Window},
    transport::Request,
    wallet::{Outcome, PreparedVote},
};

/// The longest pause before a vote is repeated. When a server comes back after a while, the votes that
/// one browser began come back over hours, not together.
const REPEAT_MAX: TimeDelta = TimeDelta::hours(12);

/// A vote is repeated for as long after its tokens lapsed as the issuer remembers a redemption
/// (`redeem_grace_days` and `redemption_retention_days`): until then a repeat tells what became of it.
const REPEATED_AFTER_EXPIRY: TimeDelta = TimeDelta::days(3 + 90);

impl Browser {
    /// Sends every vote at its time, and puts the tokens that wait for their crowd on votes when it has
    /// grown, until every vote is settled and no crowd is waited for.
    ///
    /// Returns earlier when there is something to tell the user, once for each purchase and reason:
    /// purchases whose crowd is still too small shortly before their tokens lapse (see
    /// [`Browser::vote_anyway`]), and those for which it is too late. Call it again to go on. Empty: all is done.
    pub async fn vote(
        &mut self,
        interests: &[Interest],
        kind: VoteType,
    ) -> Result<Vec<Held>, Error> {
        loop {
            let mut held = self.plan_votes(interests, kind).await?;
            let may_grow = |one: &Held| one.readiness != Readiness::TooLate;
            let next_look = self.now() + self.settings.profile.look_again;
            let look_again = held.iter().any(may_grow).then_some(next_look);
            held.retain(|one| {
                one.readiness != Readiness::Wait && self.told.insert((one.purchase, one.readiness))
            });
            if !held.is_empty() {
                return Ok(held);
            }
            self.send_votes(look_again).await?;
            if look_again.is_none() {
                return Ok(Vec::new());
            }
        }
    }

    /// Sends votes at their times until `end`, or until all are settled where there is no end.
    async fn send_votes(&mut self, end: Option<DateTime<Utc>>) -> Result<(), Error> {
        loop {
            self.give_new_times()?;
            let next = self.next_vote();
            let now = self.now();
            let wake = next.map(|(_, due)| due).into_iter().chain(end).min();
            match (next, wake) {
                (Some((place, due)), _) if due <= now => self.send_vote(place).await?,
                // What was missed while it slept is found before anything is sent.
                (_, Some(wake)) if wake > now => self.busy.sleep_until(wake).await,
                _ => return Ok(()),
            }
        }
    }

    /// The vote that is due next.
    fn next_vote(&self) -> Option<(usize, DateTime<Utc>)> {
        let votes = self.wallet.state.votes.iter().enumerate();
        votes
            .filter(|(_, vote)| vote.outcome.is_none())
            .map(|(place, vote)| (place, vote.due))
            .min_by_key(|&(place, due)| (due, place))
    }

    /// Gives every vote that was missed a time of its own again: sent all at once, the votes of a week
    /// in which the computer was off would show that they are of one browser.
    fn give_new_times(&mut self) -> Result<(), Error> {
        let now = self.now();
        let (name, seed) = (&self.settings.name, self.settings.seed);
        let mut changed = false;
        for (place, vote) in self.wallet.state.votes.iter_mut().enumerate() {
            if vote.outcome.is_some() || vote.due + LATE >= now {
                continue;
            }
            changed = true;
            let mut random = draw(seed, name, format!("vote {place}, missed at {now}"));
            let profile = &self.settings.profile;
            if vote.attempts > 0 {
                let within = longest_pause(profile).num_seconds();
                vote.due = now + TimeDelta::seconds(random.gen_range(0..=within));
            } else if let Some(window) = Window::of_votes(now, vote.redeem_until, profile) {
                vote.due = window.draw(profile, &mut random);
            } else {
                vote.settle(Outcome::LeftOver);
            }
        }
        if changed {
            self.wallet.save()?;
        }
        Ok(())
    }

    async fn send_vote(&mut self, place: usize) -> Result<(), Error> {
        let now = self.now();
        let Some(vote) = self.wallet.state.votes.get_mut(place) else {
            return Ok(());
        };
        let mut random = draw(
            self.settings.seed,
            &self.settings.name,
            format!("vote {place}, sent at {now}"),
        );
        let pause = pause(vote.attempts, &self.settings.profile).num_seconds();
        vote.due = now + TimeDelta::seconds(random.gen_range(pause / 2..=pause + pause / 2));
        vote.attempts = vote.attempts.saturating_add(1);
        let is_last = now > vote.redeem_until + REPEATED_AFTER_EXPIRY;
        let request = Request::post("/v1/votes", vote.body.clone().into_bytes());
        if vote.attempts == 1 {
            // What was begun is repeated even in the last days, so a crash must not hide that it was.
            self.wallet.save()?;
        }

        let server = Arc::clone(&self.settings.server);
        let answer = server.send(&request).await;
        self.settings.crash_points.after(Step::VoteSent)?;
        let Some(vote) = self.wallet.state.votes.get_mut(place) else {
            return Ok(());
        };
        match answer {
            Ok(answer) if answer.status == StatusCode::OK => vote.settle(Outcome::Counted),
            Ok(answer) if !answer.is_temporary() => vote.settle(Outcome::Refused {
                status: answer.status.as_u16(),
                slug: answer.problem(),
            }),
            Ok(_) | Err(_) if is_last => vote.settle(Outcome::Unanswered),
            Ok(answer) => {
                let wait = answer.retry_after_seconds.unwrap_or_default();
                vote.due = vote.due.max(now + TimeDelta::seconds(wait.into()));
                return Ok(());
            }
            Err(_) => return Ok(()),
        }
        Ok(self.wallet.save()?)
    }
}

impl PreparedVote {
    /// Notes what became of the vote, and forgets its bytes.
    fn settle(&mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
        self.body.clear();
    }
}

/// The pause after so many attempts: twice as long each time.
fn pause(attempts: u32, profile: &Profile) -> TimeDelta {
    let factor = 2_i32.saturating_pow(attempts.min(20));
    (PAUSE_MIN * factor).min(longest_pause(profile))
}

/// Whoever votes within a minute, to try it, repeats within a minute too.
fn longest_pause(profile: &Profile) -> TimeDelta {
    REPEAT_MAX.min(profile.spread_max).max(PAUSE_MIN)
}
