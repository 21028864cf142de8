//! Redemption, from a request that was read to tokens that are spent.
//!
//! Three stages, each shared by whatever requests are waiting for it: one look-up, one turn of the
//! crypto pool, one transaction. An answer leaves only when the transaction is on the disk, so a
//! crash at any instant loses nothing that was confirmed.

use std::{sync::Arc, time::Duration};

use challenge_bypass_ristretto::voprf::SigningKey;
use chrono::NaiveDate;
use clock::Clock;
use messages::{
    Preimage, Signature,
    challenge_bypass::{RedemptionOutcome, RedemptionResponse},
};
use rand::{SeedableRng as _, rngs::OsRng, rngs::StdRng};
use service_kit::{
    Shutdown,
    crypto::{Pool, PoolError},
    group::{Group, GroupError, GroupLimits},
};

use crate::{
    Error, Rules,
    domain::{BadSignature, Claim, Found, Judgement, RedemptionRequest, Spend, VerifiedRedemption},
    error::all_is_well,
    keyring::OpenKey,
    store::{Counted, Signing, Store, StoreError},
};

/// Requests in one look-up or one transaction. More would not save much, and would make the first of
/// them wait longer.
const BATCH_MAX: usize = 128;

/// Requests in one job of the crypto pool: with one token each, about a millisecond.
const VERIFY_BATCH_MAX: usize = 16;

/// Requests that wait at a stage: as many as run at once by default.
const WAITING_MAX: usize = 1_024;

/// A request to be verified with an opened key.
type Check = (RedemptionRequest, Arc<SigningKey>);

/// Whether a token fits, as in [`crate::domain::check_token`].
type CheckToken = fn(&SigningKey, &Preimage, &[u8], &Signature) -> bool;

/// How long a transaction waits for others to share its wait for the disk, which costs more CPU time
/// than writing some ten tokens.
const GATHER: Duration = Duration::from_millis(2);

/// The stages of redemption, and the counting of signatures.
#[derive(Clone, Debug)]
pub struct Registry {
    rules: Rules,
    clock: Clock,
    look_up: Group<Arc<Claim>, Found>,
    verify: Group<Check, Result<VerifiedRedemption, BadSignature>>,
    spend: Group<VerifiedRedemption, Spend>,
    count: Group<Signing, Counted>,
}

impl Registry {
    /// The registry in `store`.
    pub fn new(
        store: &Arc<dyn Store>,
        pool: Pool,
        rules: &Rules,
        clock: &Clock,
        shutdown: &Shutdown,
    ) -> Self {
        let group = |lanes, batch_max| GroupLimits {
            lanes,
            batch_max,
            waiting_max: WAITING_MAX,
            gather: Duration::ZERO,
        };
        let one = group(1, BATCH_MAX);
        let writing = GroupLimits {
            gather: GATHER,
            ..one
        };
        let lanes = group(pool.threads(), VERIFY_BATCH_MAX);
        let (reader, writer, counter) = (Arc::clone(store), Arc::clone(store), Arc::clone(store));
        let calendar = clock.clone();
        let check = rules.check_token;
        Self {
            rules: rules.clone(),
            clock: clock.clone(),
            look_up: Group::new(one, clock.clone(), shutdown.clone(), move |claims| {
                look_up(Arc::clone(&reader), claims)
            }),
            verify: Group::new(lanes, clock.clone(), shutdown.clone(), move |checks| {
                verify(pool.clone(), check, checks)
            }),
            spend: Group::new(writing, clock.clone(), shutdown.clone(), move |batch| {
                spend(Arc::clone(&writer), calendar.today(), batch)
            }),
            count: Group::new(writing, clock.clone(), shutdown.clone(), move |batch| {
                count(Arc::clone(&counter), batch)
            }),
        }
    }

    /// Spends the tokens of a request, all or none; a repeat is answered again.
    pub async fn redeem(
        &self,
        request: RedemptionRequest,
        key: &OpenKey,
    ) -> Result<RedemptionResponse, Error> {
        let claim = Arc::clone(request.claim());
        let found = self.look_up.submit(Arc::clone(&claim)).await?;
        match (self.rules.judge)(&claim, &found.bindings) {
            // Decided by look-up alone: no curve work for somebody who repeats spent tokens.
            Judgement::Conflict => return Err(Error::AlreadyRedeemed),
            // Before expiry and revocation: what was confirmed once stays confirmed.
            Judgement::Replay => {
                return Ok(answer(key, RedemptionOutcome::Replay, found.redeemed_total));
            }
            Judgement::Fresh => {}
        }
        if request.replay_only() || !key.facts.window.redeems_at(self.clock.now()) {
            return Err(Error::KeyExpired);
        }
        let secret = match key.secret() {
            Some(secret) => Arc::clone(secret),
            // Good tokens are not thrown away over what an operator can bring back.
            None if key.lost_its_secret(self.clock.now()) => {
                return Err(Error::RegistryInconsistent);
            }
            None => return Err(Error::KeyRevoked),
        };
        let verified = self.verify.submit((request, secret)).await??;
        self.rules.fault.at("verify")?;
        let spend = self.spend.submit(verified).await?;
        self.rules.fault.at("spend")?;
        match spend {
            Spend::First { redeemed_total } => {
                all_is_well();
                Ok(answer(key, RedemptionOutcome::First, redeemed_total))
            }
            Spend::Replay { redeemed_total } => {
                Ok(answer(key, RedemptionOutcome::Replay, redeemed_total))
            }
            Spend::Again => Err(GroupError::Failed.into()),
            Spend::Behind => Err(Error::RegistryBehind),
            Spend::Conflict => Err(Error::AlreadyRedeemed),
            Spend::Inconsistent => Err(Error::RegistryInconsistent),
            Spend::Revoked => Err(Error::KeyRevoked),
        }
    }

    /// Counts a signing request, unless it was counted before.
    pub async fn count(&self, signing: Signing) -> Result<Counted, GroupError> {
        self.count.submit(signing).await
    }
}

fn answer(key: &OpenKey, outcome: RedemptionOutcome, redeemed_total: u64) -> RedemptionResponse {
    RedemptionResponse {
        outcome,
        issuer: key.facts.issuer.to_string(),
        redeemed_total,
    }
}

async fn look_up(store: Arc<dyn Store>, claims: Vec<Arc<Claim>>) -> Vec<Result<Found, GroupError>> {
    let work = |claims: Vec<Arc<Claim>>| {
        let store = Arc::clone(&store);
        async move { store.look_up(&claims).await }
    };
    together(claims, work).await
}

async fn count(store: Arc<dyn Store>, batch: Vec<Signing>) -> Vec<Result<Counted, GroupError>> {
    let work = |batch: Vec<Signing>| {
        let store = Arc::clone(&store);
        async move { store.count_signings(&batch).await }
    };
    together(batch, work).await
}

/// Verifies a batch in one job of the pool.
async fn verify(
    pool: Pool,
    check: CheckToken,
    checks: Vec<Check>,
) -> Vec<Result<Result<VerifiedRedemption, BadSignature>, GroupError>> {
    let count = checks.len();
    let job = move || {
        let mut rng = StdRng::from_rng(OsRng).expect("the operating system gives random numbers");
        checks
            .iter()
            .map(|(request, secret)| Ok(request.verify(secret, check, &mut rng)))
            .collect()
    };
    pool.run(job).await.unwrap_or_else(|error| {
        let error = match error {
            PoolError::Failed => GroupError::Failed,
            PoolError::Full => GroupError::Full,
        };
        (0..count).map(|_| Err(error)).collect()
    })
}

/// Spends a batch in one transaction, and what overlapped in it in further ones.
async fn spend(
    store: Arc<dyn Store>,
    day: NaiveDate,
    batch: Vec<VerifiedRedemption>,
) -> Vec<Result<Spend, GroupError>> {
    let mut answers: Vec<_> = batch.iter().map(|_| Ok(Spend::Again)).collect();
    let mut waiting: Vec<(usize, VerifiedRedemption)> = batch.into_iter().enumerate().collect();
    while !waiting.is_empty() {
        let round: Vec<_> = waiting
            .iter()
            .map(|(_, redemption)| redemption.clone())
            .collect();
        let spends = together(round, |round: Vec<VerifiedRedemption>| {
            let store = Arc::clone(&store);
            async move { store.spend(&round, day).await }
        });
        let mut again = Vec::new();
        for (spend, (place, redemption)) in spends.await.into_iter().zip(waiting) {
            if spend == Ok(Spend::Again) {
                again.push((place, redemption));
            } else if let Some(answer) = answers.get_mut(place) {
                *answer = spend;
            }
        }
        // The first of a round never waits again, so rounds get shorter.
        waiting = again;
    }
    answers
}

/// Does `work` on all items at once, and one by one if that fails: what one of them broke must not
/// fail the others.
async fn together<T: Clone, R, F: Future<Output = Result<Vec<R>, StoreError>>>(
    items: Vec<T>,
    work: impl Fn(Vec<T>) -> F,
) -> Vec<Result<R, GroupError>> {
    let error = match work(items.clone()).await {
        Ok(results) => return results.into_iter().map(Ok).collect(),
        Err(error) => error,
    };
    tracing::error!(
        error = &error as &dyn std::error::Error,
        "the database failed, and each request is tried alone"
    );
    let mut results = Vec::with_capacity(items.len());
    for item in items {
        let alone = work(vec![item]).await;
        let result = alone.ok().and_then(|results| results.into_iter().next());
        results.push(result.ok_or(GroupError::Failed));
    }
    results
}
