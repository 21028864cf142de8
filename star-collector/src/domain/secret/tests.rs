use std::iter;

use sta_rs::{Message as StarMessage, MessageGenerator, SingleMeasurement, share_recover};
use star_constellation::api::key_recover;

use super::*;
use crate::domain::wire::Share;

const EPOCH: u8 = 7;

/// Messages of one measurement, with the randomness that everybody can compute.
fn messages(threshold: u32, count: usize) -> Vec<StarMessage> {
    let made = iter::repeat_with(|| {
        let measurement = SingleMeasurement::new(b"platform|linux");
        let generator = MessageGenerator::new(measurement, threshold, &[EPOCH]);
        let mut randomness = [0; 32];
        generator.sample_local_randomness(&mut randomness);
        StarMessage::generate(&generator, &randomness, None).unwrap()
    });
    made.take(count).collect()
}

/// What their shares hold.
fn shares(messages: &[StarMessage]) -> Vec<Vec<u8>> {
    messages
        .iter()
        .map(|message| message.share.to_bytes())
        .collect()
}

fn recover(sealed: &Sealed<'_>, points: &[Point]) -> Option<Secret> {
    Recovered::from_points(sealed, points).map(Recovered::into_secret)
}

fn find(sealed: &Sealed<'_>, points: &[Point]) -> Option<Secret> {
    Recovered::find(sealed, points).map(Recovered::into_secret)
}

fn read(shares: &[Vec<u8>]) -> Vec<Share<'_>> {
    shares
        .iter()
        .map(|share| Share::read(share).unwrap())
        .collect()
}

fn points(shares: &[Share<'_>]) -> Vec<Point> {
    shares.iter().map(|share| share.point).collect()
}

#[test]
fn the_secret_is_what_the_reference_recovers() {
    for threshold in [1, 2, 3, 20, 50, 100] {
        let messages = messages(threshold, threshold as usize);
        let bytes = shares(&messages);
        let shares = read(&bytes);

        let secret = recover(&shares[0].sealed, &points(&shares)).unwrap();

        let reference: Vec<_> = messages
            .iter()
            .map(|message| message.share.clone())
            .collect();
        assert_eq!(
            secret.message.to_vec(),
            share_recover(&reference).unwrap().get_message()
        );
    }
}

#[test]
fn every_honest_share_is_on_the_polynomial_and_no_other() {
    let bytes = shares(&messages(50, 150));
    let shares = read(&bytes);
    let secret = recover(&shares[0].sealed, &points(&shares[..50])).unwrap();

    for share in &shares {
        assert!(secret.has(share.point));
        let Point { x, y } = share.point;
        assert!(!secret.has(Point {
            x,
            y: y + Element::ONE
        }));
        assert!(!secret.has(Point {
            x: x + Element::ONE,
            y
        }));
    }
}

#[test]
fn the_opener_decrypts_as_the_reference_does() {
    let messages = messages(3, 3);
    let bytes = shares(&messages);
    let shares = read(&bytes);
    let secret = recover(&shares[0].sealed, &points(&shares)).unwrap();
    let refs: Vec<_> = messages.iter().collect();
    let key = key_recover(&refs, EPOCH).unwrap();

    for message in &messages {
        let mut ciphertext = message.ciphertext.to_bytes();
        secret.opener(EPOCH).open(&mut ciphertext);

        assert_eq!(ciphertext, message.ciphertext.decrypt(&key, "star_encrypt"));
        let mut other = message.ciphertext.to_bytes();
        secret.opener(EPOCH + 1).open(&mut other);
        assert_ne!(ciphertext, other);
    }
}

#[test]
fn one_share_less_or_one_forged_gives_no_secret() {
    let bytes = shares(&messages(20, 20));
    let shares = read(&bytes);
    let sealed = &shares[0].sealed;
    let honest = points(&shares);

    assert_eq!(recover(sealed, &honest[..19]), None);
    let mut forged = honest.clone();
    forged[7].y += Element::ONE;
    assert_eq!(recover(sealed, &forged), None);
    assert!(recover(sealed, &honest).is_some());
}

#[test]
fn two_forged_shares_whose_errors_cancel_out_open_the_group_and_are_found() {
    let bytes = shares(&messages(5, 5));
    let shares = read(&bytes);
    let mut points = points(&shares);
    let honest = points.clone();
    // The weights of the first two points in the interpolation at 0.
    let weight = |i: usize| {
        let mut unit: Vec<_> = honest
            .iter()
            .map(|p| Point {
                x: p.x,
                y: Element::ZERO,
            })
            .collect();
        unit[i].y = Element::ONE;
        value_at_zero(&unit)
    };
    points[0].y += weight(1);
    points[1].y += -weight(0);

    let secret = recover(&shares[0].sealed, &points).unwrap();

    let on: Vec<_> = points.iter().map(|point| secret.has(*point)).collect();
    assert_eq!(on, [false, false, true, true, true]);
}

/// So [`Share::read`] refuses an x of 0, and one of p or more, which stands for another.
#[test]
fn t13_control_honest_points_of_which_one_is_at_0_or_two_at_one_x_give_no_secret() {
    let bytes = shares(&messages(5, 5));
    let shares = read(&bytes);
    let sealed = &shares[0].sealed;
    let honest = points(&shares);
    let secret = recover(sealed, &honest).unwrap();

    for point in [secret.point(Element::ZERO), honest[0]] {
        let mut believed = honest.clone();
        believed[4] = point;
        assert!(secret.have(&believed).into_iter().all(|is_on| is_on));
        assert_eq!(recover(sealed, &believed), None);
    }
}

#[test]
fn a_stored_secret_is_taken_up_again() {
    let bytes = shares(&messages(20, 20));
    let shares = read(&bytes);
    let secret = recover(&shares[0].sealed, &points(&shares)).unwrap();

    assert_eq!(Secret::from_bytes(&secret.to_bytes()), Some(secret.clone()));
    assert_eq!(Secret::from_bytes(&secret.to_bytes()[1..]), None);
    assert_eq!(format!("{secret:?}"), "Secret(..)");
}

/// Points of which every third is forged.
fn with_forged(points: &[Point]) -> Vec<Point> {
    let mut points = points.to_vec();
    for (i, point) in points.iter_mut().enumerate().step_by(3) {
        point.y += Element::new(i as u128 + 1);
    }
    points
}

#[test]
fn a_group_is_found_among_as_many_forged_shares_as_can_be_decoded() {
    let bytes = shares(&messages(20, 60));
    let shares = read(&bytes);
    let sealed = &shares[0].sealed;
    let mut all = with_forged(&points(&shares));

    let secret = find(sealed, &all).unwrap();

    assert_eq!(all.iter().filter(|point| secret.has(**point)).count(), 40);
    // One honest share less: 20 of 59 are too many.
    all.pop();
    assert_eq!(find(sealed, &all), None);
}

#[test]
fn one_forged_share_among_one_more_than_needed_is_left_out() {
    let bytes = shares(&messages(20, 21));
    let shares = read(&bytes);
    for at in 0..21 {
        let mut points = points(&shares);
        points[at].y += Element::ONE;

        let secret = find(&shares[0].sealed, &points).unwrap();

        assert!(!secret.has(points[at]));
    }
}

#[test]
fn of_several_shares_with_one_x_the_honest_one_is_known_in_the_end() {
    let bytes = shares(&messages(20, 25));
    let shares = read(&bytes);
    let honest = points(&shares);
    let copies = honest.iter().take(10).map(|point| Point {
        y: point.y + Element::ONE,
        ..*point
    });
    let all: Vec<_> = copies.chain(honest.iter().copied()).collect();

    assert_eq!(find(&shares[0].sealed, &all), None);

    let bytes = self::shares(&messages(20, 20));
    let more = read(&bytes);
    let all: Vec<_> = all.into_iter().chain(points(&more)).collect();
    let secret = find(&shares[0].sealed, &all).unwrap();
    assert!(honest.iter().all(|point| secret.has(*point)));
}

#[test]
fn a_group_of_a_high_threshold_is_found_among_forged_shares_too() {
    let bytes = shares(&messages(600, 610));
    let shares = read(&bytes);
    let mut all = points(&shares);
    for point in &mut all[..5] {
        point.y += Element::ONE;
    }

    let secret = find(&shares[0].sealed, &all).unwrap();

    let honest = all.iter().filter(|point| secret.has(**point)).count();
    assert_eq!(honest, 605);
}
