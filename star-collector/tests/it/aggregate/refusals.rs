//! What is refused: forged, repeated, altered, late and malformed messages. Each costs what it costs and counts nothing
//! (threat T13).

use star_collector::{
    aggregate::{store::Rejection, summary::Summary},
    domain::{
        field::Element,
        group::LabelId,
        wire::{LENGTH_BYTES, Message},
    },
    factory::{Factory, parts::Part},
};

use super::scene::{EPOCH, LAYERS, NUMBER, Scene, reports};

pub(super) const LINUX: [&str; LAYERS] = ["q|yes", "platform|linux", "country|none"];

pub(super) fn rejected(summary: &Summary, reason: Rejection) -> u64 {
    summary.tally.rejected.get(&reason).copied().unwrap_or(0)
}

/// A copy whose outer share is another point, off the polynomial.
pub(super) fn forged(message: &[u8], by: u128) -> Vec<u8> {
    let mut forged = message.to_vec();
    for part in [Part::X, Part::Y] {
        let coordinate = part.of_message(&mut forged).unwrap();
        let honest = Element::from_bytes((&*coordinate).try_into().unwrap()).unwrap();
        coordinate.copy_from_slice(&(honest + Element::new(by)).to_bytes());
    }
    forged
}

/// So many messages with forged shares, and behind them 14 honest ones.
async fn send_forged(scene: &mut Scene, forgeries: u128) {
    let honest = scene.messages(LINUX, 14);
    let mut all: Vec<_> = (1..=forgeries).map(|by| forged(&honest[0], by)).collect();
    all.extend(honest);
    scene.send(&all).await;
}

#[tokio::test]
async fn forged_shares_among_honest_ones_are_found_and_not_counted() {
    let mut scene = Scene::start().await;
    // Of 20 shares at k = 5, up to 7 may be forged.
    send_forged(&mut scene, 6).await;

    let summary = scene.run().await;

    assert_eq!(rejected(&summary, Rejection::Forged), 6);
    scene.run_in(EPOCH + 3).await;
    assert_eq!(scene.reports().await, reports([(&LINUX, 14)]));
}

#[tokio::test]
async fn t13_control_a_recovery_that_believes_the_first_k_shares_is_stopped_by_one_forged_share() {
    let mut scene = Scene::planted(|rules| {
        rules.decode = |_, _| None;
    })
    .await;
    send_forged(&mut scene, 1).await;

    let summary = scene.run().await;

    assert_eq!(summary.tally.opened, 0);
    scene.run_in(EPOCH + 3).await;
    assert_eq!(scene.reports().await, reports([]));
}

#[tokio::test]
async fn t13_control_an_aggregator_that_believes_each_share_counts_the_forged_ones() {
    let mut scene =
        Scene::planted(|rules| rules.honest = |_, points| vec![true; points.len()]).await;
    send_forged(&mut scene, 6).await;

    scene.run().await;
    scene.run_in(EPOCH + 3).await;

    // The layers below are copies, which are found out there.
    let expected = reports([(&LINUX, 14), (&LINUX[..1], 6)]);
    assert_eq!(scene.reports().await, expected);
}

#[tokio::test]
async fn a_group_with_too_many_forged_shares_opens_when_more_honest_ones_come() {
    let mut scene = Scene::start().await;
    let honest = scene.messages(LINUX, 8);
    let mut all = Vec::new();
    for (i, message) in honest.iter().enumerate() {
        all.push(message.clone());
        all.push(forged(&honest[0], i as u128 + 1));
    }
    scene.send(&all).await;
    let summary = scene.run().await;
    assert_eq!(summary.tally.opened, 0);

    let more = scene.messages(LINUX, 14);
    scene.send(&more).await;
    let summary = scene.run().await;

    assert_eq!(rejected(&summary, Rejection::Forged), 8);
    assert_eq!(scene.reports().await, reports([(&LINUX, 22)]));
}

#[tokio::test]
async fn a_repeated_message_counts_once_in_a_batch_waiting_and_across_runs() {
    let mut scene = Scene::start().await;
    let messages = scene.messages(LINUX, 5);
    let four = messages[..4].to_vec();
    scene.send(&[four.clone(), four.clone()].concat()).await;
    let summary = scene.run().await;
    assert_eq!(rejected(&summary, Rejection::Duplicate), 4);
    assert_eq!(summary.tally.opened, 0);
    scene.send(&four).await;
    scene.run().await;
    assert_eq!(scene.reports().await, reports([]));

    scene.send(&messages).await;
    scene.run().await;
    scene.send(&messages).await;
    let summary = scene.run().await;

    assert_eq!(rejected(&summary, Rejection::Duplicate), 5);
    assert_eq!(scene.reports().await, reports([(&LINUX, 5)]));
}

#[tokio::test]
async fn t13_control_a_store_that_forgets_what_was_counted_counts_a_replay_again() {
    let mut scene = Scene::start().await;
    let messages = scene.messages(LINUX, 5);
    scene.send(&messages).await;
    scene.run().await;

    scene.sql("DELETE FROM star_seen").await;
    scene.send(&messages).await;
    scene.run().await;

    assert_eq!(scene.reports().await, reports([(&LINUX, 10)]));
}

/// Four honest messages, which are too few, and three whose shares say a threshold of 1: one as its client made it, one that
/// was an honest one, and one with a header that says the same.
async fn send_low_thresholds(scene: &mut Scene) {
    let honest = scene.messages(LINUX, 4);
    let low = Factory::new(NUMBER, 1).message(&LINUX, &mut scene.random);
    let mut lying = honest[0].clone();
    let threshold = Part::Threshold.of_message(&mut lying).unwrap();
    threshold.copy_from_slice(&1_u32.to_le_bytes());
    scene.send(&honest).await;
    scene.send(&[low.clone(), lying]).await;
    scene.send_with(EPOCH, &[low], &1_u32.to_le_bytes()).await;
}

#[tokio::test]
async fn one_share_that_says_a_threshold_of_one_opens_nothing() {
    let mut scene = Scene::start().await;
    send_low_thresholds(&mut scene).await;

    let summary = scene.run().await;

    assert_eq!(rejected(&summary, Rejection::Threshold), 3);
    assert_eq!(summary.tally.opened, 0);
    scene.run_in(EPOCH + 3).await;
    assert_eq!(scene.reports().await, reports([]));
}

#[tokio::test]
async fn t13_control_a_gate_that_believes_a_shares_threshold_opens_a_group_below_the_channels_k() {
    let mut scene = Scene::planted(|rules| rules.threshold = |_, _, share| Some(share)).await;
    send_low_thresholds(&mut scene).await;

    let summary = scene.run().await;

    assert_eq!(rejected(&summary, Rejection::Threshold), 0);
    assert_eq!(summary.tally.opened, 1);
    scene.run_in(EPOCH + 3).await;
    assert_eq!(scene.reports().await, reports([(&LINUX, 1)]));
}

#[tokio::test]
async fn a_header_gives_a_message_another_threshold_of_the_channels_range() {
    let mut scene = Scene::start().await;
    let mut seven = Factory::new(NUMBER, 7);
    let messages: Vec<_> = (0..7)
        .map(|_| seven.message(&LINUX, &mut scene.random))
        .collect();
    scene.send(&messages).await;
    let refused = scene.run().await;
    assert_eq!(rejected(&refused, Rejection::Threshold), 7);

    scene
        .send_with(EPOCH, &messages, &7_u32.to_le_bytes())
        .await;
    scene.send_with(EPOCH, &messages[..1], &[7]).await;
    let summary = scene.run().await;

    assert_eq!(rejected(&summary, Rejection::Threshold), 1);
    assert_eq!(scene.reports().await, reports([(&LINUX, 7)]));
}

/// Nine messages, of which the first has another text under a right share, and the second none.
async fn send_altered(scene: &mut Scene) {
    let mut messages = scene.messages(LINUX, 9);
    // The third byte of the text: `q|yes` becomes `q|xes`.
    Part::Ciphertext.of_message(&mut messages[0]).unwrap()[4 + 2] ^= 1;
    // The last byte of the text's length: no measurement at all.
    Part::Ciphertext.of_message(&mut messages[1]).unwrap()[3] ^= 1;
    scene.send(&messages).await;
}

#[tokio::test]
async fn an_altered_ciphertext_changes_no_total_of_the_others() {
    let mut scene = Scene::start().await;
    send_altered(&mut scene).await;

    let summary = scene.run().await;
    assert_eq!(rejected(&summary, Rejection::Unreadable), 1);
    let closed = scene.run_in(EPOCH + 3).await;

    assert_eq!(closed.tally.below_threshold, 1);
    assert_eq!(scene.reports().await, reports([(&LINUX, 7)]));
}

#[tokio::test]
async fn t13_control_an_aggregator_that_counts_groups_and_not_texts_reports_the_altered_one_for_all()
 {
    let mut scene = Scene::planted(|rules| rules.label = |group, _| LabelId::of(group, "")).await;
    send_altered(&mut scene).await;

    scene.run().await;
    let closed = scene.run_in(EPOCH + 3).await;

    assert_eq!(closed.tally.below_threshold, 0);
    let altered = ["q|xes", "platform|linux", "country|none"];
    assert_eq!(scene.reports().await, reports([(&altered, 8)]));
}

#[tokio::test]
async fn messages_of_epochs_that_are_over_or_have_not_begun_are_refused() {
    let mut scene = Scene::start().await;
    let messages = scene.messages(LINUX, 5);
    scene.send_in(EPOCH + 3, &messages).await;
    scene.send_in(EPOCH - 1, &messages).await;

    let summary = scene.run_in(EPOCH + 3).await;

    assert_eq!(rejected(&summary, Rejection::Late), 10);
    // The same number, 256 epochs later, is another epoch.
    scene.send_in(EPOCH, &messages).await;
    scene.send_in(EPOCH + 256, &messages[..4]).await;
    scene.run_in(EPOCH + 256).await;
    assert_eq!(scene.reports().await, reports([(&LINUX, 5)]));
}

#[tokio::test]
async fn what_is_no_message_goes_to_the_dead_letters_and_stops_nothing() {
    let mut scene = Scene::start().await;
    let mut all = vec![Vec::new(), vec![0; 10], vec![0; 64], vec![255; 9_000]];
    let honest = scene.messages(LINUX, 5);
    all.push(honest[0][..honest[0].len() - 1].to_vec());
    all.extend(honest);
    scene.send(&all).await;

    let summary = scene.run().await;

    assert_eq!(rejected(&summary, Rejection::Malformed), 5);
    assert_eq!(scene.reports().await, reports([(&LINUX, 5)]));
}

#[tokio::test]
async fn what_is_wrong_below_an_open_layer_goes_to_the_dead_letters_without_its_bytes() {
    let mut scene = Scene::start().await;
    let mut messages = scene.messages(LINUX, 7);
    // The last byte of the text's length: no measurement.
    Part::Ciphertext.of_message(&mut messages[1]).unwrap()[3] ^= 1;
    // The first byte of the next layer: no layer.
    let (_, inner) = Message::read(&messages[3], LAYERS).unwrap().places();
    messages[3][inner + LENGTH_BYTES] ^= 1;
    // They wait, and are opened by what comes later.
    scene.send(&messages[..4]).await;
    scene.run().await;
    assert_eq!(scene.dead_letters().await, []);

    scene.send(&messages[4..]).await;
    let summary = scene.run().await;

    assert_eq!(rejected(&summary, Rejection::Unreadable), 1);
    assert_eq!(rejected(&summary, Rejection::Inner), 1);
    let letter = |reason: Rejection, offset| (reason.name().to_owned(), offset, Vec::new());
    let expected = [
        letter(Rejection::Unreadable, 1),
        letter(Rejection::Inner, 3),
    ];
    assert_eq!(scene.dead_letters().await, expected);
    scene.run_in(EPOCH + 3).await;
    assert_eq!(
        scene.reports().await,
        reports([(&LINUX, 5), (&LINUX[..1], 1)])
    );
}
