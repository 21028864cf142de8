//! Issuers.

use messages::challenge_bypass::Derivation;
use sqlx::Row as _;

use super::{Connection, EngineRow};
use crate::{
    domain::{Issuer, IssuerName, KeyPeriod, Terms},
    store::StoreError,
};

/// Adds an issuer.
pub(super) async fn insert(conn: &mut Connection, issuer: &Issuer) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO issuers (name, funding_source, sku, price, currency, key_period_days, \
         redeemable_periods, derivation) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(issuer.name.as_str())
    .bind(issuer.terms.funding_source.as_str())
    .bind(&issuer.terms.sku)
    .bind(issuer.terms.price.to_string())
    .bind(&issuer.terms.currency)
    .bind(i64::from(issuer.terms.key_period.days()))
    .bind(i64::from(issuer.terms.redeemable_periods))
    .bind(issuer.terms.derivation.as_str())
    .execute(conn)
    .await?;
    Ok(())
}

/// The issuer of this name.
pub(super) async fn find(
    conn: &mut Connection,
    name: &IssuerName,
) -> Result<Option<Issuer>, StoreError> {
    sqlx::query("SELECT * FROM issuers WHERE name = $1")
        .bind(name.as_str())
        .fetch_optional(conn)
        .await?
        .map(|row| read(&row))
        .transpose()
}

/// All issuers, by name.
pub(super) async fn all(conn: &mut Connection) -> Result<Vec<Issuer>, StoreError> {
    let rows = sqlx::query("SELECT * FROM issuers ORDER BY name")
        .fetch_all(conn)
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &EngineRow) -> Result<Issuer, StoreError> {
    let corrupt = StoreError::Corrupt("issuer");
    let text = |column| row.try_get::<&str, _>(column);
    let number = |column| u32::try_from(row.try_get::<i64, _>(column).ok()?).ok();
    let issuer = || {
        Some(Issuer {
            name: text("name").ok()?.parse().ok()?,
            terms: Terms {
                funding_source: text("funding_source").ok()?.parse().ok()?,
                sku: text("sku").ok()?.to_owned(),
                price: text("price").ok()?.parse().ok()?,
                currency: text("currency").ok()?.to_owned(),
                key_period: KeyPeriod::from_days(number("key_period_days")?)?,
                redeemable_periods: number("redeemable_periods")?,
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
