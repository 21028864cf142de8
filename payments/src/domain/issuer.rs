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

#[cfg(test)]
mod tests {
    use messages::challenge_bypass::Derivation;

    use super::*;

    fn spec(name: &str, source: FundingSource, price: &str, currency: &str) -> IssuerSpec {
        IssuerSpec {
            name: name.to_owned(),
            terms: IssuerTerms {
                funding_source: source,
                sku: name.to_owned(),
                price: price.parse().unwrap(),
                currency: currency.to_owned(),
                key_period: "P30D".to_owned(),
                redeemable_periods: 2,
                derivation: Derivation::Rfc9497,
            },
        }
    }

    #[test]
    fn issuers_of_one_source_and_value_share_a_kind_of_funds() {
        let (wallet, card) = (FundingSource::UserWallet, FundingSource::AnonymousCard);
        let issuers = [
            spec("a", wallet, "0.25", "BAT"),
            spec("b", wallet, "0.25", "BAT"),
            spec("c", wallet, "1", "BAT"),
            spec("d", card, "0.25", "BAT"),
        ];

        let kinds = funds_kinds(&issuers);

        let quarter = "0.25".parse().unwrap();
        assert_eq!(kinds.len(), 3);
        assert_eq!(kinds[&(wallet, quarter)].1, ["a", "b"]);
        assert_eq!(
            kinds[&(card, quarter)],
            ("BAT".to_owned(), vec!["d".to_owned()])
        );
    }
}
