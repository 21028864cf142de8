//! Databases that were set back, and put into service again as docs/operations.md says (T19): afterwards every vote that was
//! accepted is published and counted once, and nothing can be spent twice.

use blindtally::system::ServiceName;
use chrono::TimeDelta;
use client::{browser::body_of_vote, transport::Request};
use messages::FundingSource;
use payments::commands::{OutboxName, new_generation, restate};
use service_kit::outbox;

use super::{
    keys::directory,
    world::{ORDERS, REGISTRY, TALLY, World, vote_for},
};

const PAYMENTS: [ServiceName; 1] = [ServiceName::Payments];
const TALLY_ONLY: [ServiceName; 1] = [ServiceName::Tally];
const BYPASS: [ServiceName; 1] = [ServiceName::ChallengeBypass];

impl World {
    /// Sells `tokens` and spends them on one vote.
    async fn sell_and_vote(&mut self, tokens: u32) {
        let mut hand = self.hand();
        let bought = self.drive(hand.buy(tokens)).await.unwrap();
        let vote = vote_for("example.com");
        self.drive(hand.vote(&bought, &vote)).await.unwrap();
    }

    fn payments_config(&self) -> payments::Config {
        let name = ServiceName::Payments;
        self.kit.layout().settings(name).load(name).unwrap()
    }

    /// What tally's commands work with.
    async fn tally_parts(&self) -> tally::Parts {
        let name = ServiceName::Tally;
        let config: tally::Config = self.kit.layout().settings(name).load(name).unwrap();
        let deps = tally::Deps {
            clock: self.kit.clock().clone(),
            rules: tally::Rules::default(),
        };
        tally::open(&config, &deps).await.unwrap()
    }

    /// `tally outbox new-generation`.
    async fn renew_tally(&self) {
        let parts = self.tally_parts().await;
        let kept = parts.store.outbox();
        let renewed = outbox::new_generation(&*kept, &*parts.log, tally::LINE);
        renewed.await.unwrap();
        parts.store.close().await;
    }

    /// How many votes tally has counted.
    async fn votes_counted(&self) -> u64 {
        self.number(TALLY, "SELECT SUM(votes) FROM vote_pile").await
    }

    /// How many votes are on the topic.
    async fn votes_published(&self) -> u64 {
        let events = self.events().await;
        events
            .iter()
            .map(|event| u64::try_from(event.vote_tally).unwrap())
            .sum()
    }

    async fn is_all_ready(&self) -> bool {
        let mut ready = true;
        for service in [
            ServiceName::ChallengeBypass,
            ServiceName::Payments,
            ServiceName::Tally,
        ] {
            ready &= self.is_ready(service).await;
        }
        ready
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t19_a_registry_that_was_set_back_is_mended_and_what_was_spent_stays_spent() {
    let mut world = World::start().await;
    let mut hand = world.hand();
    let spent = world.drive(hand.buy(4)).await.unwrap();
    world.back_up(&BYPASS, REGISTRY).await;
    let vote = vote_for("example.com");
    world.drive(hand.vote(&spent, &vote)).await.unwrap();
    drop(hand);
    let published = directory(&world).await;
    world.stop_and_set_back(&BYPASS, REGISTRY).await;

    let name = ServiceName::ChallengeBypass;
    let config: challenge_bypass::Config = world.kit.layout().settings(name).load(name).unwrap();
    let deps = challenge_bypass::Deps {
        clock: world.kit.clock().clone(),
        rules: challenge_bypass::Rules::default(),
    };
    let issuers = challenge_bypass::open_issuers(&config, &deps)
        .await
        .unwrap();
    let revoked = challenge_bypass::after_restore::after_restore(&issuers, &published.entries);
    assert!(!revoked.await.unwrap().is_empty());
    issuers.store.close().await;
    world.run(&BYPASS).await;

    let again = body_of_vote(&spent, &vote_for("example.org"));
    let again = Request::post("/v1/votes", again.into_bytes());
    assert_eq!(world.send(&again).await.status.as_u16(), 400);
    // The next keys sell when their notice is over.
    world.live(TimeDelta::days(2)).await;
    world.sell_and_vote(4).await;
    world.live(TimeDelta::days(1)).await;
    assert_eq!(world.tokens_counted().await, 8);
    assert_eq!(
        (world.votes_published().await, world.votes_counted().await),
        (8, 8)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn t19_a_tally_that_was_set_back_is_renewed_and_counts_each_vote_once() {
    let mut world = World::start().await;
    world.sell_and_vote(4).await;
    world.live(TimeDelta::days(1)).await;
    world.back_up(&TALLY_ONLY, TALLY).await;
    world.sell_and_vote(8).await;
    world.live(TimeDelta::days(1)).await;
    assert_eq!(world.votes_counted().await, 12);
    world.stop_and_set_back(&TALLY_ONLY, TALLY).await;

    world.run(&TALLY_ONLY).await;
    world.live(TimeDelta::hours(1)).await;
    assert!(!world.is_ready(ServiceName::Tally).await);
    world.stop(&TALLY_ONLY).await;
    world.renew_tally().await;
    world.run(&TALLY_ONLY).await;
    world.live(TimeDelta::days(1)).await;

    assert!(world.is_all_ready().await);
    assert_eq!(
        (world.votes_published().await, world.votes_counted().await),
        (12, 12)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn t19_a_log_that_is_lost_is_replaced_and_what_was_not_published_is_counted_once() {
    let mut world = World::start().await;
    world.sell_and_vote(4).await;
    world.live(TimeDelta::days(1)).await;
    // Waits for its time of publication.
    world.sell_and_vote(8).await;
    let both = [ServiceName::Payments, ServiceName::Tally];
    world.stop(&both).await;
    world.kit.stores().lose_log().await.unwrap();

    let config = world.payments_config();
    for outbox in [OutboxName::Votes, OutboxName::Funds] {
        new_generation(&config, outbox).await.unwrap();
    }
    world.renew_tally().await;
    let parts = world.tally_parts().await;
    tally::rewind::rewind(&parts).await.unwrap();
    parts.store.close().await;
    world.run(&both).await;
    world.live(TimeDelta::days(1)).await;

    assert!(world.is_all_ready().await);
    assert_eq!(world.votes_counted().await, world.tokens_counted().await);
    assert_eq!(
        (world.votes_published().await, world.votes_counted().await),
        (8, 12)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn t19_orders_that_were_set_back_are_stated_and_accepted_and_the_ledger_goes_on() {
    let mut world = World::start().await;
    world.sell_and_vote(4).await;
    world.live(TimeDelta::days(1)).await;
    world.back_up(&PAYMENTS, ORDERS).await;
    world.sell_and_vote(8).await;
    world.live(TimeDelta::days(1)).await;
    world.stop_and_set_back(&PAYMENTS, ORDERS).await;

    let config = world.payments_config();
    new_generation(&config, OutboxName::Funds).await.unwrap();
    let kind = (FundingSource::UserWallet, "0.25".parse().unwrap());
    let clock = world.kit.clock().clone();
    restate(&config, clock.clone(), kind, 12).await.unwrap();
    world.run(&PAYMENTS).await;
    world.live(TimeDelta::days(2)).await;
    let store = world.tally_parts().await.store;
    for one in store.restatements().await.unwrap() {
        assert_eq!(one.totals.votes_sold, 12);
        let accepted = store.accept_restatement(one.totals.line, one.mark, clock.today());
        assert!(accepted.await.unwrap());
    }
    store.close().await;
    world.live(TimeDelta::days(2)).await;

    assert!(world.is_all_ready().await);
    assert_eq!(world.tokens_counted().await, 12);
    assert_eq!(
        (world.votes_published().await, world.votes_counted().await),
        (12, 12)
    );
    let sold = "SELECT SUM(votes_sold) FROM funds";
    assert_eq!(world.number(TALLY, sold).await, 12);
}
