//! The issuers whose tokens are sold and redeemed here.

use std::collections::BTreeMap;

use messages::{FundingSource, challenge_bypass::IssuerTerms, money::Amount};

/// An issuer: its name at challenge-bypass, and the terms it has for ever.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IssuerSpec {
    /// `brave.com?sku=<sku>`.
    pub name: String,
    /// The terms.
    pub terms: IssuerTerms,
}

/// What a funds record is about: a funding source, and what one vote is worth.
pub type FundsKind = (FundingSource, Amount);

/// The configured kinds of funds with their currency and the names of their issuers.
pub fn funds_kinds(issuers: &[IssuerSpec]) -> BTreeMap<FundsKind, (String, Vec<String>)> {
    let mut kinds = BTreeMap::<FundsKind, (String, Vec<String>)>::new();
    for IssuerSpec { name, terms } in issuers {
        let (_, names) = kinds
            .entry((terms.funding_source, terms.price))
            .or_insert_with(|| (terms.currency.clone(), Vec::new()));
        names.push(name.clone());
    }
    kinds
}
