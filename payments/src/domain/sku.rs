//! SKUs: the kinds of token that are sold, and the tokens that name them.
//!
//! A SKU token is a macaroon that whoever builds clients puts into them. It conveys a price, so it is
//! accepted only when its chain holds under a root secret of this environment *and* its caveats are
//! exactly those of a configured SKU (threats A1 and T10).

use std::fmt;

use messages::{FundingSource, money::Amount};

use super::macaroons::{self, Content, Malformed, RootKey, Unverified};

/// Who sells: the location of every SKU token, and the beginning of every issuer's name.
pub const MERCHANT: &str = "brave.com";

/// The only type of credential there is.
pub const CREDENTIAL_TYPE: &str = "single-use";

/// A kind of token that is sold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sku {
    /// Its name: lower-case letters, digits and hyphens.
    pub name: String,
    /// The price of one token.
    pub price: Amount,
    /// The currency of the price.
    pub currency: String,
    /// What it says of itself.
    pub description: String,
    /// Whose money buys it.
    pub funding_source: FundingSource,
    /// Whether new orders may have it. What was ordered before goes on all the same.
    pub on_sale: bool,
}

impl Sku {
    /// The issuer whose tokens this SKU sells, for ever: a new price needs a new SKU.
    pub fn issuer(&self) -> String {
        format!("{MERCHANT}?sku={}", self.name)
    }

    /// What its SKU token says.
    pub fn content(&self) -> Content {
        Content {
            location: MERCHANT.to_owned(),
            identifier: format!("brave {} sku token v1", self.name),
            caveats: vec![
                format!("sku={}", self.name),
                format!("price={}", self.price),
                format!("currency={}", self.currency),
                format!("description={}", self.description),
                format!("credential_type={CREDENTIAL_TYPE}"),
            ],
        }
    }

    /// Makes its SKU token.
    pub fn mint(&self, root: &RootKey) -> Result<String, Malformed> {
        macaroons::mint(&self.content(), root)
    }
}

/// Why a set of SKUs cannot be sold together.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidCatalogue {
    /// Two SKUs have one name.
    #[error("the SKU {0} is configured twice")]
    Duplicate(String),
    /// A string in `legacy_sku_tokens` names no configured SKU.
    #[error("the legacy SKU token number {0} names no configured SKU")]
    Legacy(usize),
    /// A funding source has two currencies, so that its money could not be added up.
    #[error("the funding source {0} has more than one currency")]
    MixedCurrencies(FundingSource),
    /// The name or the currency has characters that its places cannot hold.
    #[error("the SKU {0:?} has a name, currency, description or price that cannot be sold")]
    Name(String),
    /// There is nothing to sell.
    #[error("no SKU is configured")]
    Nothing,
}

/// A SKU token that this environment does not sell.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a SKU token of this environment")]
pub struct NotSold;

/// What is sold or was, and how a SKU token proves itself.
#[derive(Clone)]
pub struct Catalogue {
    skus: Vec<Sku>,
    roots: Vec<RootKey>,
    legacy: Vec<(String, usize)>,
}

impl Catalogue {
    /// The catalogue of `skus`, whose tokens hold under one of `roots`.
    ///
    /// `legacy` lists exact tokens whose secret the operator does not hold.
    pub fn new(
        skus: Vec<Sku>,
        roots: Vec<RootKey>,
        legacy: Vec<String>,
    ) -> Result<Self, InvalidCatalogue> {
        if skus.is_empty() {
            return Err(InvalidCatalogue::Nothing);
        }
        for (index, sku) in skus.iter().enumerate() {
            check(sku, skus.get(..index).unwrap_or_default())?;
        }
        let mut catalogue = Self {
            skus,
            roots,
            legacy: Vec::new(),
        };
        for (number, token) in legacy.into_iter().enumerate() {
            let found = Unverified::decode(&token)
                .ok()
                .and_then(|read| catalogue.matching(read.content()))
                .ok_or(InvalidCatalogue::Legacy(number))?;
            catalogue.legacy.push((token, found));
        }
        Ok(catalogue)
    }

    /// All SKUs.
    pub fn skus(&self) -> &[Sku] {
        &self.skus
    }

    /// The SKU of that name, also one that is not on sale.
    pub fn by_name(&self, name: &str) -> Option<&Sku> {
        self.skus.iter().find(|sku| sku.name == name)
    }

    /// The SKU that a token sells.
    pub fn accept(&self, token: &str) -> Result<&Sku, NotSold> {
        let sold = |index: usize| {
            let sku = self.skus.get(index).filter(|sku| sku.on_sale);
            sku.ok_or(NotSold)
        };
        if let Some((_, index)) = self.legacy.iter().find(|(text, _)| text == token) {
            return sold(*index);
        }
        let read = Unverified::decode(token).map_err(|Malformed| NotSold)?;
        let verified = self.roots.iter().find_map(|root| read.verify(root));
        let index = verified.and_then(|content| self.matching(content));
        sold(index.ok_or(NotSold)?)
    }

    /// Which SKU has exactly these caveats, in this order. The chain does not cover the location, so
    /// that is compared too.
    fn matching(&self, content: &Content) -> Option<usize> {
        let fits = |sku: &Sku| {
            let own = sku.content();
            own.caveats == content.caveats && own.location == content.location
        };
        self.skus.iter().position(fits)
    }
}

/// Shows the SKUs, and no secret or token.
impl fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalogue")
            .field("skus", &self.skus)
            .finish_non_exhaustive()
    }
}

/// Whether a text can stand for a currency in a capability's terms.
pub fn is_currency(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    (1..=16).contains(&text.len()) && text.bytes().all(fits)
}

/// Whether a text can name a SKU.
pub fn is_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=32).contains(&text.len()) && text.bytes().all(fits)
}

fn check(sku: &Sku, before: &[Sku]) -> Result<(), InvalidCatalogue> {
    if before.iter().any(|other| other.name == sku.name) {
        return Err(InvalidCatalogue::Duplicate(sku.name.clone()));
    }
    let fits = is_name(&sku.name)
        && is_currency(&sku.currency)
        && sku.description.len() <= 128
        && !sku.price.is_zero();
    if !fits {
        return Err(InvalidCatalogue::Name(sku.name.clone()));
    }
    let mixed =
        |other: &&Sku| other.funding_source == sku.funding_source && other.currency != sku.currency;
    match before.iter().find(mixed) {
        Some(other) => Err(InvalidCatalogue::MixedCurrencies(other.funding_source)),
        None => Ok(()),
    }
}

#[cfg(test)]
#[path = "sku_tests.rs"]
mod tests;
