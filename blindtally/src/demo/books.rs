//! The services' own books: what their databases, APIs and topics say at the end.

mod log;
mod orders;
mod registry;
mod tally;
mod votes;

use std::{collections::BTreeMap, sync::Arc};

use messages::{FundingSource, money::Amount, publisher::Publisher};

use super::{AttackRow, BySource, Measurements, Report, Scores};
use crate::{
    attacks::{Shop, Watch},
    system::{ServiceName, System, settlement},
};

/// What a token costs, by the SKUs of the demo.
const PRICE: &str = "0.25";

/// In which currency.
const CURRENCY: &str = "BAT";

/// What every service says.
#[derive(Debug, Default)]
pub(super) struct Books {
    /// What lies at the settlement addresses, by the custodian's word.
    pub(super) arrived: BySource<Amount>,
    /// What a token costs.
    pub(super) price: Amount,
    /// Whether the custodian's money is all there.
    pub(super) conserved: bool,
    /// What payments' orders side says.
    pub(super) orders: orders::Orders,
    /// What challenge-bypass says.
    pub(super) registry: registry::Registry,
    /// Votes that payments' votes side took.
    pub(super) votes_accepted: u64,
    /// Tokens on them.
    pub(super) tokens_accepted: u64,
    /// Vote events on the log.
    pub(super) events_published: u64,
    /// Tokens of those events, by source.
    pub(super) tokens_published: BySource<u64>,
    /// What tally says.
    pub(super) tally: tally::Tally,
}

/// Reads all books.
pub(super) async fn read(system: &System) -> anyhow::Result<Books> {
    let layout = system.layout();
    let votes = votes::VotesBook::open(layout).await?;
    let published = log::read(layout).await?;
    let sandbox = system.sandbox();
    let mut arrived = BTreeMap::new();
    for (source, address) in [
        (FundingSource::AnonymousCard, settlement::ANONYMOUS_CARD),
        (FundingSource::UserWallet, settlement::GEMINI),
        (FundingSource::UserWallet, settlement::UPHOLD),
    ] {
        let balance = sandbox.balance(
            &address.to_owned().try_into()?,
            &CURRENCY.to_owned().try_into()?,
        );
        crate::attacks::Books::add(&mut arrived, source, balance);
    }
    Ok(Books {
        arrived,
        price: PRICE.parse()?,
        conserved: sandbox.is_conserved(),
        orders: orders::read(layout).await?,
        registry: registry::read(layout).await?,
        votes_accepted: votes.votes().await?,
        tokens_accepted: votes.tokens_counted().await?,
        events_published: published.events,
        tokens_published: published.tokens,
        tally: tally::read(layout).await?,
    })
}

/// Where the actors buy.
pub(super) fn shop(system: &System) -> anyhow::Result<Shop> {
    let layout = system.layout();
    let mut skus = BTreeMap::new();
    for source in FundingSource::ALL {
        skus.insert(source, layout.sku_token(source)?);
    }
    Ok(Shop {
        server: layout.transport(ServiceName::Payments)?,
        custodian: layout.transport(ServiceName::SandboxCustodian)?,
        skus,
        price: PRICE.parse()?,
        currency: CURRENCY.to_owned(),
        uphold_address: settlement::UPHOLD.to_owned(),
        gemini_address: settlement::GEMINI.to_owned(),
        card_address: settlement::ANONYMOUS_CARD.to_owned(),
    })
}

/// The operator's eyes, for attacks.
pub(super) async fn watch(system: &System) -> anyhow::Result<Arc<dyn Watch>> {
    Ok(Arc::new(votes::VotesBook::open(system.layout()).await?))
}

impl Books {
    /// The report that these books give.
    pub(super) fn report(&self, scores: &Scores, reconciled: bool) -> Report {
        // In the order in which they were made.
        let attacks = crate::attacks::Attack::ALL.into_iter();
        let row = |attack| Some(AttackRow::new(attack, *scores.get(&attack)?));
        Report {
            orders_paid: self.orders.paid,
            funds_received: self.orders.received.clone(),
            tokens_sold: self.orders.sold.clone(),
            tokens_issued: self.registry.signed.clone(),
            tokens_redeemed: self.registry.redeemed.clone(),
            votes_accepted: self.votes_accepted,
            events_published: self.events_published,
            votes_counted: self.tally.counted.clone(),
            paid_out: self.tally.paid_out.clone(),
            fees: self.tally.fees.clone(),
            attacks: attacks.filter_map(row).collect(),
            reconciled,
            measurements: Measurements::default(),
        }
    }

    /// The publishers with the most votes first, and what each has.
    pub(super) fn publishers(&self) -> Vec<(Publisher, u64)> {
        let mut publishers: Vec<_> = self
            .tally
            .publishers
            .iter()
            .map(|(publisher, votes)| (publisher.clone(), *votes))
            .collect();
        publishers.sort_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
        publishers
    }
}
