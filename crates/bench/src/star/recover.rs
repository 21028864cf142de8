//! `star-recover`: the key of a group from its shares, against `star_constellation`'s `key_recover`, the MAC verified in both.

use std::{hint::black_box, path::Path, time::Instant};

use anyhow::{Context as _, anyhow, ensure};
use rand::{SeedableRng as _, rngs::StdRng};
use serde_json::json;
use sta_rs::Message as StarMessage;
use star_collector::{
    domain::{
        cipher::Opener,
        decoding,
        field::Element,
        secret::Recovered,
        wire::{Point, Share},
    },
    factory::Factory,
};
use star_constellation::api::{NestedMessage, SerializableNestedMessage, key_recover};

use super::median;
use crate::curve::{Chart, Line, plot};

/// The thresholds that are measured.
const THRESHOLDS: [usize; 3] = [20, 50, 100];

/// The epoch of all messages.
const EPOCH: u8 = 7;

/// How often a recovery is repeated in a turn, ours; the reference takes a hundred times as long.
const REPEATS: u32 = 2_000;

/// See [`REPEATS`].
const REFERENCE_REPEATS: u32 = 20;

/// The group whose shares are forged in part: how many shares, the threshold, how many of them forged.
const FORGED: (usize, usize, usize) = (200, 50, 60);

/// A group that does not open, so that all is tried: how many shares, the threshold, how many of them forged.
const IN_VAIN: (usize, usize, usize) = (512, 50, 400);

/// Measures in `rounds` turns, and answers with a line for each threshold; draws them in `file`, too.
pub fn recover(rounds: usize, json: bool, file: Option<&Path>) -> anyhow::Result<Vec<String>> {
    let (mut lines, mut points) = (Vec::new(), Vec::new());
    for k in THRESHOLDS {
        let theirs = messages(k, k)?;
        let shares = shares(&theirs);
        check(&shares, &theirs)?;
        let mut ratios = Vec::new();
        let (mut ours_us, mut theirs_us) = (Vec::new(), Vec::new());
        for round in 0..=rounds {
            let measure_ours = || time(REPEATS, || recovered(&shares));
            let measure_theirs = || {
                time(REFERENCE_REPEATS, || {
                    key_recover(&refs(&theirs), EPOCH).ok()
                })
            };
            let (ours, theirs) = if round % 2 == 0 {
                let ours = measure_ours();
                (ours, measure_theirs())
            } else {
                let theirs = measure_theirs();
                (measure_ours(), theirs)
            };
            // The first turn warms up.
            if round > 0 {
                ratios.push(theirs / ours);
                ours_us.push(ours);
                theirs_us.push(theirs);
            }
        }
        let speedup = median(ratios);
        let (ours, theirs) = (median(ours_us).0, median(theirs_us).0);
        points.push((f64::from(u32::try_from(k)?), speedup.0));
        lines.push(line(k, speedup, (ours, theirs), json));
    }
    lines.push(forged(rounds, json)?);
    lines.push(in_vain(rounds, json)?);
    if let Some(file) = file {
        plot(file, &chart(points))?;
    }
    Ok(lines)
}

/// What is printed of a threshold.
fn line(
    k: usize,
    (speedup, low, high): (f64, f64, f64),
    (ours, theirs): (f64, f64),
    json: bool,
) -> String {
    if json {
        return json!({"bench": "star-recover", "k": k, "speedup_over_reference": speedup, "ours_us": ours, "reference_us": theirs})
            .to_string();
    }
    format!(
        "star-recover k = {k}: {speedup:.0} × the reference [{low:.0}, {high:.0}]; {ours:.1} µs against {theirs:.0} µs"
    )
}

fn chart(points: Vec<(f64, f64)>) -> Chart {
    let asked = points.iter().map(|(k, _)| (*k, 100.0)).collect();
    Chart {
        caption: "Recovering a group's key: how many times as fast as the reference",
        x: "shares that open the group (k)",
        y: "times as fast",
        lines: vec![
            Line::new("ours", points),
            Line::new("asked, from k = 50 on", asked),
        ],
    }
}

/// A group with forged shares: the multiple of the honest recovery that finding its key takes.
fn forged(rounds: usize, json: bool) -> anyhow::Result<String> {
    let (n, k, t) = FORGED;
    let shares = shares(&messages(n, k)?);
    let read = read(&shares)?;
    let first = read.first().context("no shares")?;
    let honest: Vec<Point> = read.iter().map(|share| share.point).collect();
    let mixed = mixed(&honest, t);
    let secret = Recovered::find(&first.sealed, &mixed)
        .context("the group does not open")?
        .into_secret();
    let found = mixed.iter().filter(|point| secret.has(**point)).count();
    ensure!(
        found == n - t,
        "{found} honest shares of {n} were found, with {t} forged"
    );
    let mut ratios = Vec::new();
    for _ in 0..rounds {
        let plain = time(200, || Recovered::find(&first.sealed, &honest));
        let robust = time(20, || Recovered::find(&first.sealed, &mixed));
        ratios.push(robust / plain);
    }
    let (multiple, low, high) = median(ratios);
    Ok(if json {
        json!({"bench": "star-recover-forged", "shares": n, "k": k, "forged": t, "multiple_of_honest": multiple}).to_string()
    } else {
        format!(
            "star-recover {n} shares, k = {k}, {t} forged: {multiple:.0} × the honest recovery [{low:.0}, {high:.0}], {found} honest shares found"
        )
    })
}

/// What it takes to find out that a group does not open, and what is counted of it.
fn in_vain(rounds: usize, json: bool) -> anyhow::Result<String> {
    let (n, k, t) = IN_VAIN;
    let shares = shares(&messages(n, k)?);
    let read = read(&shares)?;
    let first = read.first().context("no shares")?;
    let honest: Vec<Point> = read.iter().map(|share| share.point).collect();
    let mixed = mixed(&honest, t);
    let decode = || Recovered::decode(&first.sealed, &mixed);
    ensure!(
        decode().is_none(),
        "a group with too many forged shares opens"
    );
    let (took, low, high) = median((0..rounds).map(|_| time(5, decode)).collect());
    let counted = decoding::cost(n, k);
    Ok(if json {
        json!({"bench": "star-recover-in-vain", "shares": n, "k": k, "forged": t, "us": took, "multiplications_counted": counted}).to_string()
    } else {
        format!(
            "star-recover {n} shares, k = {k}, {t} forged: in vain in {took:.0} µs [{low:.0}, {high:.0}], counted as {counted} multiplications"
        )
    })
}

fn read(shares: &[Vec<u8>]) -> anyhow::Result<Vec<Share<'_>>> {
    let read = shares.iter().map(|share| Share::read(share));
    Ok(read.collect::<Result<_, _>>()?)
}

/// The same points, so many of them forged, spread evenly.
fn mixed(honest: &[Point], forged: usize) -> Vec<Point> {
    let n = honest.len();
    let mut mixed = honest.to_vec();
    for (i, point) in mixed.iter_mut().enumerate() {
        if i * forged / n != (i + 1) * forged / n {
            point.y += Element::ONE;
        }
    }
    mixed
}

/// Microseconds of one call.
fn time<T>(repeats: u32, mut call: impl FnMut() -> T) -> f64 {
    let started = Instant::now();
    for _ in 0..repeats {
        black_box(call());
    }
    started.elapsed().as_secs_f64() * 1e6 / f64::from(repeats)
}

/// Messages of `count` clients that measured the same, as the reference takes them.
fn messages(count: usize, k: usize) -> anyhow::Result<Vec<StarMessage>> {
    let mut factory = Factory::new(EPOCH, u32::try_from(k)?);
    let mut random = StdRng::seed_from_u64(1);
    let made = (0..count).map(|_| {
        let message = factory.message(&["platform|linux"], &mut random);
        let message: SerializableNestedMessage = bincode::deserialize(&message)?;
        let message = NestedMessage::try_from(message).map_err(|error| anyhow!("{error}"))?;
        Ok(message.unencrypted_layer)
    });
    made.collect()
}

/// Their shares, as they stand in messages.
fn shares(messages: &[StarMessage]) -> Vec<Vec<u8>> {
    let shares = messages.iter().map(|message| message.share.to_bytes());
    shares.collect()
}

/// From the bytes of shares to what opens their group.
fn recovered(shares: &[Vec<u8>]) -> Option<Opener> {
    let read: Vec<Share<'_>> = shares
        .iter()
        .map(|share| Share::read(share).ok())
        .collect::<Option<_>>()?;
    let points: Vec<Point> = read.iter().map(|share| share.point).collect();
    let recovered = Recovered::from_points(&read.first()?.sealed, &points)?;
    Some(recovered.opener(EPOCH))
}

fn refs(messages: &[StarMessage]) -> Vec<&StarMessage> {
    messages.iter().collect()
}

/// Both open the same.
fn check(shares: &[Vec<u8>], theirs: &[StarMessage]) -> anyhow::Result<()> {
    let key = key_recover(&refs(theirs), EPOCH).map_err(|error| anyhow!("{error}"))?;
    let mut ours = b"any ciphertext".to_vec();
    let expected = sta_rs::Ciphertext::from(ours.clone()).decrypt(&key, "star_encrypt");
    recovered(shares)
        .context("we do not recover")?
        .open(&mut ours);
    ensure!(ours == expected, "ours opens otherwise than the reference");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::assert_names, *};

    #[test]
    fn the_json_line_has_the_names_that_are_promised() {
        let json = line(50, (160.0, 150.0, 170.0), (25.0, 4_000.0), true);

        assert_names(&json, &["bench", "k", "speedup_over_reference"]);
    }
}
