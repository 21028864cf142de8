//! Issuers.

use messages::challenge_bypass::Derivation;
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use crate::{
    domain::{Issuer, IssuerName, KeyPeriod, Terms},
    store::StoreError,
};

/// Adds an issuer.
pub(super) async fn insert(conn: &mut SqliteConnection, issuer: &Issuer) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO issuers (name, funding_source, sku, price, currency, key_period_days, \
         redeemable_periods, derivation) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(issuer.name.as_str())
    .bind(issuer.terms.funding_source.as_str())
    .bind(&issuer.terms.sku)
    .bind(issuer.terms.price.to_string())
    .bind(&issuer.terms.currency)
    .bind(issuer.terms.key_period.days())
    .bind(issuer.terms.redeemable_periods)
    .bind(issuer.terms.derivation.as_str())
    .execute(conn)
    .await?;
    Ok(())
}

/// The issuer of this name.
pub(super) async fn find(
    conn: &mut SqliteConnection,
    name: &IssuerName,
) -> Result<Option<Issuer>, StoreError> {
    sqlx::query("SELECT * FROM issuers WHERE name = ?")
        .bind(name.as_str())
        .fetch_optional(conn)
        .await?
        .map(|row| read(&row))
        .transpose()
}

/// All issuers, by name.
pub(super) async fn all(conn: &mut SqliteConnection) -> Result<Vec<Issuer>, StoreError> {
    let rows = sqlx::query("SELECT * FROM issuers ORDER BY name")
        .fetch_all(conn)
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &SqliteRow) -> Result<Issuer, StoreError> {
    let corrupt = StoreError::Corrupt("issuer");
    let text = |column| row.try_get::<&str, _>(column);
    let issuer = || {
        Some(Issuer {
            name: text("name").ok()?.parse().ok()?,
            terms: Terms {
                funding_source: text("funding_source").ok()?.parse().ok()?,
                sku: text("sku").ok()?.to_owned(),
                price: text("price").ok()?.parse().ok()?,
                currency: text("currency").ok()?.to_owned(),
                key_period: KeyPeriod::from_days(row.try_get("key_period_days").ok()?)?,
                redeemable_periods: row.try_get("redeemable_periods").ok()?,
                derivation: derivation(text("derivation").ok()?)?,
            },
        })
    };
    issuer().ok_or(corrupt)
}

/// The derivation of this name.
pub(super) fn derivation(name: &str) -> Option<Derivation> {
    [Derivation::Legacy, Derivation::Rfc9497]
        .into_iter()
        .find(|derivation| derivation.as_str() == name)
}
