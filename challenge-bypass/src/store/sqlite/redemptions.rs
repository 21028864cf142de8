//! Spent tokens.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use messages::{KeyId, encoding::Fixed};
use sqlx::{Row as _, SqliteConnection};

use super::{
    keys::{bytes, total},
    packed::Packed,
};
use crate::{
    Rules,
    domain::{Claim, Counter, Found, Spend, VerifiedRedemption, decide},
    store::StoreError,
};

/// Rows of 48 bytes: key id and token. `CROSS JOIN` keeps the order: each row is one descent of the
/// primary key.
const LOOK_UP: &str = "
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2)
    SELECT n.i, r.binding
    FROM n CROSS JOIN redemptions r
    WHERE r.key_id = substr(?1, 48 * n.i + 1, 16) AND r.spent = substr(?1, 48 * n.i + 17, 32)";

/// Rows of 80 bytes: key id, token and binding.
const INSERT: &str = "
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2)
    INSERT INTO redemptions (key_id, spent, binding, redeemed_on)
    SELECT substr(?1, 80 * i + 1, 16), substr(?1, 80 * i + 17, 32), substr(?1, 80 * i + 49, 32), ?3
    FROM n";

/// What is known about each claim.
pub(super) async fn look_up(
    conn: &mut SqliteConnection,
    claims: &[&Claim],
) -> Result<Vec<Found>, StoreError> {
    let mut found = bindings(conn, claims).await?;
    let spent: BTreeSet<KeyId> = claims
        .iter()
        .zip(&found)
        .filter(|(_, found)| found.bindings.iter().any(Option::is_some))
        .map(|(claim, _)| claim.key())
        .collect();
    let counters = counters(conn, spent).await?;
    for (claim, found) in claims.iter().zip(&mut found) {
        if let Some(counter) = counters.get(&claim.key()) {
            found.redeemed_total = counter.redeemed_total;
        }
    }
    Ok(found)
}

/// Spends what may be spent: all rows of all requests in one statement, in the order of digests.
pub(super) async fn spend(
    conn: &mut SqliteConnection,
    batch: &[VerifiedRedemption],
    day: NaiveDate,
    rules: &Rules,
) -> Result<Vec<Spend>, StoreError> {
    let claims: Vec<&Claim> = batch.iter().map(VerifiedRedemption::claim).collect();
    let keys = claims.iter().map(|claim| claim.key()).collect();
    let stored = counters(conn, keys).await?;
    let found = bindings(conn, &claims).await?;

    let decided = decide(batch, &found, &stored, rules);
    insert(conn, &decided.first, day).await?;
    for (key, counter) in &decided.counters {
        advance(conn, *key, counter).await?;
    }
    Ok(decided.spends)
}

async fn bindings(
    conn: &mut SqliteConnection,
    claims: &[&Claim],
) -> Result<Vec<Found>, StoreError> {
    let tokens = claims.iter().map(|claim| claim.tokens().len()).sum();
    let mut packed = Packed::with_capacity(tokens, 48);
    let mut places = Vec::with_capacity(tokens);
    for (place, claim) in claims.iter().enumerate() {
        for (index, token) in claim.tokens().iter().enumerate() {
            packed.push(&[claim.key().as_bytes(), token.id.as_bytes()]);
            places.push((place, index));
        }
    }
    let mut found: Vec<Found> = claims
        .iter()
        .map(|claim| Found::nothing(claim.tokens().len()))
        .collect();
    if packed.rows() == 0 {
        return Ok(found);
    }
    let rows = packed.rows();
    let rows = sqlx::query(LOOK_UP)
        .bind(packed.into_bytes())
        .bind(rows)
        .fetch_all(conn)
        .await?;
    for row in rows {
        let binding = Fixed(bytes(&row, "binding")?);
        let slot = usize::try_from(row.try_get::<i64, _>("i")?)
            .ok()
            .and_then(|i| places.get(i))
            .and_then(|(place, index)| found.get_mut(*place)?.bindings.get_mut(*index))
            .ok_or(StoreError::Corrupt("redemption"))?;
        *slot = Some(binding);
    }
    Ok(found)
}

async fn insert(
    conn: &mut SqliteConnection,
    claims: &[&Claim],
    day: NaiveDate,
) -> Result<(), StoreError> {
    let mut tokens: Vec<_> = claims
        .iter()
        .flat_map(|claim| claim.tokens().iter().map(|token| (claim.key(), token)))
        .collect();
    if tokens.is_empty() {
        return Ok(());
    }
    tokens.sort_unstable();
    let mut packed = Packed::with_capacity(tokens.len(), 80);
    for (key, token) in tokens {
        packed.push(&[
            key.as_bytes(),
            token.id.as_bytes(),
            token.binding.as_bytes(),
        ]);
    }
    let rows = packed.rows();
    let inserted = sqlx::query(INSERT)
        .bind(packed.into_bytes())
        .bind(rows)
        .bind(day.to_string())
        .execute(conn)
        .await?;
    if i64::try_from(inserted.rows_affected()) == Ok(rows) {
        Ok(())
    } else {
        Err(StoreError::Corrupt("redemptions"))
    }
}

async fn counters(
    conn: &mut SqliteConnection,
    keys: BTreeSet<KeyId>,
) -> Result<BTreeMap<KeyId, Counter>, StoreError> {
    let mut counters = BTreeMap::new();
    for key in keys {
        let row = sqlx::query(
            "SELECT revoked, signed_total, redeemed_total FROM issuer_keys WHERE key_id = ?",
        )
        .bind(key.as_bytes().as_slice())
        .fetch_optional(&mut *conn)
        .await?;
        if let Some(row) = row {
            let counter = Counter {
                revoked: row.try_get("revoked")?,
                signed_total: total(&row, "signed_total")?,
                redeemed_total: total(&row, "redeemed_total")?,
            };
            counters.insert(key, counter);
        }
    }
    Ok(counters)
}

async fn advance(
    conn: &mut SqliteConnection,
    key: KeyId,
    counter: &Counter,
) -> Result<(), StoreError> {
    let total =
        i64::try_from(counter.redeemed_total).map_err(|_| StoreError::Corrupt("redeemed_total"))?;
    let done = sqlx::query("UPDATE issuer_keys SET redeemed_total = ? WHERE key_id = ?")
        .bind(total)
        .bind(key.as_bytes().as_slice())
        .execute(conn)
        .await?;
    match done.rows_affected() {
        1 => Ok(()),
        _ => Err(StoreError::Corrupt("key")),
    }
}
