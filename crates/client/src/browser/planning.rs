//! From tokens to votes that wait for their time.

use chrono::{DateTime, Utc};
use clock::random::draw;
use messages::{
    payments::{AnonymitySets, VoteRequest},
    publisher::Publisher,
    vote_text::{VoteText, VoteType},
};
use rand::seq::SliceRandom as _;

use super::{Browser, read};
use crate::{
    Error,
    anonymity::{Readiness, orders_of, readiness},
    crash::Step,
    plan::{Attention, Window, split, spread},
    tokens::Unspent,
    transport::Request,
    wallet::{PreparedVote, Stage},
};

/// What the user gave attention to.
#[derive(Clone, Debug)]
pub struct Interest {
    /// The publisher.
    pub publisher: Publisher,
    /// How much attention.
    pub attention: Attention,
}

/// A purchase whose tokens are kept, and why.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Held {
    /// Its place in the wallet.
    pub purchase: usize,
    /// Why.
    pub readiness: Readiness,
    /// How many orders share its key, by the server's word.
    pub orders: u64,
    /// Its tokens are taken until then.
    pub redeem_until: DateTime<Utc>,
}

impl Browser {
    /// Looks at the crowds once, and puts the tokens of every purchase whose crowd is large enough on
    /// votes. Gives the purchases that are held.
    pub async fn plan_votes(
        &mut self,
        interests: &[Interest],
        kind: VoteType,
    ) -> Result<Vec<Held>, Error> {
        let crowds = self.crowds().await;
        let mut held = Vec::new();
        let mut planned = false;
        for purchase in 0..self.wallet.state.purchases.len() {
            match self.judge(purchase, &crowds) {
                Some(judged) if judged.readiness != Readiness::Vote => held.push(judged),
                Some(_) => planned |= self.plan_purchase(purchase, interests, kind)?,
                None => {}
            }
        }
        if planned {
            self.settings.crash_points.after(Step::VotesStored)?;
        }
        Ok(held)
    }

    /// The user decided to vote with the tokens of a purchase, however small their crowd is.
    pub fn vote_anyway(&mut self, purchase: usize) -> Result<(), Error> {
        let bought = self.wallet.state.purchases.get_mut(purchase);
        bought.ok_or(Error::NoPurchase(purchase))?.vote_anyway = true;
        Ok(self.wallet.save()?)
    }

    /// The crowds, by the server's word, where one is asked for.
    ///
    /// A server that does not answer now shows none, and holds up no vote: it is asked again soon.
    async fn crowds(&self) -> AnonymitySets {
        let waits = |stage: &Stage| matches!(stage, Stage::Holding { .. });
        let mut purchases = self.wallet.state.purchases.iter();
        let answer = if self.settings.profile.anonymity_set_min > 0
            && purchases.any(|bought| !bought.vote_anyway && waits(&bought.stage))
        {
            let request = Request::get("/v1/anonymity-sets");
            self.settings.server.send(&request).await.ok()
        } else {
            None
        };
        let sets = answer.and_then(|answer| read(&answer).ok());
        sets.unwrap_or(AnonymitySets { keys: Vec::new() })
    }

    /// What to do with a purchase's tokens; `None` when it has none that wait.
    fn judge(&self, purchase: usize, crowds: &AnonymitySets) -> Option<Held> {
        let bought = self.wallet.state.purchases.get(purchase)?;
        let Stage::Holding {
            key_id,
            redeem_until,
            ..
        } = &bought.stage
        else {
            return None;
        };
        let mut profile = self.settings.profile.clone();
        if bought.vote_anyway {
            profile.anonymity_set_min = 0;
        }
        let orders = orders_of(crowds, *key_id);
        Some(Held {
            purchase,
            readiness: readiness(orders, *redeem_until, self.now(), &profile),
            orders,
            redeem_until: *redeem_until,
        })
    }

    /// Groups and signs the tokens of a purchase. From here on they are never grouped otherwise.
    ///
    /// Gives whether there are votes now: tokens for which nobody had attention stay.
    fn plan_purchase(
        &mut self,
        purchase: usize,
        interests: &[Interest],
        kind: VoteType,
    ) -> Result<bool, Error> {
        let (now, profile) = (self.now(), self.settings.profile.clone());
        let (name, seed) = (self.settings.name.clone(), self.settings.seed);
        let Some(bought) = self.wallet.state.purchases.get_mut(purchase) else {
            return Ok(false);
        };
        let Stage::Holding {
            key_id,
            sign_until,
            redeem_until,
            tokens,
        } = &bought.stage
        else {
            return Ok(false);
        };
        let window = Window::of_purchase(now, *sign_until, *redeem_until, &profile);
        let Some(window) = window else {
            return Ok(false);
        };
        let attention: Vec<Attention> = interests.iter().map(|one| one.attention).collect();
        let mut random = draw(seed, &name, format!("votes of purchase {purchase}"));
        let counts = spread(tokens.len(), &attention, &mut random);

        let mut left = tokens.as_slice();
        let mut votes = Vec::new();
        for (interest, count) in interests.iter().zip(counts) {
            let text = VoteText {
                publisher: interest.publisher.clone(),
                kind,
            };
            for size in split(count, &mut random) {
                let Some((of_vote, rest)) = left.split_at_checked(size) else {
                    return Err(Error::Order);
                };
                left = rest;
                let due = window.draw(&profile, &mut random);
                votes.extend(prepare(of_vote, &text, due, *redeem_until));
            }
        }
        if !left.is_empty() {
            return Ok(false);
        }
        // In the wallet the votes lie in no order that tells of the purchase.
        votes.shuffle(&mut random);
        bought.stage = Stage::Spent { key_id: *key_id };
        self.wallet.state.votes.append(&mut votes);
        self.wallet.save()?;
        Ok(true)
    }
}

/// The body of a vote with these tokens. All of them are of one purchase, so of one key.
pub fn body_of_vote(tokens: &[Unspent], text: &VoteText) -> String {
    let payload = text.to_base64();
    let credentials = tokens.iter().map(|token| token.sign(&payload)).collect();
    let request = VoteRequest {
        vote: payload,
        credentials,
    };
    serde_json::to_string(&request).expect("plain data becomes JSON")
}

fn prepare(
    tokens: &[Unspent],
    text: &VoteText,
    due: DateTime<Utc>,
    redeem_until: DateTime<Utc>,
) -> Option<PreparedVote> {
    let key = *tokens.first()?.key();
    Some(PreparedVote {
        due,
        attempts: 0,
        redeem_until,
        key,
        tokens: tokens.len(),
        body: body_of_vote(tokens, text),
        outcome: None,
    })
}
