//! Who buys and votes in the month, and what became of it: what the attackers are to find out.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use blindtally::attacks::{Hand, Shop};
use chrono::{DateTime, TimeDelta, Utc};
use client::{
    Browser, Profile,
    browser::{Basket, Interest, body_of_vote},
    payer::Payer,
    plan::Window,
    wallet::{Outcome, Wallet},
};
use clock::{Clock, random::draw};
use messages::{
    FundingSource, KeyId,
    digest::{H, uuid_v8},
    payments::VoteRequest,
    publisher::Publisher,
    vote_text::{VoteText, VoteType},
};
use rand::{Rng as _, seq::SliceRandom as _};
use uuid::Uuid;

use super::line::Trail;

/// Publishers, so few that each has many buyers' votes.
const PUBLISHERS: usize = 25;

/// Purchases and votes go out at whole multiples of this, so that many are under way at once and the month is
/// short. Nobody loses by it: a vote's time is known to the slot of publication at best.
pub(crate) const STEP_HOURS: i64 = 6;

/// A buyer votes for so many of them at most.
pub(crate) const INTERESTS_MAX: usize = 3;

/// Somebody who buys once and votes with all of it.
#[derive(Clone, Debug)]
pub(crate) struct Buyer {
    pub(crate) source: FundingSource,
    pub(crate) quantity: u32,
    pub(crate) trail: Trail,
    pub(crate) votes: Vec<Cast>,
}

/// A vote that was counted.
#[derive(Clone, Debug)]
pub(crate) struct Cast {
    /// As payments keeps it.
    pub(crate) vote: [u8; 32],
    /// As the topic has it.
    pub(crate) event: Uuid,
    /// Its tokens, as challenge-bypass keeps them.
    pub(crate) spent: Vec<[u8; 32]>,
    /// Its tokens themselves.
    pub(crate) preimages: Vec<Vec<u8>>,
}

impl Cast {
    /// Names the vote in `body` as the contracts (§2 to §4) say that the servers do.
    fn of(body: &str) -> Self {
        let request: VoteRequest = serde_json::from_str(body).unwrap();
        let mut preimages = Vec::new();
        let mut tokens = Vec::new();
        for credential in &request.credentials {
            let preimage = credential.t.as_bytes().to_vec();
            let mut token = KeyId::of(&credential.public_key).as_bytes().to_vec();
            token.extend_from_slice(&preimage);
            tokens.push(token);
            preimages.push(preimage);
        }
        tokens.sort_unstable();
        let text = BASE64_STANDARD.decode(&request.vote).unwrap();
        let vote = H::new("bt/vote/1").part(&text).parts(&tokens).finish();
        let spent = |t: &Vec<u8>| H::new("bt/spent/1").part(t).finish();
        Self {
            vote,
            event: uuid_v8(H::new("bt/event/1").part(&vote).finish()),
            spent: preimages.iter().map(spent).collect(),
            preimages,
        }
    }
}

/// What a buyer is like, drawn from the seed.
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) source: FundingSource,
    pub(crate) quantity: u32,
    pub(crate) begins: DateTime<Utc>,
    interests: Vec<Interest>,
}

impl Part {
    pub(crate) fn draw(
        number: usize,
        quantities: &[u32],
        sale: (DateTime<Utc>, TimeDelta),
    ) -> Self {
        let name = format!("buyer-{number}");
        let mut random = draw(1, &name, "part");
        let (from, time) = sale;
        let step = random.gen_range(0..time.num_hours() / STEP_HOURS);
        let begins = from + TimeDelta::hours(step * STEP_HOURS);
        let source = if number.is_multiple_of(5) {
            FundingSource::AnonymousCard
        } else {
            FundingSource::UserWallet
        };
        let wanted = random.gen_range(1..=INTERESTS_MAX);
        let mut publishers: Vec<usize> = (0..PUBLISHERS).collect();
        publishers.shuffle(&mut random);
        let interests = publishers.iter().take(wanted).map(|place| Interest {
            publisher: publisher(*place),
            attention: random.gen_range(1..=60),
        });
        let interests = interests.collect();
        Self {
            quantity: *quantities.choose(&mut random).unwrap(),
            name,
            source,
            begins,
            interests,
        }
    }

    fn bought(&self, trail: &Mutex<Trail>, votes: Vec<Cast>) -> Buyer {
        Buyer {
            source: self.source,
            quantity: self.quantity,
            trail: trail.lock().unwrap().clone(),
            votes,
        }
    }
}

pub(crate) fn publishers() -> impl Iterator<Item = Publisher> {
    (0..PUBLISHERS).map(publisher)
}

fn publisher(place: usize) -> Publisher {
    format!("example-{place}.com").parse().unwrap()
}

/// A browser's life, as its client lives it.
pub(crate) struct Life {
    pub(crate) part: Part,
    pub(crate) settings: client::Settings,
    pub(crate) payer: Box<dyn Payer>,
    pub(crate) sku: String,
    pub(crate) wallet: PathBuf,
    pub(crate) trail: Arc<Mutex<Trail>>,
}

impl Life {
    pub(crate) async fn live(self, mut busy: clock::Busy) -> Buyer {
        busy.sleep_until(self.part.begins).await;
        let wallet = Wallet::open(&self.wallet).unwrap();
        let mut browser = Browser::start(self.settings, wallet);
        drop(busy);
        let basket = Basket {
            source: self.part.source,
            sku: self.sku,
            quantity: self.part.quantity,
            parts: 1,
        };
        let purchase = browser.begin(basket).unwrap();
        browser.buy(purchase, self.payer.as_ref()).await.unwrap();
        let kind = VoteType::AutoContribute;
        let planned = browser.plan_votes(&self.part.interests, kind).await;
        assert_eq!(planned.unwrap(), Vec::new());
        let votes = &browser.wallet().state.votes;
        let votes = votes.iter().map(|vote| Cast::of(&vote.body)).collect();
        let held = browser.vote(&self.part.interests, kind).await.unwrap();
        assert_eq!(held, Vec::new());
        let settled = browser.wallet().state.votes.iter();
        let counted = settled.filter(|vote| vote.outcome == Some(Outcome::Counted));
        assert_eq!(counted.count(), browser.wallet().state.votes.len());
        self.part.bought(&self.trail, votes)
    }
}

/// A client that has no common sizes: one vote takes all of a purchase. It does wait.
pub(crate) struct Whole {
    pub(crate) part: Part,
    pub(crate) shop: Shop,
    pub(crate) profile: Profile,
    pub(crate) clock: Clock,
}

impl Whole {
    pub(crate) async fn live(self, mut busy: clock::Busy) -> Buyer {
        busy.sleep_until(self.part.begins).await;
        let mut hand = Hand::new(self.shop.clone(), &self.part.name, busy.another());
        let open = hand.order(self.part.source, self.part.quantity);
        let open = open.await.unwrap();
        hand.pay(&open).await.unwrap();
        let tokens = hand.tokens(&open).await.unwrap();
        drop(hand);
        let now = self.clock.now();
        let window = Window {
            from: now,
            until: now + self.profile.spread_max,
        };
        let mut random = draw(1, &self.part.name, "due");
        busy.sleep_until(window.draw(&self.profile, &mut random))
            .await;
        let text = VoteText {
            publisher: self.part.interests.first().unwrap().publisher.clone(),
            kind: VoteType::AutoContribute,
        };
        let body = body_of_vote(&tokens, &text);
        let mut hand = Hand::new(self.shop.clone(), &self.part.name, busy.another());
        let answer = hand.send_vote(&body).await.unwrap();
        assert!(answer.status.is_success(), "{answer:?}");
        let item = open.order.items.first().unwrap().id;
        let trail = Trail {
            order: Some((open.order.id, item)),
            ..Trail::default()
        };
        self.part.bought(&Mutex::new(trail), vec![Cast::of(&body)])
    }
}
