//! Counting what was signed.

use std::collections::{BTreeSet, HashMap};

use messages::{KeyId, encoding::Fixed};
use sqlx::{Row as _, SqliteConnection};

use super::{keys::bytes, packed::Packed};
use crate::{
    domain::SigningId,
    store::{Counted, Signing, StoreError},
};

/// Rows of 32 bytes.
const LOOK_UP: &str = "
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2)
    SELECT s.signing_id, s.key_id, k.revoked
    FROM n CROSS JOIN signing_requests s CROSS JOIN issuer_keys k
    WHERE s.signing_id = substr(?1, 32 * n.i + 1, 32) AND k.key_id = s.key_id";

/// Rows of 48 bytes: signing id and key id.
const INSERT: &str = "
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2)
    INSERT OR REPLACE INTO signing_requests (signing_id, key_id)
    SELECT substr(?1, 48 * i + 1, 32), substr(?1, 48 * i + 33, 16) FROM n";

/// Counts each request that was not counted before.
pub(super) async fn count(
    conn: &mut SqliteConnection,
    batch: &[Signing],
) -> Result<Vec<Counted>, StoreError> {
    let mut known = look_up(conn, batch).await?;
    let keys: BTreeSet<KeyId> = batch.iter().map(|signing| signing.key).collect();
    let mut revoked = HashMap::<KeyId, bool>::new();
    for key in keys {
        revoked.insert(key, is_revoked(conn, key).await?);
    }

    let mut new = HashMap::<KeyId, Vec<&Signing>>::new();
    let mut counted = Vec::with_capacity(batch.len());
    for signing in batch {
        counted.push(match known.get(&signing.id) {
            Some(key) => Counted::Before(*key),
            None if revoked.get(&signing.key) == Some(&false) => {
                known.insert(signing.id, signing.key);
                new.entry(signing.key).or_default().push(signing);
                Counted::Now
            }
            None => Counted::Revoked,
        });
    }
    write(conn, &new).await?;
    Ok(counted)
}

/// The keys that these requests were signed with, unless those were revoked.
async fn look_up(
    conn: &mut SqliteConnection,
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
        if !row.try_get::<bool, _>("revoked")? {
            let key = KeyId::from_bytes(bytes(row, "key_id")?);
            known.insert(Fixed(bytes(row, "signing_id")?), key);
        }
    }
    Ok(known)
}

async fn is_revoked(conn: &mut SqliteConnection, key: KeyId) -> Result<bool, StoreError> {
    let revoked = sqlx::query_scalar("SELECT revoked FROM issuer_keys WHERE key_id = ?")
        .bind(key.as_bytes().as_slice())
        .fetch_optional(conn)
        .await?;
    revoked.ok_or(StoreError::Corrupt("key"))
}

async fn write(
    conn: &mut SqliteConnection,
    new: &HashMap<KeyId, Vec<&Signing>>,
) -> Result<(), StoreError> {
    let mut packed = Packed::default();
    for (key, signings) in new {
        for signing in signings {
            packed.push(&[signing.id.as_bytes(), key.as_bytes()]);
        }
        let tokens: u64 = signings.iter().map(|signing| signing.tokens).sum();
        let tokens = i64::try_from(tokens).map_err(|_| StoreError::Corrupt("signed_total"))?;
        sqlx::query("UPDATE issuer_keys SET signed_total = signed_total + ? WHERE key_id = ?")
            .bind(tokens)
            .bind(key.as_bytes().as_slice())
            .execute(&mut *conn)
            .await?;
    }
    if packed.rows() > 0 {
        let rows = packed.rows();
        sqlx::query(INSERT)
            .bind(packed.into_bytes())
            .bind(rows)
            .execute(conn)
            .await?;
    }
    Ok(())
}
