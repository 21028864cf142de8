use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use messages::{
    BlindedToken, FundingSource, SigningRequestId, challenge_bypass::SigningResponse,
    encoding::Fixed, payments::OrderStatus,
};
use reqwest::StatusCode;
use service_kit::fault::FaultPoints;
use uuid::Uuid;

use super::*;
use crate::{
    challenge_bypass::Unusable,
    domain::{
        credentials::Points,
        order::{Item, Order},
        sku::{Catalogue, Sku},
        transfer::{Custodian, Transfer, TransferStatus},
    },
    jobs::testing::{Bench, at, clock},
    signing::Signer,
    store::orders::{NewTransfer, PlaceLimits, Store as _},
};

/// Signs for every issuer but one.
#[derive(Debug, Default)]
struct OneWithoutKey(Mutex<Vec<String>>);

#[async_trait]
impl Signer for OneWithoutKey {
    async fn sign(
        &self,
        issuer: &str,
        _request: SigningRequestId,
        tokens: Vec<BlindedToken>,
    ) -> Result<SigningResponse, challenge_bypass::Error> {
        self.0.lock().unwrap().push(issuer.to_owned());
        if issuer.ends_with("keyless") {
            return Err(Unusable::Status(StatusCode::SERVICE_UNAVAILABLE).into());
        }
        Ok(SigningResponse {
            public_key: Fixed([7; 32]),
            signed_tokens: tokens.iter().map(|token| Fixed(token.0)).collect(),
            batch_proof: Fixed([8; 64]),
        })
    }
}

fn start() -> DateTime<Utc> {
    at("2026-01-10T05:00:00Z")
}

/// A paid order of one token of a SKU, whose point waits to be signed.
async fn submitted(bench: &Bench, n: u128, sku: &str) -> Uuid {
    let item = Item {
        id: Uuid::from_u128(n + 100),
        sku: sku.to_owned(),
        quantity: 1,
        price: "1".parse().unwrap(),
        subtotal: "1".parse().unwrap(),
        location: String::new(),
        description: String::new(),
    };
    let order = Order {
        id: Uuid::from_u128(n),
        created_at: start(),
        updated_at: start(),
        kept_from: start(),
        currency: "BAT".to_owned(),
        total: "1".parse().unwrap(),
        funding_source: FundingSource::UserWallet,
        status: OrderStatus::Pending,
        references_used: 0,
        has_transfers: false,
        items: vec![item],
    };
    let limits = PlaceLimits {
        unpaid_max: 10,
        idempotency_max: 0,
    };
    bench.orders.place(&order, None, limits).await.unwrap();
    let new = NewTransfer {
        transfer: Transfer {
            id: Uuid::new_v4(),
            order_id: order.id,
            custodian: Custodian::Uphold,
            external_id: None,
            payment_id: None,
            status: TransferStatus::Completed,
            currency: "BAT".to_owned(),
            amount: "1".parse().unwrap(),
            created_at: start(),
            updated_at: start(),
        },
        names: Vec::new(),
        reference: None,
        card_amount: None,
        transfers_max: 1,
    };
    let _recorded = bench.orders.record(&order, &new, start()).await.unwrap();
    let (item, points) = (order.items[0].id, Points::stored(vec![Fixed([9; 32])]));
    let _accepted = bench.orders.submit(order.id, item, &points).await.unwrap();
    order.id
}

#[tokio::test]
async fn an_issuer_without_a_key_holds_up_nobody_else() {
    let bench = Bench::new().await;
    let mut orders = Vec::new();
    for (n, sku) in [(1, "keyless"), (2, "other"), (3, "keyless"), (4, "other")] {
        orders.push(submitted(&bench, n, sku).await);
    }
    let sku = Sku {
        name: "other".to_owned(),
        price: "1".parse().unwrap(),
        currency: "BAT".to_owned(),
        description: String::new(),
        funding_source: FundingSource::UserWallet,
        on_sale: true,
    };
    let signer = Arc::new(OneWithoutKey::default());
    let job = SigningJob {
        signing: Signing {
            store: bench.orders.clone(),
            signer: signer.clone(),
            catalogue: Arc::new(Catalogue::new(vec![sku], vec![], vec![]).unwrap()),
            clock: clock("2026-01-10T06:00:00Z"),
            fault: FaultPoints::default(),
        },
    };

    let next = job.run_once().await.unwrap();

    assert_eq!(next, Next::After(PAUSE), "the others wait");
    let mut status = Vec::new();
    for order in orders {
        status.push(bench.orders.order(order).await.unwrap().unwrap().status);
    }
    let (paid, fulfilled) = (OrderStatus::Paid, OrderStatus::Fulfilled);
    assert_eq!(status, [paid, fulfilled, paid, fulfilled]);
    let asked = signer.0.lock().unwrap().clone();
    let of_keyless = asked.iter().filter(|issuer| issuer.ends_with("keyless"));
    assert_eq!(of_keyless.count(), 1, "once a turn is enough");
}
