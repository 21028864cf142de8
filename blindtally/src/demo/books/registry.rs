//! challenge-bypass's API, asked as payments asks it: with its client certificate.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use messages::{
    FundingSource,
    challenge_bypass::Issuer,
    directory::{Directory, Entry},
};
use service_kit::tls::{ClientTls, http_client};

use crate::{
    demo::BySource,
    system::{Layout, ServiceName},
};

/// What was signed and spent.
#[derive(Debug, Default)]
pub(in crate::demo) struct Registry {
    /// Signed tokens.
    pub(in crate::demo) signed: BySource<u64>,
    /// Redeemed tokens.
    pub(in crate::demo) redeemed: BySource<u64>,
    /// How many keys signed something.
    pub(in crate::demo) keys: BySource<u64>,
}

pub(super) async fn read(layout: &Layout) -> anyhow::Result<Registry> {
    let own = layout.pki().identity("payments-client");
    let tls = ClientTls {
        ca_file: layout.pki().ca(),
        certificate_file: own.certificate,
        key_file: own.key,
    };
    let http = http_client(&tls, Duration::from_secs(10))?;
    let base = layout.url(ServiceName::ChallengeBypass);
    let url = base.join("/v4/key-directory")?;
    let directory: Directory = http
        .get(url)
        .send()
        .await?
        .error_for_status()?
        .json()
        .await?;
    let issuers: BTreeMap<String, FundingSource> = directory
        .entries
        .iter()
        .filter_map(Entry::issuer_key)
        .map(|entry| (entry.issuer.clone(), entry.funding_source))
        .collect();

    let mut registry = Registry::default();
    for (name, source) in issuers {
        let mut url = base.clone();
        url.path_segments_mut()
            .ok()
            .context("an address has a path")?
            .extend(["v4", "issuers", &name]);
        let issuer: Issuer = http
            .get(url)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        for key in issuer.keys {
            *registry.signed.entry(source).or_default() += key.signed_total;
            *registry.redeemed.entry(source).or_default() += key.redeemed_total;
            *registry.keys.entry(source).or_default() += u64::from(key.signed_total > 0);
        }
    }
    Ok(registry)
}
