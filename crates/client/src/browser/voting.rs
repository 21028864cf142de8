//! From tokens to votes.

use clock::random::draw;
use http::StatusCode;
use messages::{
    payments::{AnonymitySets, VoteRequest},
    publisher::Publisher,
    vote_text::{VoteText, VoteType},
};
use rand::seq::SliceRandom as _;

use super::{Browser, LOOK_AGAIN};
use crate::{
    Error,
    anonymity::{Readiness, orders_of, readiness},
    crash::Step,
    plan::{Attention, Window, split, spread},
    tokens::Unspent,
    transport::Request,
    wallet::{Outcome, PreparedVote, Stage},
};

/// What the user gave attention to.
#[derive(Clone, Debug)]
pub struct Interest {
    /// The publisher.
    pub publisher: Publisher,
    /// How much attention.
    pub attention: Attention,
}

impl Browser {
    /// Waits until the crowd of each key is large enough, and puts all tokens on votes.
    ///
    /// Gives the places of purchases whose tokens were not used: the user is to be asked about
    /// them, or they lapse.
    pub async fn plan_votes(
        &mut self,
        interests: &[Interest],
        kind: VoteType,
    ) -> Result<Vec<usize>, Error> {
        let mut left_over = Vec::new();
        for purchase in 0..self.wallet.state.purchases.len() {
            match self.wait_for_crowd(purchase).await? {
                Some(Readiness::Vote) => self.plan_purchase(purchase, interests, kind)?,
                Some(_) => left_over.push(purchase),
                None => {}
            }
        }
        self.settings.crash_points.after(Step::VotesStored)?;
        Ok(left_over)
    }

    /// Sends every vote at its time, until each is counted or refused for good.
    pub async fn vote(&mut self) -> Result<(), Error> {
        while let Some((place, due)) = self.next_vote() {
            self.busy.sleep_until(due).await;
            self.send_vote(place).await?;
        }
        Ok(())
    }

    async fn wait_for_crowd(&mut self, purchase: usize) -> Result<Option<Readiness>, Error> {
        loop {
            let bought = self.wallet.state.purchases.get(purchase);
            let Some(Stage::Holding {
                key_id,
                redeem_until,
                ..
            }) = bought.map(|bought| &bought.stage)
            else {
                return Ok(None);
            };
            let (key_id, redeem_until) = (*key_id, *redeem_until);
            let mut orders = 0;
            if self.settings.profile.anonymity_set_min > 0 {
                let sets: AnonymitySets = self.ask(&Request::get("/v1/anonymity-sets")).await?;
                orders = orders_of(&sets, key_id);
            }
            let ready = readiness(orders, redeem_until, self.now(), &self.settings.profile);
            if ready != Readiness::Wait {
                return Ok(Some(ready));
            }
            self.busy.sleep(LOOK_AGAIN).await;
        }
    }

    /// Groups and signs the tokens of a purchase. From here on they are never grouped otherwise.
    fn plan_purchase(
        &mut self,
        purchase: usize,
        interests: &[Interest],
        kind: VoteType,
    ) -> Result<(), Error> {
        let (now, profile) = (self.now(), self.settings.profile.clone());
        let (name, seed) = (self.settings.name.clone(), self.settings.seed);
        let Some(bought) = self.wallet.state.purchases.get_mut(purchase) else {
            return Ok(());
        };
        let Stage::Holding {
            key_id,
            redeem_until,
            tokens,
        } = &bought.stage
        else {
            return Ok(());
        };
        let Some(window) = Window::of_votes(now, *redeem_until, &profile) else {
            return Ok(());
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
                votes.extend(prepare(of_vote, &text, due));
            }
        }
        if !left.is_empty() {
            // Nobody had attention: the tokens wait for somebody who has.
            return Ok(());
        }
        // In the wallet the votes lie in no order that tells of the purchase.
        votes.shuffle(&mut random);
        bought.stage = Stage::Spent { key_id: *key_id };
        self.wallet.state.votes.append(&mut votes);
        Ok(self.wallet.save()?)
    }

    /// The vote that is due next.
    fn next_vote(&self) -> Option<(usize, chrono::DateTime<chrono::Utc>)> {
        let votes = self.wallet.state.votes.iter().enumerate();
        votes
            .filter(|(_, vote)| vote.outcome.is_none())
            .map(|(place, vote)| (place, vote.due))
            .min_by_key(|&(place, due)| (due, place))
    }

    async fn send_vote(&mut self, place: usize) -> Result<(), Error> {
        let Some(vote) = self.wallet.state.votes.get(place) else {
            return Ok(());
        };
        let request = Request::post("/v1/votes", vote.body.clone().into_bytes());
        let answer = self.answer(&request).await?;
        self.settings.crash_points.after(Step::VoteSent)?;
        let outcome = if answer.status == StatusCode::OK {
            Outcome::Counted
        } else {
            Outcome::Refused {
                status: answer.status.as_u16(),
                slug: answer.problem(),
            }
        };
        if let Some(vote) = self.wallet.state.votes.get_mut(place) {
            vote.outcome = Some(outcome);
            vote.body.clear();
        }
        Ok(self.wallet.save()?)
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
    due: chrono::DateTime<chrono::Utc>,
) -> Option<PreparedVote> {
    let key = *tokens.first()?.key();
    Some(PreparedVote {
        due,
        key,
        tokens: tokens.len(),
        body: body_of_vote(tokens, text),
        outcome: None,
    })
}
