//! What was received and sold, as payments reports it: cumulative, so only differences are booked.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use messages::{
    FundingSource, KeyId,
    avro::{Funds, FundsKey, Record as _},
    money::Amount,
};

use super::{Refusal, day::read_day};

/// Names a line of funds: one source, one value of a vote.
pub type Line = (FundingSource, Amount);

/// One issuer key's totals.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeyTotals {
    /// Tokens that it signed.
    pub signed: u64,
    /// Tokens of it that were redeemed.
    pub redeemed: u64,
    /// It redeems until here.
    pub redeem_until: DateTime<Utc>,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// A well-formed `funds` record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FundsTotals {
    /// Which source and value.
    pub line: Line,
    /// The day whose end the totals are of.
    pub day: NaiveDate,
    /// The currency of the amounts.
    pub currency: String,
    /// Money received for votes, in all.
    pub received: Amount,
    /// Votes sold, in all.
    pub votes_sold: u64,
    /// The keys that it names.
    pub keys: BTreeMap<KeyId, KeyTotals>,
    /// Whether the totals replace earlier ones, after a restore. Such a record waits for an operator.
    pub restatement: bool,
}

/// The longest name of a currency.
const CURRENCY_BYTES_MAX: usize = 16;

impl FundsTotals {
    /// Reads a record of the topic, as of `today`.
    pub fn read(bytes: &[u8], today: NaiveDate) -> Result<Self, Refusal> {
        let funds = Funds::decode(bytes).map_err(|_| Refusal::NotARecord)?;
        let source = funds
            .funding_source
            .parse()
            .map_err(|_| Refusal::BadSource)?;
        let day = read_day(&funds.day, today)?;
        if funds.base_vote_value.is_zero() {
            return Err(Refusal::BadValue);
        }
        // A database takes no text with a zero byte in it, and what it does not take would be read again for ever.
        if !(1..=CURRENCY_BYTES_MAX).contains(&funds.currency.len())
            || !funds.currency.bytes().all(|b| b.is_ascii_graphic())
        {
            return Err(Refusal::OtherCurrency);
        }
        let mut keys = BTreeMap::new();
        for key in &funds.keys {
            let (id, totals) = read_key(key)?;
            if keys.insert(id, totals).is_some() {
                return Err(Refusal::BadKey);
            }
        }
        Ok(Self {
            line: (source, funds.base_vote_value),
            day,
            currency: funds.currency,
            received: funds.received_total,
            votes_sold: count(funds.votes_sold_total)?,
            keys,
            restatement: funds.restatement,
        })
    }
}

fn read_key(key: &FundsKey) -> Result<(KeyId, KeyTotals), Refusal> {
    let id = key.key_id.parse().map_err(|_| Refusal::BadKey)?;
    let redeem_until =
        DateTime::parse_from_rfc3339(&key.redeem_until).map_err(|_| Refusal::BadDay)?;
    let totals = KeyTotals {
        signed: count(key.signed_total)?,
        redeemed: count(key.redeemed_total)?,
        redeem_until: redeem_until.to_utc(),
        revoked: key.revoked,
    };
    if totals.redeemed > totals.signed {
        return Err(Refusal::RedeemedAboveSigned);
    }
    Ok((id, totals))
}

fn count(total: i64) -> Result<u64, Refusal> {
    u64::try_from(total).map_err(|_| Refusal::BadCount)
}

/// What was known before a record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KnownFunds {
    /// The day of the last record.
    pub day: NaiveDate,
    /// The currency of the source.
    pub currency: String,
    /// Money received, in all.
    pub received: Amount,
    /// Votes sold, in all.
    pub votes_sold: u64,
    /// Every key that was ever named.
    pub keys: BTreeMap<KeyId, KeyTotals>,
}

/// What a record changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// The pool grows by so much; the totals become those of the record.
    Grow(Amount),
    /// Not of a later day: it was taken before.
    Nothing,
    /// The pool shrinks by so much, as an operator has accepted.
    Shrink(Amount),
}

/// What `totals` changes after `known`. A total that falls is refused: only a restatement that an
/// operator has `accepted` may lower one. `signed` of a revoked key may fall by itself: what it signed and
/// nobody received is signed anew by the next key, and counted there.
pub fn change(
    totals: &FundsTotals,
    known: Option<&KnownFunds>,
    accepted: bool,
) -> Result<Change, Refusal> {
    if known.is_some_and(|known| totals.day <= known.day) && !accepted {
        return Ok(Change::Nothing);
    }
    if !is_bounded(totals, known) {
        return Err(Refusal::TooLarge);
    }
    let Some(known) = known else {
        return Ok(Change::Grow(totals.received));
    };
    if totals.currency != known.currency {
        return Err(Refusal::OtherCurrency);
    }
    let key_fell = totals.keys.iter().any(|(id, key)| {
        let before = known.keys.get(id);
        before.is_some_and(|before| {
            (key.signed < before.signed && !key.revoked)
                || key.redeemed < before.redeemed
                || (before.revoked && !key.revoked)
        })
    });
    let fell = totals.received < known.received || totals.votes_sold < known.votes_sold || key_fell;
    if fell && !accepted {
        return Err(Refusal::TotalFell);
    }
    Ok(match totals.received.checked_sub(known.received) {
        Some(more) => Change::Grow(more),
        None => Change::Shrink(
            known
                .received
                .checked_sub(totals.received)
                .unwrap_or_default(),
        ),
    })
}

/// Whether the tokens of all keys of the line, also those of earlier records, can be added up, and their
/// worth, too: what is taken here is added up at every closing, and must never stop one.
fn is_bounded(totals: &FundsTotals, known: Option<&KnownFunds>) -> bool {
    let of_others = known.into_iter().flat_map(|known| &known.keys);
    let of_others = of_others.filter(|(id, _)| !totals.keys.contains_key(*id));
    let mut keys = totals.keys.iter().chain(of_others);
    let signed = keys.try_fold(0_u64, |sum, (_, key)| sum.checked_add(key.signed));
    // A database holds a sum as a signed number.
    let signed = signed.filter(|sum| i64::try_from(*sum).is_ok());
    signed.is_some_and(|sum| totals.line.1.times(sum).is_some())
}

#[cfg(test)]
mod tests;
