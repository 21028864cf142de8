//! The attacker who believes that what lies at the same place belongs together: rows of two tables, in the
//! order in which they are read, or in which an engine counted what wrote them, and values in two files.

use std::collections::{BTreeMap, HashMap};

use challenge_bypass::domain::{BlindedBatch, IssuerName};
use payments::domain::credentials::Points;

use super::{CROWDS, Linked, count};
use crate::month::{Look, Month, buyers::Buyer, needles::Needles};

/// Who left a value: a buyer with its purchase, or with one of its votes.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Whose {
    Purchase(usize),
    Vote(usize, usize),
}

impl Whose {
    fn buyer(self) -> usize {
        match self {
            Self::Purchase(buyer) | Self::Vote(buyer, _) => buyer,
        }
    }
}

/// A kind of value, and whose it is.
type Mark = (&'static str, Whose);

/// The fewest purchases or votes that make an order worth comparing.
const SEQUENCE_MIN: usize = 50;

/// Values in the order in which they lie somewhere.
struct Sequence {
    place: String,
    whose: Vec<Whose>,
    /// What counted their rows, and the number of each, if they are in that order.
    counted: Option<(String, Vec<u64>)>,
}

/// Compares every order of purchases with every order of votes that lay somewhere at the same time.
pub(super) fn link(month: &Month) -> Vec<(String, Linked)> {
    let marks = marks(month);
    let mut needles = Needles::new();
    for (value, mark) in &marks {
        needles.add(value, mark);
    }
    let mut all = Vec::new();
    for (number, look) in month.looks.iter().enumerate() {
        let mut sequences = of_tables(look, &marks);
        sequences.extend(of_files(look, &needles));
        sequences.retain(|sequence| sequence.whose.len() >= SEQUENCE_MIN);
        let (purchases, votes): (Vec<_>, Vec<_>) = sequences
            .iter()
            .partition(|sequence| matches!(sequence.whose[0], Whose::Purchase(_)));
        for bought in &purchases {
            for cast in &votes {
                let pair = format!("look {number}: {} and {}", bought.place, cast.place);
                if let Some(linked) = compare_numbers(month, bought, cast) {
                    all.push((format!("{pair} by number"), linked));
                }
                all.push((pair, compare(month, bought, cast)));
            }
        }
    }
    all
}

/// Every value that belongs to one purchase or vote, and that a server stores.
fn marks(month: &Month) -> HashMap<Vec<u8>, Mark> {
    let mut marks = HashMap::new();
    for (number, buyer) in month.buyers.iter().enumerate() {
        let whose = Whose::Purchase(number);
        let (order, item) = buyer.trail.order.unwrap();
        marks.insert(order.as_bytes().to_vec(), ("order", whose));
        marks.insert(item.as_bytes().to_vec(), ("item", whose));
        marks.insert(signing(buyer), ("signing", whose));
        for (place, vote) in buyer.votes.iter().enumerate() {
            let whose = Whose::Vote(number, place);
            marks.insert(vote.vote.to_vec(), ("vote", whose));
            marks.insert(vote.event.as_bytes().to_vec(), ("event", whose));
            marks.insert(vote.event.to_string().into_bytes(), ("event", whose));
            for spent in &vote.spent {
                marks.insert(spent.to_vec(), ("spent", whose));
            }
        }
    }
    marks
}

/// How challenge-bypass names the request for a buyer's signatures.
fn signing(buyer: &Buyer) -> Vec<u8> {
    let (_, item) = buyer.trail.order.unwrap();
    let points = buyer.trail.points.clone();
    let Ok(batch) = BlindedBatch::new(points.clone(), points.len()) else {
        // A buyer whose points nobody noted.
        return item.as_bytes().to_vec();
    };
    let sku = match buyer.source {
        messages::FundingSource::AnonymousCard => "anon-card-vote",
        messages::FundingSource::UserWallet => "user-wallet-vote",
    };
    let issuer: IssuerName = format!("brave.com?sku={sku}").try_into().unwrap();
    let request = Points::stored(points).request_id(item);
    batch.signing_id(&issuer, &request).as_bytes().to_vec()
}

/// The orders in which tables give their rows, by row id, by key where there is none, or by place on the disk; and those
/// in which an engine counted what wrote them.
fn of_tables(look: &Look, marks: &HashMap<Vec<u8>, Mark>) -> Vec<Sequence> {
    type Found = Vec<(u64, Whose)>;
    let mut sequences: BTreeMap<(String, Option<String>), Found> = BTreeMap::new();
    for value in &look.stored {
        if let Some((kind, whose)) = marks.get(&value.bytes) {
            let place = format!("{}/{}.{}", value.database, value.table, value.column);
            let place = format!("{kind} in {place}");
            for stamp in &value.stamps {
                let by = (
                    format!("{place} by {}", stamp.column),
                    Some(stamp.counter.clone()),
                );
                sequences
                    .entry(by)
                    .or_default()
                    .push((stamp.number, *whose));
            }
            sequences
                .entry((place, None))
                .or_default()
                .push((0, *whose));
        }
    }
    let sequences = sequences.into_iter();
    sequences
        .map(|((place, counter), mut found)| {
            found.sort_by_key(|(number, _)| *number);
            found.dedup_by_key(|(_, whose)| *whose);
            let (numbers, whose) = found.into_iter().unzip();
            Sequence {
                place,
                whose,
                counted: counter.map(|counter| (counter, numbers)),
            }
        })
        .collect()
}

/// The orders in which values lie in files: databases, and logs of what was written last.
fn of_files(look: &Look, needles: &Needles<Mark>) -> Vec<Sequence> {
    let mut sequences = Vec::new();
    for (name, bytes) in &look.files {
        let mut kinds: BTreeMap<&str, Vec<(usize, Whose)>> = BTreeMap::new();
        for ((kind, whose), at) in needles.find(bytes) {
            kinds.entry(kind).or_default().push((at, whose));
        }
        for (kind, mut found) in kinds {
            found.sort_unstable();
            // One record may hold a value in two forms: it counts once.
            found.dedup_by_key(|(_, whose)| *whose);
            sequences.push(Sequence {
                place: format!("{kind} in the file {name}"),
                whose: found.into_iter().map(|(_, whose)| whose).collect(),
                counted: None,
            });
        }
    }
    sequences
}

/// Takes the buyer at the same part of one sequence for the buyer of the vote in the other, within each source.
fn compare(month: &Month, bought: &Sequence, cast: &Sequence) -> Linked {
    let mut linked = Linked::default();
    for source in month.seen.keys.keys() {
        let of_source = |whose: &&Whose| month.buyers[whose.buyer()].source == *source;
        let buyers: Vec<usize> = bought
            .whose
            .iter()
            .filter(of_source)
            .map(|one| one.buyer())
            .collect();
        let votes: Vec<usize> = cast
            .whose
            .iter()
            .filter(of_source)
            .map(|one| one.buyer())
            .collect();
        if buyers.len() < SEQUENCE_MIN / 5 {
            continue;
        }
        let mut places: HashMap<usize, usize> = HashMap::new();
        for (place, buyer) in buyers.iter().enumerate() {
            places.entry(*buyer).or_insert(place);
        }
        let all = places.len();
        let crowd = all.div_ceil(CROWDS);
        let guess = (1.0 / count(all), count(crowd) / count(all));
        for (place, buyer) in votes.iter().enumerate() {
            let Some(at) = places.get(buyer) else {
                continue;
            };
            let named = place * buyers.len() / votes.len();
            // On both sides, so that a crowd of three is the named one and its neighbours.
            let distance = at.abs_diff(named) * 2;
            linked.count(
                distance.saturating_sub(usize::from(distance > 0)),
                crowd,
                guess,
            );
        }
    }
    linked
}

/// Takes whoever bought last before a vote for its buyer, within each source, where one engine counted both.
fn compare_numbers(month: &Month, bought: &Sequence, cast: &Sequence) -> Option<Linked> {
    let ((counter, bought_at), (other, cast_at)) =
        bought.counted.as_ref().zip(cast.counted.as_ref())?;
    if counter != other {
        return None;
    }
    let mut linked = Linked::default();
    for source in month.seen.keys.keys() {
        let of_source = |whose: &Whose| month.buyers[whose.buyer()].source == *source;
        let bought = bought.whose.iter().zip(bought_at);
        // In the order of the numbers.
        let purchases: Vec<(u64, usize)> = bought
            .filter(|(whose, _)| of_source(whose))
            .map(|(whose, at)| (*at, whose.buyer()))
            .collect();
        let first: HashMap<usize, u64> = purchases
            .iter()
            .rev()
            .map(|(at, who)| (*who, *at))
            .collect();
        let all = first.len();
        if all < SEQUENCE_MIN / 5 {
            continue;
        }
        let crowd = all.div_ceil(CROWDS);
        let guess = (1.0 / count(all), count(crowd) / count(all));
        let votes = cast.whose.iter().zip(cast_at);
        for (vote, at) in votes.filter(|(whose, _)| of_source(whose)) {
            let Some(own) = first.get(&vote.buyer()) else {
                continue;
            };
            let until = |number: u64| purchases.partition_point(|(at, _)| *at <= number);
            let before = purchases.partition_point(|(at, _)| at < own);
            let rank = until(*at).checked_sub(until(*own));
            // One transaction may have written many: a job that erases, say.
            let tied = until(*own) - before;
            linked.count_tied(rank.unwrap_or(all), tied, crowd, guess);
        }
    }
    Some(linked)
}
