//! Counting what was signed.

use std::collections::{BTreeSet, HashMap};

use messages::{KeyId, encoding::Fixed};
use sqlx::Row as _;

use super::{
    Connection,
    keys::{bytes, total},
    packed::Packed,
};
use crate::{
    domain::SigningId,
    store::{Counted, Signing, StoreError},
};

/// Rows of 32 bytes.
const LOOK_UP: &str = "
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2)
    SELECT s.signing_id, s.key_id FROM n CROSS JOIN signing_requests s
    WHERE s.signing_id = substr($1, 32 * n.i + 1, 32)";

/// Rows of 48 bytes: signing id and key id.
const INSERT: &str = "
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2)
    INSERT INTO signing_requests (signing_id, key_id)
    SELECT substr($1, 48 * i + 1, 32), substr($1, 48 * i + 33, 16) FROM n WHERE TRUE
    ON CONFLICT (signing_id) DO UPDATE SET key_id = excluded.key_id";

/// Counts each request that was not counted before for a key that is still good.
pub(super) async fn count(
    conn: &mut Connection,
    batch: &[Signing],
) -> Result<Vec<Counted>, StoreError> {
    let mut known = look_up(conn, batch).await?;
    let wanted = batch.iter().map(|signing| signing.key);
    let keys: BTreeSet<KeyId> = wanted.chain(known.values().copied()).collect();
    let mut totals = Totals::read(conn, keys).await?;
    let mut new = Packed::default();
    let mut counted = Vec::with_capacity(batch.len());
    for signing in batch {
        let done = totals.count(signing, known.get(&signing.id).copied())?;
        if done == Counted::Now {
            known.insert(signing.id, signing.key);
            new.push(&[signing.id.as_bytes(), signing.key.as_bytes()]);
        }
        counted.push(done);
    }
    if new.rows() > 0 {
        totals.write(conn).await?;
        let rows = new.rows();
        sqlx::query(INSERT)
            .bind(new.into_bytes())
            .bind(rows)
            .execute(conn)
            .await?;
    }
    Ok(counted)
}

/// The keys that these requests were signed with.
async fn look_up(
    conn: &mut Connection,
    batch: &[Signing],
) -> Result<HashMap<SigningId, KeyId>, StoreError> {
    let mut packed = Packed::with_capacity(batch.len(), 32);
    for signing in batch {
        packed.push(&[signing.id.as_bytes()]);
    }
    let mut known = HashMap::new();
    if packed.rows() == 0 {
        return Ok(known);
    }
    let rows = packed.rows();
    let rows = sqlx::query(LOOK_UP)
        .bind(packed.into_bytes())
        .bind(rows)
        .fetch_all(conn)
        .await?;
    for row in &rows {
        let key = KeyId::from_bytes(bytes(row, "key_id")?);
        known.insert(Fixed(bytes(row, "signing_id")?), key);
    }
    Ok(known)
}

/// What the keys of a batch have signed.
struct Totals(HashMap<KeyId, Total>);

struct Total {
    revoked: bool,
    signed: u64,
    redeemed: u64,
    changed: bool,
}

impl Totals {
    async fn read(conn: &mut Connection, keys: BTreeSet<KeyId>) -> Result<Self, StoreError> {
        let mut totals = HashMap::with_capacity(keys.len());
        for key in keys {
            let row = sqlx::query(
                "SELECT revoked, signed_total, redeemed_total FROM issuer_keys WHERE key_id = $1",
            )
            .bind(key.as_bytes().as_slice())
            .fetch_optional(&mut *conn)
            .await?
            .ok_or(StoreError::Corrupt("key"))?;
            let of_key = Total {
                revoked: row.try_get("revoked")?,
                signed: total(&row, "signed_total")?,
                redeemed: total(&row, "redeemed_total")?,
                changed: false,
            };
            totals.insert(key, of_key);
        }
        Ok(Self(totals))
    }

    /// Counts a request that was counted for the key `before`, if for any.
    ///
    /// What a revoked key had signed is worth nothing: another key signs it, and the revoked one has not. Otherwise
    /// the same money would be there twice, as the value of both keys' tokens.
    fn count(&mut self, signing: &Signing, before: Option<KeyId>) -> Result<Counted, StoreError> {
        if let Some(before) = before
            && !self.of(before)?.revoked
        {
            return Ok(Counted::Before(before));
        }
        if self.of(signing.key)?.revoked {
            return Ok(Counted::Revoked);
        }
        if let Some(before) = before {
            let old = self.of(before)?;
            match old.signed.checked_sub(signing.tokens) {
                Some(left) if left >= old.redeemed => old.set(left),
                Some(_) | None => return Ok(Counted::Inconsistent),
            }
        }
        let new = self.of(signing.key)?;
        new.set(new.signed + signing.tokens);
        Ok(Counted::Now)
    }

    fn of(&mut self, key: KeyId) -> Result<&mut Total, StoreError> {
        self.0.get_mut(&key).ok_or(StoreError::Corrupt("key"))
    }

    async fn write(&self, conn: &mut Connection) -> Result<(), StoreError> {
        for (key, total) in self.0.iter().filter(|(_, total)| total.changed) {
            let signed =
                i64::try_from(total.signed).map_err(|_| StoreError::Corrupt("signed_total"))?;
            sqlx::query("UPDATE issuer_keys SET signed_total = $1 WHERE key_id = $2")
                .bind(signed)
                .bind(key.as_bytes().as_slice())
                .execute(&mut *conn)
                .await?;
        }
        Ok(())
    }
}

impl Total {
    fn set(&mut self, signed: u64) {
        self.signed = signed;
        self.changed = true;
    }
}
