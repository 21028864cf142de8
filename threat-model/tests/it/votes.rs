//! Votes with altered, repeated and forged tokens (T6, T7, T9, T11, G2).

use blindtally::{
    attacks::{Attack, Hand},
    system::{Planted, ServiceName},
};
use challenge_bypass::domain::Judgement;
use chrono::TimeDelta;
use client::{browser::body_of_vote, tokens::Unspent, transport::Request};
use futures_util::future::join_all;
use messages::challenge_bypass::{RedemptionOutcome, RedemptionResponse};
use service_kit::fault::{Crashed, FaultPoints};

use super::world::{ORDERS, REGISTRY, VOTES, World, assert_refused, assert_succeeded, vote_for};

fn any_token_fits(planted: &mut Planted) {
    planted.challenge_bypass.check_token = |_, _, _, _| true;
}

fn replays_per_token(planted: &mut Planted) {
    planted.challenge_bypass.judge = |_, found| {
        if found.iter().all(Option::is_some) {
            Judgement::Replay
        } else {
            Judgement::Fresh
        }
    };
}

/// The vote id is forgotten as soon as it is recorded.
const FORGET_VOTE: &str = "DELETE FROM vote WHERE vote_id = NEW.vote_id";

#[tokio::test(flavor = "multi_thread")]
async fn t6_an_altered_vote_is_refused() {
    let mut world = World::start().await;

    assert_refused(&world.attack(Attack::AlterVotes).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn t6_control_without_the_signature_an_altered_vote_counts() {
    let mut world = World::planted(any_token_fits).await;

    // The honest vote, last, finds its tokens spent: what counted before is the attacker's.
    world.attack(Attack::AlterVotes).await.unwrap_err();

    assert!(world.tokens_counted().await > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn t7_the_same_vote_again_counts_once() {
    let mut world = World::start().await;

    assert_refused(&world.attack(Attack::ReplayVotes).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn t7_control_a_vote_id_that_is_forgotten_counts_again() {
    let mut world = World::start().await;
    world
        .tamper_after_each(VOTES, "INSERT ON vote", FORGET_VOTE)
        .await;

    assert_succeeded(&world.attack(Attack::ReplayVotes).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn t7_other_groupings_of_spent_tokens_are_refused() {
    let mut world = World::start().await;

    assert_refused(&world.attack(Attack::ReplaySubsetsAndUnions).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn t7_control_a_replay_that_is_judged_per_token_counts_again() {
    let mut world = World::planted(replays_per_token).await;

    let score = world.attack(Attack::ReplaySubsetsAndUnions).await;

    assert!(score.is_err() || score.is_ok_and(|score| score.refused < score.tried));
    // Eight tokens were bought.
    assert!(world.tokens_counted().await > 8);
}

/// Sends one vote two hundred times at once, and gives how many tokens were counted.
async fn at_once(world: &mut World) -> u64 {
    let mut hand = world.hand();
    let tokens = world.drive(hand.buy(4)).await.unwrap();
    let body = body_of_vote(&tokens, &vote_for("example.com"));
    let request = Request::post("/v1/votes", body.clone().into_bytes());
    let server = world.payments();

    join_all((0..200).map(|_| server.send(&request))).await;
    // However the crowd fared, the vote itself is accepted.
    let last = world.drive(hand.send_vote(&body)).await.unwrap();

    assert!(last.status.is_success());
    world.tokens_counted().await
}

#[tokio::test(flavor = "multi_thread")]
async fn t7_two_hundred_at_once_count_once() {
    let mut world = World::start().await;

    assert_eq!(at_once(&mut world).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn t7_control_two_hundred_at_once_count_often_when_votes_are_forgotten() {
    let mut world = World::start().await;
    world
        .tamper_after_each(VOTES, "INSERT ON vote", FORGET_VOTE)
        .await;

    assert!(at_once(&mut world).await > 4);
}

/// Overlapping groups of four tokens race; gives how many tokens were counted.
async fn race(world: &mut World) -> u64 {
    let mut hand = world.hand();
    let tokens = world.drive(hand.buy(4)).await.unwrap();
    let groups = (1_u8..16).map(|mask| {
        let chosen = (0..4)
            .zip(&tokens)
            .filter(|(place, _)| mask >> place & 1 == 1);
        let group: Vec<Unspent> = chosen.map(|(_, token)| token.clone()).collect();
        let body = body_of_vote(&group, &vote_for("example.com"));
        Request::post("/v1/votes", body.into_bytes())
    });
    let requests: Vec<Request> = groups.collect();
    let server = world.payments();
    join_all(requests.iter().map(|request| server.send(request))).await;
    world.tokens_counted().await
}

#[tokio::test(flavor = "multi_thread")]
async fn t7_overlapping_groups_in_a_race_count_each_token_once() {
    let mut world = World::start().await;

    let counted = race(&mut world).await;

    assert!((1..=4).contains(&counted), "{counted}");
    assert_eq!(counted, world.tokens_redeemed().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn t7_control_a_race_is_won_often_when_replays_are_judged_per_token() {
    let mut world = World::planted(replays_per_token).await;
    world
        .tamper(REGISTRY, "UPDATE issuer_keys SET signed_total = 1000")
        .await;

    assert!(race(&mut world).await > 4);
}

/// Counts a vote, restarts both services, and lives into the next key; then replays it and a part of it.
async fn replay_later(world: &mut World) -> (u64, bool) {
    let mut hand = world.hand();
    let tokens = world.drive(hand.buy(4)).await.unwrap();
    let text = vote_for("example.com");
    let body = world.drive(hand.vote(&tokens, &text)).await.unwrap();
    world
        .stop(&[ServiceName::Payments, ServiceName::ChallengeBypass])
        .await;
    world
        .run(&[ServiceName::ChallengeBypass, ServiceName::Payments])
        .await;
    drop(hand);
    world.live(TimeDelta::days(31)).await;
    let mut hand = world.hand();

    let again = world.drive(hand.send_vote(&body)).await.unwrap();
    let part = body_of_vote(tokens.get(..2).unwrap(), &text);
    let part = world.drive(hand.send_vote(&part)).await.unwrap();

    assert!(again.status.is_success());
    (world.tokens_counted().await, part.status.is_client_error())
}

#[tokio::test(flavor = "multi_thread")]
async fn t7_a_replay_after_a_restart_and_a_rotation_counts_once() {
    let mut world = World::start().await;

    assert_eq!(replay_later(&mut world).await, (4, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn t7_control_a_replay_after_a_restart_counts_when_judged_per_token() {
    let mut world = World::planted(replays_per_token).await;

    assert_eq!(replay_later(&mut world).await, (6, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn t9_forged_tokens_are_refused() {
    let mut world = World::start().await;

    assert_refused(&world.attack(Attack::ForgeTokens).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn t9_control_without_the_signature_forged_tokens_count() {
    let mut world = World::planted(any_token_fits).await;

    // The honest vote, last, may find one of its tokens spent: what counted before is forged.
    let score = world.attack(Attack::ForgeTokens).await;

    assert!(score.is_err() || score.is_ok_and(|score| score.refused < score.tried));
    assert!(world.tokens_counted().await > 0);
}

/// A vote is accepted, published and counted once although the service fails at `point` at first.
async fn survive(planted: impl FnOnce(&mut Planted)) -> World {
    let mut world = World::planted(planted).await;
    let mut hand = world.hand();
    for channel in ["example.com", "example.org", "example.net"] {
        let tokens = world.drive(hand.buy(4)).await.unwrap();
        let text = vote_for(channel);
        world.drive(hand.vote(&tokens, &text)).await.unwrap();
    }
    drop(hand);
    world.live(TimeDelta::days(1)).await;
    world
}

/// The steps after which payments may die, from redemption to deletion.
const STEPS: [&str; 9] = [
    "vote-redeemed",
    "vote-recorded",
    "relay-lease-taken",
    "relay-publisher-opened",
    "relay-watermark-read",
    "relay-positioned",
    "relay-rows-loaded",
    "relay-published",
    "relay-deleted",
];

/// Fails the first time that the step is done.
fn dying_once_after(step: &'static str) -> FaultPoints {
    let died = std::sync::atomic::AtomicBool::new(false);
    FaultPoints::planned(move |name| {
        let now = name == step && !died.swap(true, std::sync::atomic::Ordering::SeqCst);
        if now { Err(Crashed(name)) } else { Ok(()) }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn t11_a_failure_after_any_step_publishes_each_vote_once() {
    for step in STEPS {
        let dies = |planted: &mut Planted| planted.payments.fault = dying_once_after(step);
        let mut world = survive(dies).await;

        let events = world.events().await;
        assert_eq!(events.len(), 3, "after {step}");
        let tallies: i64 = events.iter().map(|event| event.vote_tally).sum();
        assert_eq!(
            u64::try_from(tallies).unwrap(),
            world.tokens_redeemed().await,
            "{step}"
        );
        // The next one needs its connections.
        world.kit.stop().await.unwrap();
    }
}

/// Sends votes with tokens that nobody signed, and gives how many events come of it.
async fn vote_unredeemed(world: &mut World) -> usize {
    let mut hand = world.hand();
    let tokens = world.drive(hand.buy(4)).await.unwrap();
    let body = body_of_vote(&tokens, &vote_for("example.com"));
    let other = body_of_vote(&tokens, &vote_for("example.org"));
    let (vote, _) = body.split_once("\"credentials\"").unwrap();
    let (_, credentials) = other.split_once("\"credentials\"").unwrap();
    let forged = format!("{vote}\"credentials\"{credentials}");
    world.drive(hand.send_vote(&forged)).await.unwrap();
    drop(hand);
    world.live(TimeDelta::days(1)).await;
    world.events().await.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn t11_a_vote_whose_redemption_failed_is_not_published() {
    let mut world = World::start().await;

    assert_eq!(vote_unredeemed(&mut world).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn t11_control_a_failed_redemption_that_is_ignored_is_published() {
    let mut world = World::planted(|planted| {
        planted.payments.votes.redemption = |key, answer| {
            answer.or_else(|_| {
                Ok(RedemptionResponse {
                    outcome: RedemptionOutcome::First,
                    issuer: key.issuer.clone(),
                    redeemed_total: 0,
                })
            })
        };
    })
    .await;

    assert_eq!(vote_unredeemed(&mut world).await, 1);
}

/// Asks for five signatures, and for four twice, with an order of four; gives how many tokens there are.
async fn ask_for_more(hand: &mut Hand) -> anyhow::Result<bool> {
    let open = hand.order(messages::FundingSource::UserWallet, 4).await?;
    hand.pay(&open).await?;
    hand.tokens(&open).await?;
    let refused = hand.is_refused_tokens(&open).await?;
    Ok(!refused)
}

#[tokio::test(flavor = "multi_thread")]
async fn g2_an_order_gives_its_tokens_once() {
    let mut world = World::start().await;
    let mut hand = world.hand();

    let more = world.drive(ask_for_more(&mut hand)).await.unwrap();

    assert!(!more);
}

#[tokio::test(flavor = "multi_thread")]
async fn g2_control_an_order_that_forgets_its_tokens_gives_them_again() {
    let mut world = World::start().await;
    let forget = "DELETE FROM credentials WHERE item_id = NEW.item_id AND state = 'signed'";
    world
        .tamper_after_each(ORDERS, "UPDATE ON credentials", forget)
        .await;
    let mut hand = world.hand();

    let more = world.drive(ask_for_more(&mut hand)).await;

    assert!(more.is_err() || more.is_ok_and(|more| more));
}
