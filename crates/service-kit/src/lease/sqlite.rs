//! Leases in an SQLite database. The table stands in the service's own migrations: [`TABLE`].

use sqlx::{Row as _, SqliteConnection};

use super::{Claim, Lease};

/// The table that a migration has to make.
pub const TABLE: &str = "\
CREATE TABLE lease (
    name      TEXT NOT NULL PRIMARY KEY,
    holder    BLOB NOT NULL,     -- a random number of the process
    epoch     INTEGER NOT NULL,  -- raised whenever the holder changes
    until_ms  INTEGER NOT NULL   -- real time; after it, others may take it
) WITHOUT ROWID;";

/// Takes the lease `name`, or renews it. `None`: somebody else holds it.
pub async fn take(
    conn: &mut SqliteConnection,
    name: &str,
    claim: Claim,
) -> sqlx::Result<Option<Lease>> {
    let row = sqlx::query(
        "INSERT INTO lease (name, holder, epoch, until_ms) VALUES (?1, ?2, 1, ?4)
         ON CONFLICT (name) DO UPDATE SET
             epoch = epoch + (holder <> ?2), holder = ?2, until_ms = ?4
             WHERE holder = ?2 OR until_ms <= ?3
         RETURNING epoch",
    )
    .bind(name)
    .bind(claim.holder.id().as_bytes().to_vec())
    .bind(claim.now_ms)
    .bind(claim.until_ms)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Lease {
        name: name.to_owned(),
        epoch: row.get::<i64, _>(0).unsigned_abs(),
    }))
}

/// Whether `lease` is still the current one. Every transaction that it protects asks first.
pub async fn check(conn: &mut SqliteConnection, lease: &Lease) -> sqlx::Result<bool> {
    let held = sqlx::query("SELECT 1 FROM lease WHERE name = ?1 AND epoch = ?2")
        .bind(&lease.name)
        .bind(stored(lease.epoch))
        .fetch_optional(conn)
        .await?;
    Ok(held.is_some())
}

/// Gives the lease back, so that the next process need not wait. It keeps its epoch.
pub async fn release(conn: &mut SqliteConnection, lease: &Lease) -> sqlx::Result<()> {
    sqlx::query("UPDATE lease SET until_ms = 0, holder = x'00' WHERE name = ?1 AND epoch = ?2")
        .bind(&lease.name)
        .bind(stored(lease.epoch))
        .execute(conn)
        .await?;
    Ok(())
}

/// SQLite's integers are signed; epochs stay far below the bound.
fn stored(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
