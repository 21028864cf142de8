//! Attacks on votes (threats T6, T7, T9).

use anyhow::Context as _;
use client::{browser::body_of_vote, tokens::Unspent, transport::Request};
use futures_util::future::join_all;
use messages::{
    encoding::Fixed,
    payments::VoteRequest,
    vote_text::{VoteText, VoteType},
};
use serde_json::json;

use super::{Hand, Score, Watch};

/// How many identical votes are sent at once.
const AT_ONCE: usize = 20;

/// A vote for a publisher.
pub(super) fn text_for(channel: &str) -> anyhow::Result<VoteText> {
    Ok(VoteText {
        publisher: channel.parse()?,
        kind: VoteType::OneoffTip,
    })
}

/// The same bytes again, at once and one after the other, count once.
pub(super) async fn replay(hand: &mut Hand, watch: &dyn Watch) -> anyhow::Result<Score> {
    let tokens = hand.buy(4).await?;
    let body = hand.vote(&tokens, &text_for("example.com")?).await?;
    let before = watch.tokens_counted().await?;

    let mut score = Score::default();
    let request = Request::post("/v1/votes", body.clone().into_bytes());
    let server = std::sync::Arc::clone(&hand.shop.server);
    let sent = (0..AT_ONCE).map(|_| server.send(&request));
    for _ in join_all(sent).await {
        score.note(true);
    }
    for _ in 0..4 {
        hand.send_vote(&body).await?;
        score.note(true);
    }

    score.deduct(watch.tokens_counted().await?.saturating_sub(before));
    Ok(score)
}

/// Counted tokens in any other grouping, with the same text or another, and with a fresh one.
pub(super) async fn regroup(hand: &mut Hand, watch: &dyn Watch) -> anyhow::Result<Score> {
    let tokens = hand.buy(8).await?;
    let (Some((one, rest)), text) = (tokens.split_at_checked(3), text_for("example.com")?) else {
        anyhow::bail!("eight tokens were bought");
    };
    let (two, fresh) = rest
        .split_at_checked(3)
        .context("eight tokens were bought")?;
    hand.vote(one, &text).await?;
    hand.vote(two, &text).await?;
    let before = watch.tokens_counted().await?;

    let other = text_for("example.org")?;
    let mut groups: Vec<(Vec<Unspent>, &VoteText)> = Vec::new();
    for counted in [one, two] {
        // Every subset but the empty one and the vote itself.
        for mask in 1..(1_u8 << counted.len()) - 1 {
            groups.push((subset(counted, mask), &text));
        }
        groups.push((counted.to_vec(), &other));
    }
    groups.push(([one, two].concat(), &text));
    groups.push(([two, one].concat(), &text));
    for fresh in fresh {
        groups.push(([one, std::slice::from_ref(fresh)].concat(), &text));
    }
    let mut score = Score::default();
    for (group, text) in groups {
        let answer = hand.send_vote(&body_of_vote(&group, text)).await?;
        score.note(answer.status.is_client_error());
    }

    score.deduct(watch.tokens_counted().await?.saturating_sub(before));
    // A refused vote has not used up its fresh token.
    hand.vote(fresh, &text).await?;
    Ok(score)
}

fn subset(tokens: &[Unspent], mask: u8) -> Vec<Unspent> {
    let chosen = tokens.iter().enumerate();
    chosen
        .filter(|(place, _)| mask & (1 << place) != 0)
        .map(|(_, token)| token.clone())
        .collect()
}

/// Any change of a vote under way is noticed, and the vote itself still counts afterwards.
pub(super) async fn alter(hand: &mut Hand, watch: &dyn Watch) -> anyhow::Result<Score> {
    let tokens = hand.buy(4).await?;
    let text = text_for("example.com")?;
    let original: VoteRequest = serde_json::from_str(&body_of_vote(&tokens, &text))?;
    let before = watch.tokens_counted().await?;

    let mut altered = Vec::new();
    let mut push = |change: &dyn Fn(&mut VoteRequest)| {
        let mut vote = original.clone();
        change(&mut vote);
        altered.push(serde_json::to_string(&vote));
    };
    let to_attacker = text_for("example.net")?.to_base64();
    push(&|vote| vote.vote.clone_from(&to_attacker));
    let mut other_kind = text.clone();
    other_kind.kind = VoteType::RecurringTip;
    let other_kind = other_kind.to_base64();
    push(&|vote| vote.vote.clone_from(&other_kind));
    for place in [0, 31, 32, 63] {
        push(&|vote| {
            flip(
                vote.credentials.first_mut().map(|one| &mut one.signature),
                place,
            );
        });
        push(&|vote| flip(vote.credentials.last_mut().map(|one| &mut one.t), place));
    }
    push(&|vote| {
        vote.credentials
            .iter_mut()
            .for_each(|one| one.public_key = Fixed([9; 32]));
    });
    push(&|vote| {
        let signatures: Vec<_> = vote.credentials.iter().map(|one| one.signature).collect();
        let rotated = signatures.iter().cycle().skip(1);
        for (one, signature) in vote.credentials.iter_mut().zip(rotated) {
            one.signature = *signature;
        }
    });
    push(&|vote| vote.credentials.clear());
    let mut bodies = altered.into_iter().collect::<Result<Vec<_>, _>>()?;
    bodies.push(with_member(&original)?);

    let mut score = Score::default();
    for body in bodies {
        score.note(hand.send_vote(&body).await?.status.is_client_error());
    }
    score.deduct(watch.tokens_counted().await?.saturating_sub(before));
    hand.vote(&tokens, &text).await?;
    Ok(score)
}

fn flip<const N: usize>(bytes: Option<&mut Fixed<N>>, place: usize) {
    if let Some(byte) = bytes.and_then(|bytes| bytes.0.get_mut(place)) {
        *byte ^= 1;
    }
}

/// A vote with one member more, in which something could travel.
fn with_member(vote: &VoteRequest) -> anyhow::Result<String> {
    let mut value = serde_json::to_value(vote)?;
    let members = value.as_object_mut().context("a vote is an object")?;
    members.insert("note".to_owned(), json!("from a browser"));
    Ok(value.to_string())
}

/// Tokens that nobody sold: out of nothing, and out of one that somebody did.
pub(super) async fn forge(hand: &mut Hand, watch: &dyn Watch) -> anyhow::Result<Score> {
    let tokens = hand.buy(4).await?;
    let text = text_for("example.com")?;
    let bought = tokens.first().context("four tokens were bought")?;
    let before = watch.tokens_counted().await?;

    let mut score = Score::default();
    for change in CHANGES {
        let forged = forged(bought, change)?;
        let answer = hand.send_vote(&body_of_vote(&[forged], &text)).await?;
        score.note(answer.status.is_client_error());
    }

    score.deduct(watch.tokens_counted().await?.saturating_sub(before));
    hand.vote(&tokens, &text).await?;
    Ok(score)
}

/// Changes of a token's 96 bytes: the preimage's 64, then the unblinded point's 32.
const CHANGES: [fn(&mut [u8; 96]); 10] = [
    // The legacy derivation maps these to the same point, or to the identity (threat T9).
    |token| flip_bits(token, 31, 0x80),
    |token| flip_bits(token, 63, 0x80),
    |token| {
        let (preimage, _) = token.split_at_mut(64);
        preimage.rotate_left(32);
    },
    |token| {
        let (preimage, _) = token.split_at_mut(64);
        preimage.fill(0);
    },
    |token| token.fill(0),
    |token| {
        // Both halves the same, with opposite signs of the field element.
        let (preimage, _) = token.split_at_mut(64);
        let (low, high) = preimage.split_at_mut(32);
        high.copy_from_slice(low);
        negate(high);
    },
    |token| {
        let (preimage, _) = token.split_at_mut(64);
        negate(preimage.split_at_mut(32).0);
    },
    // And these are plain guesses.
    |token| flip_bits(token, 0, 1),
    |token| flip_bits(token, 64, 1),
    |token| flip_bits(token, 95, 0x40),
];

fn flip_bits(token: &mut [u8; 96], place: usize, bits: u8) {
    if let Some(byte) = token.get_mut(place) {
        *byte ^= bits;
    }
}

/// 2²⁵⁵ − 19 − x, little endian, for a field element x below the modulus.
fn negate(element: &mut [u8]) {
    let mut borrow = 0_i32;
    for (place, byte) in element.iter_mut().enumerate() {
        let modulus = match place {
            0 => 0xed,
            31 => 0x7f,
            _ => 0xff,
        };
        let clear = if place == 31 { *byte & 0x7f } else { *byte };
        let difference = modulus - i32::from(clear) - borrow;
        borrow = i32::from(difference < 0);
        *byte = u8::try_from(difference.rem_euclid(256)).unwrap_or_default();
    }
}

/// A token with changed bytes, as it would be read from a wallet that somebody edited.
fn forged(bought: &Unspent, change: fn(&mut [u8; 96])) -> anyhow::Result<Unspent> {
    let mut value = serde_json::to_value(bought)?;
    let member = value.get_mut("token").context("a token has bytes")?;
    let mut bytes: Fixed<96> = serde_json::from_value(member.take())?;
    change(&mut bytes.0);
    *member = serde_json::to_value(bytes)?;
    Ok(serde_json::from_value::<Unspent>(value)?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_number_and_its_negative_add_up_to_the_modulus() {
        for first in [1, 2, 0x7f, 0xed] {
            let mut element = [0; 32];
            element[0] = first;
            element[17] = 5;
            let before = element;
            negate(&mut element);

            let mut carry = 0;
            let sum: Vec<u8> = before
                .iter()
                .zip(element)
                .map(|(a, b)| {
                    let sum = u16::from(*a) + u16::from(b) + carry;
                    carry = sum >> 8;
                    u8::try_from(sum & 0xff).unwrap()
                })
                .collect();
            let mut modulus = [0xff; 32];
            (modulus[0], modulus[31]) = (0xed, 0x7f);
            assert_eq!(sum, modulus);
        }
    }

    #[test]
    fn every_forgery_is_another_token() {
        let bought: [u8; 96] = std::array::from_fn(|place| u8::try_from(place + 1).unwrap());
        let forged: BTreeSet<_> = CHANGES
            .iter()
            .map(|change| {
                let mut token = bought;
                change(&mut token);
                token
            })
            .collect();

        assert_eq!(forged.len(), CHANGES.len());
        assert!(!forged.contains(&bought));
    }
}
