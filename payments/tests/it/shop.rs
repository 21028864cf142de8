//! A house with a custodian: where orders are placed and paid.

use blindtally::system::{Planted, ServiceName};
use client::{payer::sign_card_transfer, tokens::Blinding};
use ed25519_dalek::SigningKey;
use http::Method;
use messages::{
    FundingSource,
    money::Amount,
    payments::{
        CardTransfer, CardTransferRequest, Denomination, Order, OrderCredentials, OrderStatus,
        Transaction,
    },
};
use payments::Config;
use rand::{RngCore as _, rngs::OsRng};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use service_kit::Running;
use uuid::Uuid;

use crate::house::{Answer, House, Wish, answer, run};

/// Payments, challenge-bypass and the sandbox custodian.
pub(crate) struct Shop {
    pub(crate) house: House,
    pub(crate) config: Config,
    custodian: Option<Running>,
}

/// A card with 1,000 BAT, and its key.
pub(crate) struct Card {
    pub(crate) id: Uuid,
    key: SigningKey,
}

/// An order and its capability.
#[derive(Clone)]
pub(crate) struct Bought {
    pub(crate) order: Order,
    pub(crate) capability: String,
}

impl Bought {
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/v1/orders/{}{rest}", self.order.id)
    }
}

impl Answer {
    /// The body, of an answer with this status.
    #[track_caller]
    pub(crate) fn read<T: DeserializeOwned>(&self, status: u16) -> T {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{text}");
        assert_eq!(self.headers["content-type"], "application/json");
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The slug, of an answer with its status.
    #[track_caller]
    pub(crate) fn refusal(&self) -> &'static str {
        let text = String::from_utf8_lossy(&self.body);
        self.slug()
            .unwrap_or_else(|| panic!("{} {text}", self.status))
            .as_str()
    }
}

impl Shop {
    pub(crate) async fn open() -> Self {
        Self::with(Wish::default()).await
    }

    pub(crate) async fn with(wish: Wish) -> Self {
        let house = House::with(wish).await;
        let name = ServiceName::SandboxCustodian;
        let planted = Planted::default();
        let built = house.layout.build(name, house.clock.clone(), &planted);
        let (service, _) = built.await.unwrap();
        let mut shop = Self {
            config: house
                .layout
                .settings(ServiceName::Payments)
                .load(ServiceName::Payments)
                .unwrap(),
            custodian: Some(service.start().await.unwrap()),
            house,
        };
        let funds = json!({"id": "user", "funds": {"BAT": "100000", "USD": "100000"}});
        assert_eq!(
            shop.at_custodian(Method::POST, "/sandbox/accounts", &funds)
                .await
                .status,
            201
        );
        shop.house
            .simulation
            .run_for(chrono::TimeDelta::seconds(1))
            .await;
        shop
    }

    /// A request with a capability, or without.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        capability: Option<&str>,
        body: Option<&Value>,
    ) -> Answer {
        let mut call = self.house.http.request(method, self.house.url(path));
        if let Some(capability) = capability {
            call = call.header("authorization", format!("Bearer {capability}"));
        }
        if let Some(body) = body {
            call = call
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        answer(call).await
    }

    pub(crate) fn sku(&self, source: FundingSource) -> String {
        self.house.layout.sku_token(source).unwrap()
    }

    pub(crate) fn order_body(&self, source: FundingSource, quantity: i64) -> Value {
        json!({"items": [{"sku": self.sku(source), "quantity": quantity}]})
    }

    pub(crate) async fn place(&self, body: &Value) -> Answer {
        self.send(Method::POST, "/v1/orders", None, Some(body))
            .await
    }

    pub(crate) async fn buy(&self, source: FundingSource, quantity: i64) -> Bought {
        let order: Order = self
            .place(&self.order_body(source, quantity))
            .await
            .read(201);
        let capability = order.capability.clone().unwrap();
        Bought { order, capability }
    }

    pub(crate) async fn wallet(&self, quantity: i64) -> Bought {
        self.buy(FundingSource::UserWallet, quantity).await
    }

    pub(crate) async fn get(&self, bought: &Bought, rest: &str) -> Answer {
        self.send(
            Method::GET,
            &bought.path(rest),
            Some(&bought.capability),
            None,
        )
        .await
    }

    pub(crate) async fn post(&self, bought: &Bought, rest: &str, body: &Value) -> Answer {
        let capability = Some(bought.capability.as_str());
        self.send(Method::POST, &bought.path(rest), capability, Some(body))
            .await
    }

    /// The order as it is now.
    pub(crate) async fn now(&self, bought: &Bought) -> Order {
        self.get(bought, "").await.read(200)
    }

    pub(crate) async fn status(&self, bought: &Bought) -> OrderStatus {
        self.now(bought).await.status
    }

    /// A call to the custodian's own API.
    pub(crate) async fn at_custodian(&self, method: Method, path: &str, body: &Value) -> Answer {
        let url = self
            .house
            .layout
            .url(ServiceName::SandboxCustodian)
            .join(path)
            .unwrap();
        let call = self.house.http.request(method, url);
        answer(
            call.header("content-type", "application/json")
                .body(body.to_string()),
        )
        .await
    }

    pub(crate) async fn stop_custodian(&mut self) {
        self.custodian.take().unwrap().stop().await.unwrap();
    }

    pub(crate) async fn start_custodian(&mut self) {
        let name = ServiceName::SandboxCustodian;
        let (layout, clock) = (&self.house.layout, &self.house.clock);
        self.custodian = Some(run(layout, name, clock, &Planted::default()).await);
    }

    /// A transfer of a user at a custodian, as the order wants it but for `change`. Gives its id.
    pub(crate) async fn transfer(
        &self,
        custodian: &str,
        bought: &Bought,
        change: impl FnOnce(&mut Value),
    ) -> Uuid {
        let reference = self.now(bought).await.transfer_reference;
        let id = match custodian {
            "gemini" => reference,
            _ => Uuid::new_v4(),
        };
        let destination = match custodian {
            "gemini" => &self.config.custodians.gemini.settlement_address,
            _ => &self.config.custodians.uphold.settlement_address,
        };
        let mut body = json!({
            "custodian": custodian, "id": id, "from": "user", "amount": bought.order.total_price,
            "currency": "BAT", "destination": destination, "message": reference,
        });
        change(&mut body);
        let made = self
            .at_custodian(Method::POST, "/sandbox/transfers", &body)
            .await;
        made.read::<Value>(201)["id"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    pub(crate) async fn name(&self, custodian: &str, bought: &Bought, id: Uuid) -> Answer {
        let body = json!({"externalTransactionId": id, "kind": custodian});
        self.post(bought, &format!("/transactions/{custodian}"), &body)
            .await
    }

    /// Pays an order by a user's transfer.
    pub(crate) async fn pay(&self, custodian: &str, bought: &Bought) -> Transaction {
        let id = self.transfer(custodian, bought, |_| ()).await;
        self.name(custodian, bought, id).await.read(201)
    }

    pub(crate) async fn card(&self) -> Card {
        self.slow_card(0).await
    }

    pub(crate) async fn slow_card(&self, processing_seconds: u32) -> Card {
        let mut secret = [0; 32];
        OsRng.fill_bytes(&mut secret);
        let (id, key) = (Uuid::new_v4(), SigningKey::from_bytes(&secret));
        let public = messages::encoding::Fixed(key.verifying_key().to_bytes());
        let body = json!({
            "id": id, "publicKey": public, "funds": {"BAT": "1000", "USD": "1000"},
            "processingSeconds": processing_seconds,
        });
        assert_eq!(
            self.at_custodian(Method::POST, "/sandbox/accounts", &body)
                .await
                .status,
            201
        );
        Card { id, key }
    }

    /// What a card's holder sends to pay an order, but for `change`.
    pub(crate) async fn signed(
        &self,
        card: &Card,
        bought: &Bought,
        change: impl FnOnce(&mut CardTransfer),
    ) -> Value {
        let mut transfer = CardTransfer {
            denomination: Denomination {
                amount: bought.order.total_price,
                currency: "BAT".to_owned(),
            },
            destination: self
                .config
                .custodians
                .anonymous_card
                .settlement_address
                .clone(),
            message: self.now(bought).await.transfer_reference.to_string(),
        };
        change(&mut transfer);
        let request = CardTransferRequest {
            payment_id: card.id,
            transaction: sign_card_transfer(&card.key, &transfer),
            kind: None,
        };
        serde_json::to_value(request).unwrap()
    }

    pub(crate) async fn name_card(&self, bought: &Bought, signed: &Value) -> Answer {
        self.post(bought, "/transactions/anonymousCard", signed)
            .await
    }

    /// Points for the first item of an order, with what unblinds them.
    pub(crate) fn points(bought: &Bought) -> (Blinding, Value) {
        let item = &bought.order.items[0];
        let blinding = Blinding::random(item.quantity as usize, &mut OsRng);
        let body = json!({
            "itemId": item.id, "blindedCreds": blinding.points().unwrap(), "type": "single-use",
        });
        (blinding, body)
    }

    pub(crate) async fn submit(&self, bought: &Bought, points: &Value) -> Answer {
        self.post(bought, "/credentials", points).await
    }

    /// Pays an order of `quantity` and has its tokens signed.
    pub(crate) async fn buy_all(&self, quantity: i64) -> (Bought, Value, OrderCredentials) {
        let bought = self.wallet(quantity).await;
        self.pay("uphold", &bought).await;
        let (_, points) = Self::points(&bought);
        let signed = self.submit(&bought, &points).await.read(200);
        (bought, points, signed)
    }
}

pub(crate) fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}
