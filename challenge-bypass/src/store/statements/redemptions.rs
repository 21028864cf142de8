//! Spent tokens.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use messages::{KeyId, encoding::Fixed};
use sqlx::Row as _;

use super::{
    Connection, EngineRow,
    keys::{bytes, total},
    packed::Packed,
};
use crate::{
    Rules,
    domain::{Claim, Counter, Found, Spend, SpentToken, VerifiedRedemption, decide},
    store::StoreError,
};

/// What was spent, from rows of 48 bytes, key id and token, and the counters of the keys in rows of
/// 16. One statement, as each costs a turn of the connection's thread, or a way to the server and back. `CROSS JOIN` keeps
/// SQLite to the order: each row is one descent of a primary key.
const LOOK_UP: &str = "
    WITH RECURSIVE
        n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2),
        k (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM k WHERE i + 1 < $4)
    SELECT CAST(n.i AS BIGINT) AS i, r.binding, NULL AS revoked, NULL AS signed_total, NULL AS redeemed_total
    FROM n CROSS JOIN redemptions r
    WHERE r.key_id = substr($1, 48 * n.i + 1, 16) AND r.spent = substr($1, 48 * n.i + 17, 32)
    UNION ALL
    SELECT CAST(k.i AS BIGINT), NULL, c.revoked, c.signed_total, c.redeemed_total
    FROM k CROSS JOIN issuer_keys c
    WHERE c.key_id = substr($3, 16 * k.i + 1, 16)";

/// Inserts rows of 80 bytes: key id, token and binding. It leaves out what is spent already.
const SPEND: &str = "
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2)
    INSERT INTO redemptions (key_id, spent, binding, redeemed_on)
    SELECT substr($1, 80 * i + 1, 16), substr($1, 80 * i + 17, 32), substr($1, 80 * i + 49, 32), $3
    FROM n WHERE TRUE
    ON CONFLICT DO NOTHING";

/// What a transaction that spends tokens looks up first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Before {
    /// The keys' counters. No token is expected to be spent, since each was looked up a moment ago.
    Counters,
    /// The tokens, too.
    Everything,
}

/// What is known about each claim.
pub(super) async fn look_up(
    conn: &mut Connection,
    claims: &[&Claim],
) -> Result<Vec<Found>, StoreError> {
    let (mut found, counters) = known(conn, claims, packed_tokens(claims)).await?;
    for (claim, found) in claims.iter().zip(&mut found) {
        if let Some(counter) = counters.get(&claim.key()) {
            found.redeemed_total = counter.redeemed_total;
        }
    }
    Ok(found)
}

/// Spends what may be spent: for each key, all rows of all requests in one statement.
///
/// `None` says that the counters were not enough to decide: nothing of this transaction may stay.
pub(super) async fn spend(
    conn: &mut Connection,
    batch: &[VerifiedRedemption],
    day: NaiveDate,
    rules: &Rules,
    before: Before,
) -> Result<Option<Vec<Spend>>, StoreError> {
    let claims: Vec<&Claim> = batch.iter().map(VerifiedRedemption::claim).collect();
    let tokens = match before {
        Before::Counters => Tokens::default(),
        Before::Everything => packed_tokens(&claims),
    };
    let (found, stored) = known(conn, &claims, tokens).await?;
    let decided = decide(batch, &found, &stored, rules);
    // A replay is told from a refusal only by its tokens, also where its key was revoked meanwhile.
    let plain = |spend: &Spend| matches!(spend, Spend::Again | Spend::First { .. });
    if before == Before::Counters && !decided.spends.iter().all(plain) {
        return Ok(None);
    }
    for (key, counter) in &decided.counters {
        let claims = decided.first.iter().filter(|claim| claim.key() == *key);
        if !write(conn, *key, counter, claims.copied(), day).await? {
            return Ok(None);
        }
    }
    Ok(Some(decided.spends))
}

/// What each of the `tokens` was spent on, and what the claims' keys have done.
async fn known(
    conn: &mut Connection,
    claims: &[&Claim],
    (tokens, places): Tokens,
) -> Result<(Vec<Found>, BTreeMap<KeyId, Counter>), StoreError> {
    let mut found: Vec<Found> = claims
        .iter()
        .map(|claim| Found::nothing(claim.tokens().len()))
        .collect();
    let mut counters = BTreeMap::new();
    if claims.is_empty() {
        return Ok((found, counters));
    }
    let ids: BTreeSet<KeyId> = claims.iter().map(|claim| claim.key()).collect();
    let ids: Vec<KeyId> = ids.into_iter().collect();
    let mut keys = Packed::with_capacity(ids.len(), 16);
    for id in &ids {
        keys.push(&[id.as_bytes()]);
    }
    let (token_rows, key_rows) = (tokens.rows(), keys.rows());
    let rows = sqlx::query(LOOK_UP)
        .bind(tokens.into_bytes())
        .bind(token_rows)
        .bind(keys.into_bytes())
        .bind(key_rows)
        .fetch_all(conn)
        .await?;
    for row in rows {
        let corrupt = || StoreError::Corrupt("redemption");
        let i = usize::try_from(row.try_get::<i64, _>("i")?).map_err(|_| corrupt())?;
        if row.try_get::<Option<bool>, _>("revoked")?.is_some() {
            let id = ids.get(i).ok_or_else(corrupt)?;
            counters.insert(*id, counter(&row)?);
        } else {
            let slot = places
                .get(i)
                .and_then(|(place, index)| found.get_mut(*place)?.bindings.get_mut(*index))
                .ok_or_else(corrupt)?;
            *slot = Some(Fixed(bytes(&row, "binding")?));
        }
    }
    Ok((found, counters))
}

/// Tokens of claims, and for each its claim and its place in that.
type Tokens = (Packed, Vec<(usize, usize)>);

/// All tokens of all claims.
fn packed_tokens(claims: &[&Claim]) -> Tokens {
    let tokens = claims.iter().map(|claim| claim.tokens().len()).sum();
    let mut packed = Packed::with_capacity(tokens, 48);
    let mut places = Vec::with_capacity(tokens);
    for (place, claim) in claims.iter().enumerate() {
        for (index, token) in claim.tokens().iter().enumerate() {
            packed.push(&[claim.key().as_bytes(), token.id.as_bytes()]);
            places.push((place, index));
        }
    }
    (packed, places)
}

fn counter(row: &EngineRow) -> Result<Counter, StoreError> {
    Ok(Counter {
        revoked: row.try_get("revoked")?,
        signed_total: total(row, "signed_total")?,
        redeemed_total: total(row, "redeemed_total")?,
    })
}

/// Writes a key's spent tokens, in the order of digests, and its counter. Answers whether none of them was spent before.
async fn write(
    conn: &mut Connection,
    key: KeyId,
    counter: &Counter,
    claims: impl Iterator<Item = &Claim>,
    day: NaiveDate,
) -> Result<bool, StoreError> {
    let mut tokens: Vec<&SpentToken> = claims.flat_map(Claim::tokens).collect();
    tokens.sort_unstable();
    let mut packed = Packed::with_capacity(tokens.len(), 80);
    for token in tokens {
        packed.push(&[
            key.as_bytes(),
            token.id.as_bytes(),
            token.binding.as_bytes(),
        ]);
    }
    let total =
        i64::try_from(counter.redeemed_total).map_err(|_| StoreError::Corrupt("redeemed_total"))?;
    let rows = packed.rows();
    let moved = sqlx::query("UPDATE issuer_keys SET redeemed_total = $2 WHERE key_id = $1")
        .bind(key.as_bytes().as_slice())
        .bind(total)
        .execute(&mut *conn)
        .await?;
    let written = sqlx::query(SPEND)
        .bind(packed.into_bytes())
        .bind(rows)
        .bind(day.to_string())
        .execute(conn)
        .await?;
    if moved.rows_affected() == 1 {
        Ok(i64::try_from(written.rows_affected()) == Ok(rows))
    } else {
        Err(StoreError::Corrupt("redeemed_total"))
    }
}
