//! Issuer keys and their sealed secrets.

use chrono::{DateTime, Utc};
use messages::{KeyId, PublicKey, encoding::Fixed};
use sqlx::Row as _;

use super::{Connection, EngineRow, issuers::derivation};
use crate::{
    domain::{Issuer, IssuerKey, KeyFacts, KeyWindow, NewKey, SealedKey, SealingKeyId},
    store::{StoreError, StoredKey},
};

/// A key with what its issuer says about it, and its secret if it has one.
const FIND: &str = "
    SELECT k.*, i.funding_source, i.derivation, s.sealing_key, s.nonce, s.ciphertext
    FROM issuer_keys k
    JOIN issuers i ON i.name = k.issuer
    LEFT JOIN sealed_keys s ON s.key_id = k.key_id
    WHERE k.key_id = $1";

const WITH_SECRETS: &str = "
    SELECT k.*, i.funding_source, i.derivation, s.sealing_key, s.nonce, s.ciphertext
    FROM sealed_keys s
    JOIN issuer_keys k ON k.key_id = s.key_id
    JOIN issuers i ON i.name = k.issuer";

/// Adds a key and its secret.
pub(super) async fn insert(conn: &mut Connection, key: &NewKey) -> Result<(), StoreError> {
    insert_facts(conn, &key.facts).await?;
    let id = key.facts.id();
    sqlx::query(
        "INSERT INTO sealed_keys (key_id, sealing_key, nonce, ciphertext) VALUES ($1, $2, $3, $4)",
    )
    .bind(id.as_bytes().as_slice())
    .bind(key.sealed.sealing_key.0.as_slice())
    .bind(key.sealed.nonce.as_slice())
    .bind(key.sealed.ciphertext.as_slice())
    .execute(conn)
    .await?;
    Ok(())
}

/// Adds a key without a secret.
pub(super) async fn insert_facts(
    conn: &mut Connection,
    facts: &KeyFacts,
) -> Result<(), StoreError> {
    let window = &facts.window;
    sqlx::query(
        "INSERT INTO issuer_keys (key_id, public_key, issuer, sign_from, sign_until, redeem_until)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(facts.id().as_bytes().as_slice())
    .bind(facts.public_key.as_bytes().as_slice())
    .bind(facts.issuer.as_str())
    .bind(window.sign_from.timestamp())
    .bind(window.sign_until.timestamp())
    .bind(window.redeem_until.timestamp())
    .execute(conn)
    .await?;
    Ok(())
}

/// All keys of an issuer, oldest first.
pub(super) async fn of_issuer(
    conn: &mut Connection,
    issuer: &Issuer,
) -> Result<Vec<IssuerKey>, StoreError> {
    let rows =
        sqlx::query("SELECT * FROM issuer_keys WHERE issuer = $1 ORDER BY sign_from, key_id")
            .bind(issuer.name.as_str())
            .fetch_all(conn)
            .await?;
    rows.iter()
        .map(|row| {
            Ok(IssuerKey {
                facts: KeyFacts {
                    issuer: issuer.name.clone(),
                    funding_source: issuer.terms.funding_source,
                    derivation: issuer.terms.derivation,
                    window: window(row)?,
                    public_key: public_key(row)?,
                },
                revoked: row.try_get("revoked")?,
                signed_total: total(row, "signed_total")?,
                redeemed_total: total(row, "redeemed_total")?,
            })
        })
        .collect()
}

/// The key of this id.
pub(super) async fn find(
    conn: &mut Connection,
    key: KeyId,
) -> Result<Option<StoredKey>, StoreError> {
    sqlx::query(FIND)
        .bind(key.as_bytes().as_slice())
        .fetch_optional(conn)
        .await?
        .map(|row| read(&row))
        .transpose()
}

/// All keys that have a secret.
pub(super) async fn with_secrets(conn: &mut Connection) -> Result<Vec<StoredKey>, StoreError> {
    let rows = sqlx::query(WITH_SECRETS).fetch_all(conn).await?;
    rows.iter().map(read).collect()
}

/// Marks a key as revoked and deletes its secret.
pub(super) async fn revoke(conn: &mut Connection, key: KeyId) -> Result<(), StoreError> {
    for statement in [
        "UPDATE issuer_keys SET revoked = TRUE WHERE key_id = $1",
        "DELETE FROM sealed_keys WHERE key_id = $1",
    ] {
        sqlx::query(statement)
            .bind(key.as_bytes().as_slice())
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

/// Replaces a sealed secret; 0 when it is not there any more.
pub(super) async fn reseal(
    conn: &mut Connection,
    key: KeyId,
    sealed: &SealedKey,
) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "UPDATE sealed_keys SET sealing_key = $1, nonce = $2, ciphertext = $3 WHERE key_id = $4",
    )
    .bind(sealed.sealing_key.0.as_slice())
    .bind(sealed.nonce.as_slice())
    .bind(sealed.ciphertext.as_slice())
    .bind(key.as_bytes().as_slice())
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

fn read(row: &EngineRow) -> Result<StoredKey, StoreError> {
    let corrupt = || StoreError::Corrupt("key");
    let text = |column| row.try_get::<&str, _>(column).map_err(StoreError::from);
    Ok(StoredKey {
        facts: KeyFacts {
            issuer: text("issuer")?.parse().map_err(|_| corrupt())?,
            funding_source: text("funding_source")?.parse().map_err(|_| corrupt())?,
            derivation: derivation(text("derivation")?).ok_or_else(corrupt)?,
            window: window(row)?,
            public_key: public_key(row)?,
        },
        revoked: row.try_get("revoked")?,
        sealed: sealed(row)?,
    })
}

fn sealed(row: &EngineRow) -> Result<Option<SealedKey>, StoreError> {
    if row.try_get::<Option<&[u8]>, _>("nonce")?.is_none() {
        return Ok(None);
    }
    Ok(Some(SealedKey {
        sealing_key: SealingKeyId(bytes(row, "sealing_key")?),
        nonce: bytes(row, "nonce")?,
        ciphertext: bytes(row, "ciphertext")?,
    }))
}

fn window(row: &EngineRow) -> Result<KeyWindow, StoreError> {
    let time = |column| {
        DateTime::<Utc>::from_timestamp(row.try_get(column)?, 0)
            .ok_or(StoreError::Corrupt("time of a key"))
    };
    Ok(KeyWindow {
        sign_from: time("sign_from")?,
        sign_until: time("sign_until")?,
        redeem_until: time("redeem_until")?,
    })
}

fn public_key(row: &EngineRow) -> Result<PublicKey, StoreError> {
    Ok(Fixed(bytes(row, "public_key")?))
}

/// A column that holds exactly `N` bytes.
pub(super) fn bytes<const N: usize>(
    row: &EngineRow,
    column: &'static str,
) -> Result<[u8; N], StoreError> {
    let bytes: &[u8] = row.try_get(column)?;
    bytes.try_into().map_err(|_| StoreError::Corrupt(column))
}

/// A column that holds a number of tokens.
pub(super) fn total(row: &EngineRow, column: &'static str) -> Result<u64, StoreError> {
    let total: i64 = row.try_get(column)?;
    u64::try_from(total).map_err(|_| StoreError::Corrupt(column))
}
