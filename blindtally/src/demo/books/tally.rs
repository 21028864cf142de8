//! tally's API: months, payouts and the ledger.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, ensure};
use messages::{FundingSource, money::Amount, publisher::Publisher};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use service_kit::tls::{ClientTls, http_client};
use url::Url;

use crate::{
    attacks::Books,
    demo::BySource,
    system::{Layout, ServiceName},
};

/// The month of the demo.
const MONTH: &str = "2026-01";

/// What was counted and paid.
#[derive(Debug, Default)]
pub(in crate::demo) struct Tally {
    /// Counted tokens.
    pub(in crate::demo) counted: BySource<u64>,
    /// What publishers were credited with.
    pub(in crate::demo) paid_out: BySource<Amount>,
    /// The same, added up over the rows of the payouts.
    pub(in crate::demo) payouts: BySource<Amount>,
    /// What was kept as fees.
    pub(in crate::demo) fees: BySource<Amount>,
    /// What is in the pool, by the ledger's entries.
    pub(in crate::demo) left: BySource<Amount>,
    /// Counted tokens by publisher.
    pub(in crate::demo) publishers: BTreeMap<Publisher, u64>,
}

#[derive(Deserialize)]
struct Month {
    state: String,
    totals: Vec<Totals>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Totals {
    funding_source: FundingSource,
    votes: u64,
    closing: Option<Closing>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Closing {
    paid_out: Amount,
    fee: Amount,
}

#[derive(Deserialize)]
struct Payouts {
    payouts: Vec<Payout>,
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payout {
    funding_source: FundingSource,
    channel: Publisher,
    votes: u64,
    amount: Amount,
}

#[derive(Deserialize)]
struct Entries {
    entries: Vec<Entry>,
    next: Option<u64>,
}

#[derive(Deserialize)]
struct Entry {
    debit: String,
    credit: String,
    amount: Amount,
}

struct Api {
    http: reqwest::Client,
    base: Url,
    token: SecretString,
}

impl Api {
    async fn get<T: DeserializeOwned>(&self, path: &str, after: Option<&str>) -> anyhow::Result<T> {
        let mut url = self.base.join(path)?;
        if let Some(after) = after {
            url.query_pairs_mut().append_pair("after", after);
        }
        let request = self.http.get(url).bearer_auth(self.token.expose_secret());
        Ok(request.send().await?.error_for_status()?.json().await?)
    }
}

pub(super) async fn read(layout: &Layout) -> anyhow::Result<Tally> {
    let tls = ClientTls {
        ca_file: layout.pki().ca(),
        ..ClientTls::default()
    };
    let api = Api {
        http: http_client(&tls, Duration::from_secs(10))?,
        base: layout.url(ServiceName::Tally),
        token: layout.tally_token()?,
    };
    let mut tally = Tally::default();
    months(&api, &mut tally).await?;
    payouts(&api, &mut tally).await?;
    pools(&api, &mut tally).await?;
    Ok(tally)
}

async fn months(api: &Api, tally: &mut Tally) -> anyhow::Result<()> {
    let month: Month = api.get(&format!("/v1/months/{MONTH}"), None).await?;
    ensure!(month.state == "closed", "the month did not close");
    for line in month.totals {
        *tally.counted.entry(line.funding_source).or_default() += line.votes;
        if let Some(closing) = line.closing {
            Books::add(&mut tally.paid_out, line.funding_source, closing.paid_out);
            Books::add(&mut tally.fees, line.funding_source, closing.fee);
        }
    }
    Ok(())
}

async fn payouts(api: &Api, tally: &mut Tally) -> anyhow::Result<()> {
    let path = format!("/v1/months/{MONTH}/payouts");
    let mut after = None;
    loop {
        let page: Payouts = api.get(&path, after.as_deref()).await?;
        for row in page.payouts {
            Books::add(&mut tally.payouts, row.funding_source, row.amount);
            *tally.publishers.entry(row.channel).or_default() += row.votes;
        }
        if page.next.is_none() {
            return Ok(());
        }
        after = page.next;
    }
}

/// What is in the pools, added up from the first entry on.
async fn pools(api: &Api, tally: &mut Tally) -> anyhow::Result<()> {
    let mut balances = BTreeMap::<String, i128>::new();
    let mut after = None;
    loop {
        let page: Entries = api.get("/v1/ledger/entries", after.as_deref()).await?;
        for entry in page.entries {
            *balances.entry(entry.debit).or_default() -= entry.amount.base_units();
            *balances.entry(entry.credit).or_default() += entry.amount.base_units();
        }
        let Some(next) = page.next else {
            break;
        };
        after = Some(next.to_string());
    }
    for source in FundingSource::ALL {
        let units = balances.get(&format!("pool:{source}")).copied();
        let left = Amount::from_base_units(units.unwrap_or_default());
        let left = left.context("a pool owes more than it received")?;
        tally.left.insert(source, left);
    }
    Ok(())
}
