//! What happens to a vote: known already? redeem, record, answer.
//!
//! Redeeming and recording run in a task of their own, which neither a time-out nor a client that hangs up cancels and
//! which shutdown waits for: otherwise tokens would be spent without their vote being recorded, and only the client's
//! repetition would mend it. A crash in between is mended that way: the repetition finds the tokens spent by this very
//! request (`replay`) and records the vote then.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use clock::{Busy, Clock};
use messages::{
    challenge_bypass::{RedemptionRequest, RedemptionResponse},
    problem::Slug,
    vote_text::InvalidVoteText,
};
use service_kit::{Shutdown, fault::FaultPoints, telemetry::Alarm};
use tokio::sync::Semaphore;

use super::{VoteRules, commit::Committer};
use crate::{
    challenge_bypass::{self, Client},
    domain::{
        directory::KnownKey,
        vote::{InvalidVote, RedeemedVote, Vote},
    },
    published::PublishedDirectory,
    store::votes::Store,
};

/// Who redeems tokens: challenge-bypass.
#[async_trait]
pub trait Redeemer: fmt::Debug + Send + Sync {
    /// Redeems all tokens of `request`, or none.
    async fn redeem(
        &self,
        request: &RedemptionRequest,
    ) -> Result<RedemptionResponse, challenge_bypass::Error>;
}

#[async_trait]
impl Redeemer for Client {
    async fn redeem(
        &self,
        request: &RedemptionRequest,
    ) -> Result<RedemptionResponse, challenge_bypass::Error> {
        Client::redeem(self, request).await
    }
}

/// What is wrong with a new vote for a publisher that is not listed.
const UNLISTED: InvalidVote = InvalidVote::Text(InvalidVoteText::Channel);

/// What an [`Intake`] is made of.
#[derive(Clone, Debug)]
pub struct IntakeParts {
    /// Where votes are recorded.
    pub store: Arc<dyn Store>,
    /// Who redeems their tokens.
    pub redeemer: Arc<dyn Redeemer>,
    /// The keys there are.
    pub directory: Arc<PublishedDirectory>,
    /// The calendar.
    pub clock: Clock,
    /// Waits for votes in work before the program ends.
    pub shutdown: Shutdown,
    /// The most votes that are redeemed and recorded at once.
    pub in_work_max: usize,
    /// The rules.
    pub rules: VoteRules,
    /// Where a test may let the program die.
    pub faults: FaultPoints,
}

/// Takes votes. Clones share everything.
#[derive(Clone, Debug)]
pub struct Intake {
    parts: IntakeParts,
    committer: Committer,
    alarms: Arc<Alarms>,
    in_work: Arc<Semaphore>,
}

#[derive(Debug)]
struct Alarms {
    not_looked_up: Alarm,
    redemption_refused: Alarm,
    registry_behind: Alarm,
    registry_inconsistent: Alarm,
    unreachable: Alarm,
}

/// Why a vote was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The vote cannot be counted, now or later.
    #[error("the vote was refused: {}", .0.as_str())]
    Final(Slug),
    /// It is no vote.
    #[error(transparent)]
    Invalid(InvalidVote),
    /// The program died, as a test wanted.
    #[error("stopped at a fault point")]
    Stopped,
    /// Nothing was decided; the same request may be sent again.
    #[error("the vote could not be taken now: {}", .0.as_str())]
    TryAgain(Slug),
}

impl Refusal {
    /// What the client is told.
    pub fn slug(&self) -> Slug {
        match self {
            Self::Final(slug) | Self::TryAgain(slug) => *slug,
            Self::Invalid(reason) => reason.slug(),
            Self::Stopped => Slug::Internal,
        }
    }
}

impl Intake {
    /// An intake.
    pub fn new(parts: IntakeParts) -> Self {
        Self {
            committer: Committer::new(&parts),
            alarms: Arc::new(Alarms {
                not_looked_up: Alarm::new("votes-not-looked-up"),
                redemption_refused: Alarm::new("redemption-refused"),
                registry_behind: Alarm::new("registry-behind"),
                registry_inconsistent: Alarm::new("registry-inconsistent"),
                unreachable: Alarm::new("challenge-bypass-unreachable"),
            }),
            in_work: Arc::new(Semaphore::new(parts.in_work_max)),
            parts,
        }
    }

    /// Takes `vote`: when this returns, it will be counted, once.
    pub async fn take(&self, vote: Vote) -> Result<(), Refusal> {
        let Ok(permit) = Arc::clone(&self.in_work).try_acquire_owned() else {
            return Err(Refusal::TryAgain(Slug::Overloaded));
        };
        let this = self.clone();
        let busy = self.parts.clock.busy();
        let task = self.parts.shutdown.spawn(async move {
            let is_listed = vote.is_listed();
            let taken = this.redeem_and_record(vote, &busy).await;
            drop(permit);
            match taken {
                // It was not begun before its publisher's suffix was listed: that alone refuses it.
                Err(Refusal::Final(_)) if !is_listed => Err(Refusal::Invalid(UNLISTED)),
                taken => taken,
            }
        });
        // A task that panicked left nothing half-done that a repetition does not finish.
        task.await.unwrap_or(Err(Refusal::TryAgain(Slug::Internal)))
    }

    async fn redeem_and_record(&self, vote: Vote, _busy: &Busy) -> Result<(), Refusal> {
        let IntakeParts {
            store,
            directory,
            faults,
            ..
        } = &self.parts;
        let unknown = if directory.was_fetched() {
            Refusal::Final(Slug::UnknownIssuerKey)
        } else {
            // Good tokens would be thrown away over what only we have not heard of yet.
            Refusal::TryAgain(Slug::NotReady)
        };
        let published = directory.current();
        let key = published.keys.get(vote.key()).ok_or(unknown)?;
        let standing = store
            .standing(vote.id(), vote.key())
            .await
            .map_err(|error| {
                self.alarms.not_looked_up.raise(&error);
                Refusal::TryAgain(Slug::NotReady)
            })?;
        self.alarms.not_looked_up.clear();
        if standing.recorded {
            return Ok(());
        }

        let vote = self.redeem(vote, key, standing.redeemed_total).await?;
        stop_after(faults, "vote-redeemed")?;
        self.committer
            .commit(vote)
            .await
            .map_err(|_| Refusal::TryAgain(Slug::NotReady))?;
        stop_after(faults, "vote-recorded")
    }

    async fn redeem(
        &self,
        vote: Vote,
        key: &KnownKey,
        at_least: u64,
    ) -> Result<RedeemedVote, Refusal> {
        let IntakeParts {
            redeemer,
            clock,
            rules,
            ..
        } = &self.parts;
        let is_open = clock.now() < key.redeem_until && vote.is_listed();
        let answer = redeemer.redeem(&vote.redemption(at_least, !is_open)).await;
        let answer = (rules.redemption)(key, answer).map_err(|error| self.refusal(key, error))?;
        let redeemed = vote.redeemed(key, &answer).ok_or_else(|| {
            self.refusal(
                key,
                challenge_bypass::Error::Refused(Slug::RegistryInconsistent),
            )
        })?;
        let Alarms {
            not_looked_up: _,
            redemption_refused,
            registry_behind,
            registry_inconsistent,
            unreachable,
        } = &*self.alarms;
        for alarm in [
            redemption_refused,
            registry_behind,
            registry_inconsistent,
            unreachable,
        ] {
            alarm.clear();
        }
        Ok(redeemed)
    }

    /// What a failed redemption means for the vote.
    fn refusal(&self, key: &KnownKey, error: challenge_bypass::Error) -> Refusal {
        let is_live = self.parts.clock.now() < key.redeem_until;
        let error = match error {
            // The key was published here: a registry that never heard of it is an old one. Its word
            // would make clients throw good tokens away (threat T19).
            challenge_bypass::Error::Refused(Slug::UnknownIssuerKey) if is_live => {
                challenge_bypass::Error::Refused(Slug::RegistryInconsistent)
            }
            error => error,
        };
        match &error {
            challenge_bypass::Error::Refused(
                slug @ (Slug::TokenAlreadyRedeemed
                | Slug::BadSignature
                | Slug::UnknownIssuerKey
                | Slug::KeyExpired
                | Slug::KeyRevoked),
            ) => Refusal::Final(*slug),
            // Not a matter of this vote: the registry cannot be trusted, or we are not understood.
            challenge_bypass::Error::Refused(slug) => {
                let (alarm, told) = match slug {
                    Slug::RegistryBehind => (&self.alarms.registry_behind, *slug),
                    Slug::RegistryInconsistent => (&self.alarms.registry_inconsistent, *slug),
                    _ => (&self.alarms.redemption_refused, Slug::IssuerUnavailable),
                };
                alarm.raise(&error);
                Refusal::TryAgain(told)
            }
            challenge_bypass::Error::Unreachable(_) => {
                self.alarms.unreachable.raise(&error);
                Refusal::TryAgain(Slug::IssuerUnavailable)
            }
        }
    }
}

fn stop_after(faults: &FaultPoints, name: &'static str) -> Result<(), Refusal> {
    faults.at(name).map_err(|_| Refusal::Stopped)
}

#[cfg(test)]
mod tests;
