//! The statements of leases, for both engines.

use sqlx::Row as _;

use super::Connection;
use crate::lease::{Claim, LEASE_MS_MAX, Lease};

/// The holder of a lease that was given back: no process's, which have 16 bytes.
const NOBODY: &[u8] = &[0];

/// Takes the lease `name`, or renews it. `None`: somebody else holds it.
///
/// A lease that ends later than any can was taken by a clock that was ahead of ours, or ours was set back: it would
/// hold everybody up for as long as that is. It is taken from its holder, as one that is over; the epoch sees to it
/// that this costs no more than a turn.
pub async fn take(conn: &mut Connection, name: &str, claim: Claim) -> sqlx::Result<Option<Lease>> {
    let row = sqlx::query(
        "INSERT INTO lease (name, holder, epoch, until_ms) VALUES ($1, $2, 1, $4)
         ON CONFLICT (name) DO UPDATE SET
             epoch = lease.epoch + CASE WHEN lease.holder = $2 THEN 0 ELSE 1 END,
             holder = $2, until_ms = $4
             WHERE lease.holder = $2 OR lease.until_ms <= $3 OR lease.until_ms > $5
         RETURNING epoch",
    )
    .bind(name)
    .bind(claim.holder.id().as_bytes().to_vec())
    .bind(claim.now_ms)
    .bind(claim.until_ms)
    .bind(claim.now_ms.saturating_add(LEASE_MS_MAX))
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Lease {
        name: name.to_owned(),
        epoch: row.get::<i64, _>(0).unsigned_abs(),
    }))
}

/// Whether `lease` is still the current one. Every transaction that it protects asks first.
pub async fn check(conn: &mut Connection, lease: &Lease) -> sqlx::Result<bool> {
    let held = sqlx::query("SELECT 1 FROM lease WHERE name = $1 AND epoch = $2")
        .bind(&lease.name)
        .bind(stored(lease.epoch))
        .fetch_optional(conn)
        .await?;
    Ok(held.is_some())
}

/// Gives the lease back, so that the next process need not wait. It keeps its epoch.
pub async fn release(conn: &mut Connection, lease: &Lease) -> sqlx::Result<()> {
    sqlx::query("UPDATE lease SET until_ms = 0, holder = $3 WHERE name = $1 AND epoch = $2")
        .bind(&lease.name)
        .bind(stored(lease.epoch))
        .bind(NOBODY)
        .execute(conn)
        .await?;
    Ok(())
}

/// Both engines' integers are signed; epochs stay far below the bound.
fn stored(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
