//! Shares that do not have C, D and J of their group: they are of groups of their own, which never open (threat T13).

use star_collector::{
    domain::{
        group::{GroupId, NAME_BYTES},
        wire::{Layer, MAC_BYTES, SEALED_BYTES},
    },
    factory::parts::Part,
};

use super::scene::{EPOCH, LAYERS, Reports, Scene, texts};

/// How many clients are honest.
const HONEST: usize = 9;

/// How many messages have another C, D or J: enough to open a group.
const OTHERS: usize = 6;

/// How layers are grouped.
type Grouping = fn(&[u8; NAME_BYTES], u64, &Layer<'_>) -> GroupId;

/// C, D and J, each with a grouping that forgets it.
const COMMON: [(Part, Grouping); 3] = [
    (Part::SealedMessage, |parent, epoch, layer| {
        let mut layer = *layer;
        layer.share.sealed.message = &[0; SEALED_BYTES];
        GroupId::below(parent, epoch, &layer)
    }),
    (Part::SealedCoins, |parent, epoch, layer| {
        let mut layer = *layer;
        layer.share.sealed.coins = &[0; SEALED_BYTES];
        GroupId::below(parent, epoch, &layer)
    }),
    (Part::Mac, |parent, epoch, layer| {
        let mut layer = *layer;
        layer.share.sealed.mac = &[0; MAC_BYTES];
        GroupId::below(parent, epoch, &layer)
    }),
];

impl Scene {
    /// Has messages come of clients that are honest.
    async fn send_agreeing(&mut self, texts: &[String; LAYERS]) {
        let honest = self.messages(texts.each_ref().map(String::as_str), HONEST);
        self.send(&honest).await;
    }

    /// Has messages come with a share that has another part in a layer.
    async fn send_others(&mut self, texts: &[String; LAYERS], part: Part, layer: usize) {
        let texts = texts.each_ref().map(String::as_str);
        let mut others = Vec::new();
        for _ in 0..OTHERS {
            let message = self.factory.altered(&texts, &mut self.random, |at, bytes| {
                if at == layer {
                    part.of(bytes).unwrap()[0] ^= 1;
                }
            });
            others.push(message);
        }
        self.send(&others).await;
    }
}

#[tokio::test]
async fn shares_with_another_c_d_or_j_than_their_group_change_no_total_in_whichever_layer() {
    let mut scene = Scene::start().await;
    let (mut expected, mut value) = (Reports::new(), 0);
    for (part, _) in COMMON {
        for layer in 0..LAYERS {
            let texts = texts(value);
            scene.send_others(&texts, part, layer).await;
            scene.send_agreeing(&texts).await;
            expected.insert(texts.to_vec(), HONEST as u64);
            if layer > 0 {
                expected.insert(texts[..layer].to_vec(), OTHERS as u64);
            }
            value += 1;
        }
    }

    let summary = scene.run().await;
    let closed = scene.run_in(EPOCH + 3).await;

    assert_eq!(scene.reports().await, expected);
    assert_eq!(summary.tally.rejected, [].into());
    assert_eq!(closed.tally.never_opened, (value * OTHERS) as u64);
}

#[tokio::test]
async fn t13_control_a_grouping_that_forgets_c_d_or_j_counts_such_shares_or_never_opens() {
    for (part, forgets) in COMMON {
        let mut scene = Scene::planted(|rules| rules.group = forgets).await;
        let (honest_first, others_first) = (texts(0), texts(1));
        scene.send_agreeing(&honest_first).await;
        scene.send_others(&honest_first, part, 0).await;
        scene.send_others(&others_first, part, 0).await;
        scene.send_agreeing(&others_first).await;

        scene.run().await;
        let closed = scene.run_in(EPOCH + 3).await;

        let all = (HONEST + OTHERS) as u64;
        let expected = Reports::from([(honest_first.to_vec(), all)]);
        assert_eq!(scene.reports().await, expected, "{part:?}");
        assert_eq!(closed.tally.never_opened, all, "{part:?}");
    }
}
