//! Puts the orders side together.

use std::{fmt, sync::Arc};

use anyhow::Context as _;
use axum::Router;
use chrono::TimeDelta;
use clock::Clock;
use messages::challenge_bypass::{Derivation, IssuerTerms};
use secrecy::ExposeSecret as _;
use service_kit::{crypto::Pool, jobs::Job, service::Readiness};

use crate::{
    challenge_bypass::Client,
    config::Config,
    custodians::HttpCustody,
    domain::{
        capability::Capabilities,
        derivation::OrderSecret,
        issuer::{IssuerSpec, funds_kinds},
        macaroons::RootKey,
        order::Waiting,
        sku::{Catalogue, Sku},
    },
    jobs::{retention::RetentionJob, signing::SigningJob, transfers::TransfersJob},
    published::PublishedDirectory,
    routes::{
        alarms::CredentialAlarms,
        orders_state::{OrderLimits, OrdersParts, OrdersState, router},
    },
    rules::Rules,
    signing::Signing,
    store::orders::{OrdersDatabase, PlaceLimits, Store},
    transfers::Transfers,
};

/// What the orders side is made of.
#[derive(Debug)]
pub(crate) struct OrdersSideParts<'a> {
    pub(crate) config: &'a Config,
    pub(crate) client: Client,
    pub(crate) store: Arc<dyn OrdersDatabase>,
    pub(crate) directory: Arc<PublishedDirectory>,
    pub(crate) clock: Clock,
    pub(crate) rules: Rules,
}

/// The orders side, put together.
pub(crate) struct OrdersSide {
    /// Its routes.
    pub(crate) router: Router,
    /// Its jobs.
    pub(crate) jobs: Vec<Arc<dyn Job>>,
    store: Arc<dyn OrdersDatabase>,
}

impl OrdersSide {
    /// Adds what must work on this side.
    pub(crate) fn add_checks(&self, readiness: Readiness) -> Readiness {
        let store = Arc::clone(&self.store);
        readiness.check("orders-database", move || {
            let store = Arc::clone(&store);
            async move { store.check().await }
        })
    }
}

impl fmt::Debug for OrdersSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrdersSide").finish_non_exhaustive()
    }
}

/// What is sold, with the secrets that SKU tokens hold under.
pub fn catalogue(config: &Config) -> anyhow::Result<Catalogue> {
    let skus = config.skus.iter().map(Sku::from).collect();
    let mut roots = Vec::new();
    for file in &config.secrets.sku_root_files {
        roots.push(RootKey::from_secret(
            file.read_text()?.expose_secret().as_bytes(),
        ));
    }
    let legacy = config.legacy_sku_tokens.clone();
    Catalogue::new(skus, roots, legacy).context("the SKUs cannot be sold")
}

/// The issuers of what is sold.
pub(crate) fn issuers(config: &Config) -> Vec<IssuerSpec> {
    let spec = |sku: &crate::config::SkuSettings| IssuerSpec {
        name: Sku::from(sku).issuer(),
        terms: IssuerTerms {
            funding_source: sku.funding_source,
            sku: sku.name.clone(),
            price: sku.price,
            currency: sku.currency.clone(),
            key_period: sku.key_period.clone(),
            redeemable_periods: sku.redeemable_periods,
            derivation: Derivation::Rfc9497,
        },
    };
    config.skus.iter().map(spec).collect()
}

/// Whether the configuration still has every issuer that the database knows: without one, its orders could not go on
/// and its keys would be missing from the records of funds.
pub(crate) async fn check_known(
    store: &dyn OrdersDatabase,
    issuers: &[IssuerSpec],
) -> anyhow::Result<()> {
    let skus = store.known_skus().await?;
    let lacking = |sku: &&String| issuers.iter().all(|one| one.terms.sku != **sku);
    if let Some(sku) = skus.iter().find(lacking) {
        anyhow::bail!(
            "the configuration lacks the SKU {sku}, which was ordered before: put it back with on_sale = false"
        );
    }
    let kinds = funds_kinds(issuers);
    for total in store.funds_totals().await? {
        anyhow::ensure!(
            kinds.contains_key(&(total.source, total.value)),
            "the configuration lacks the SKU that sold votes at {} for {}: put it back with on_sale = false",
            total.value,
            total.source
        );
    }
    Ok(())
}

/// Puts routes and jobs together.
pub(crate) fn orders_side(parts: OrdersSideParts<'_>) -> anyhow::Result<OrdersSide> {
    let (config, clock) = (parts.config, parts.clock);
    check_quantities(config)?;
    let catalogue = Arc::new(catalogue(config)?);
    let store: Arc<dyn Store> = parts.store.clone();
    let transfers = transfers(config, store.clone(), clock.clone(), &parts.rules)?;
    let secret = transfers.secret.clone();
    let signing = Signing {
        store: store.clone(),
        signer: Arc::new(parts.client),
        catalogue: Arc::clone(&catalogue),
        clock: clock.clone(),
        fault: parts.rules.fault.clone(),
    };
    let kept = config.retention;
    let ever = TimeDelta::days(kept.partly_paid_order_days.into());
    let often = TimeDelta::hours(config.transfers.transfer_poll_hours.into());
    let jobs: Vec<Arc<dyn Job>> = vec![
        Arc::new(TransfersJob::new(transfers.clone(), often, ever)),
        Arc::new(SigningJob {
            signing: signing.clone(),
        }),
        Arc::new(RetentionJob {
            transfers: transfers.clone(),
            kept,
        }),
    ];
    let state = OrdersState::new(OrdersParts {
        store,
        catalogue,
        capabilities: Capabilities::new(secret.clone(), kept.order_retention_days),
        secret,
        transfers,
        signing,
        directory: parts.directory,
        pool: Pool::for_this_machine(config.crypto)?,
        clock,
        limits: limits(config),
        alarms: CredentialAlarms::default(),
        rules: parts.rules,
    });
    Ok(OrdersSide {
        router: router(state),
        jobs,
        store: parts.store,
    })
}

/// What takes transfers and asks about them.
pub(crate) fn transfers(
    config: &Config,
    store: Arc<dyn Store>,
    clock: Clock,
    rules: &Rules,
) -> anyhow::Result<Transfers> {
    Ok(Transfers {
        store,
        custody: Arc::new(HttpCustody::new(&config.custodians, &config.transfers)?),
        secret: OrderSecret::new(*config.secrets.orders_file.read_key()?),
        require_reference: config.transfers.require_transfer_reference,
        order_transfers_max: config.orders.order_transfers_max,
        clock,
        rules: rules.transfers,
        fault: rules.fault.clone(),
    })
}

/// A quantity that is sold must be one that can be signed at once.
fn check_quantities(config: &Config) -> anyhow::Result<()> {
    let sold = &config.orders.order_quantities;
    let most = config.orders.order_quantity_max as usize;
    let most = config.credentials.blinded_tokens_max.min(most);
    let fits = |quantity: &u32| (1..=most).contains(&(*quantity as usize));
    anyhow::ensure!(
        !sold.is_empty() && sold.iter().all(fits),
        "orders.order_quantities must be between 1 and {most}"
    );
    Ok(())
}

fn limits(config: &Config) -> OrderLimits {
    let (orders, kept) = (&config.orders, &config.retention);
    OrderLimits {
        quantities: orders.order_quantities.clone(),
        items_max: orders.order_items_max,
        blinded_tokens_max: config.credentials.blinded_tokens_max,
        waiting: Waiting {
            unpaid: TimeDelta::hours(kept.unpaid_order_hours.into()),
            partly_paid: TimeDelta::days(kept.partly_paid_order_days.into()),
        },
        place: PlaceLimits {
            unpaid_max: orders.orders_unpaid_max,
            idempotency_max: orders.idempotency_rows_max,
        },
        idempotency_hours: kept.idempotency_hours,
        body_bytes_max: orders.body_bytes_max,
        credentials_body_bytes_max: config.credentials.body_bytes_max,
    }
}
