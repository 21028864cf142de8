//! The attacker's hand: single requests, in any order, with any content.

use std::{collections::BTreeMap, fmt, sync::Arc};

use anyhow::{Context as _, bail, ensure};
use chrono::TimeDelta;
use client::{
    browser::body_of_vote,
    payer::{Card, Draft, Payer as _, SandboxAccount},
    tokens::{Blinding, Unspent},
    transport::{Answer, Request, Transport},
};
use clock::Busy;
use ed25519_dalek::{SigningKey, VerifyingKey};
use http::StatusCode;
use messages::{
    FundingSource,
    digest::{H, uuid_v8},
    encoding::Fixed,
    money::Amount,
    payments::{
        CredentialsRequest, Order, OrderCredentials, OrderItemRequest, OrderRequest, OrderStatus,
    },
    publisher::Publisher,
    vote_text::VoteText,
};
use rand::rngs::OsRng;
use serde::de::DeserializeOwned;
use serde_json::json;
use uuid::Uuid;

/// An attack waits out so many temporary answers: a custodian fails one call in ten.
const REPEATS_MAX: u32 = 100;

/// Between two of them.
const PAUSE: TimeDelta = TimeDelta::seconds(5);

/// Where things are sold and paid.
#[derive(Clone)]
pub struct Shop {
    /// payments.
    pub server: Arc<dyn Transport>,
    /// The sandbox custodian.
    pub custodian: Arc<dyn Transport>,
    /// The SKU tokens.
    pub skus: BTreeMap<FundingSource, String>,
    /// What one vote costs.
    pub price: Amount,
    /// In which currency.
    pub currency: String,
    /// Our address at Uphold.
    pub uphold_address: String,
    /// Our address at Gemini.
    pub gemini_address: String,
    /// Our address for cards.
    pub card_address: String,
}

impl fmt::Debug for Shop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shop(..)")
    }
}

impl Shop {
    /// The SKU token of votes out of `source`.
    pub fn sku(&self, source: FundingSource) -> anyhow::Result<&str> {
        let sku = self.skus.get(&source).map(String::as_str);
        sku.with_context(|| format!("no SKU for {source}"))
    }

    /// Opens an account with play money at the custodian. Opening it again is harmless.
    pub async fn open_account(&self, account: &Account) -> anyhow::Result<()> {
        let key = account.card_key.map(|key| Fixed(key.to_bytes()));
        let body = json!({
            "id": account.id,
            "publicKey": key,
            "funds": account.funds,
            "processingSeconds": account.processing_seconds,
        });
        let request = Request::post("/sandbox/accounts", body.to_string().into_bytes());
        let answer = self.custodian.send(&request).await?;
        let open = answer.status.is_success() || answer.status == StatusCode::CONFLICT;
        ensure!(open, "the custodian opens no account: {}", answer.status);
        Ok(())
    }
}

/// An account at the custodian, to be opened.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Its id.
    pub id: String,
    /// With a key it is a card.
    pub card_key: Option<VerifyingKey>,
    /// The play money on it.
    pub funds: BTreeMap<String, Amount>,
    /// How long a card's transfer takes.
    pub processing_seconds: u32,
}

/// What honest steps of attackers add to the system's books.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Books {
    /// Orders that were paid.
    pub orders_paid: u64,
    /// What they cost, by source.
    pub received: BTreeMap<FundingSource, Amount>,
    /// Their tokens, by source.
    pub sold: BTreeMap<FundingSource, u64>,
    /// The tokens of them that were signed.
    pub issued: BTreeMap<FundingSource, u64>,
    /// Tokens on votes that were counted, by source.
    pub counted: BTreeMap<FundingSource, u64>,
    /// Votes that were counted.
    pub votes: u64,
    /// Money that reached the settlement addresses and pays for no vote, by source.
    pub stranded: BTreeMap<FundingSource, Amount>,
}

impl Books {
    /// Adds an amount to a row.
    pub fn add(row: &mut BTreeMap<FundingSource, Amount>, source: FundingSource, amount: Amount) {
        let sum = row.entry(source).or_insert(Amount::ZERO);
        *sum = sum.checked_add(amount).unwrap_or(Amount::MAX);
    }
}

/// An order that is not paid yet.
#[derive(Clone, Debug)]
pub struct OpenOrder {
    /// The order, with its capability.
    pub order: Order,
    /// Whose money it is for.
    pub source: FundingSource,
    capability: String,
}

/// Sends what an attacker sends.
pub struct Hand {
    /// Where to.
    pub shop: Shop,
    /// What it did honestly.
    pub books: Books,
    /// Its counted tokens by publisher.
    pub publishers: BTreeMap<Publisher, u64>,
    name: String,
    busy: Busy,
}

impl fmt::Debug for Hand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hand")
            .field("books", &self.books)
            .finish_non_exhaustive()
    }
}

impl Hand {
    /// An attacker of that name.
    pub fn new(shop: Shop, name: impl Into<String>, busy: Busy) -> Self {
        Self {
            shop,
            books: Books::default(),
            publishers: BTreeMap::new(),
            name: name.into(),
            busy,
        }
    }

    /// Sends a request until the answer is more than temporary.
    pub async fn send(&mut self, request: &Request) -> anyhow::Result<Answer> {
        for _ in 0..REPEATS_MAX {
            let answer = self.shop.server.send(request).await?;
            if !answer.is_temporary() {
                return Ok(answer);
            }
            self.busy.sleep(PAUSE).await;
        }
        bail!("the server gives no lasting answer")
    }

    /// Sends a request that must succeed: it is an honest one.
    pub async fn ask<T: DeserializeOwned>(&mut self, request: &Request) -> anyhow::Result<T> {
        let answer = self.send(request).await?;
        let problem = answer.problem().unwrap_or_default();
        ensure!(
            answer.status.is_success(),
            "an honest request is refused: {} {problem}",
            answer.status
        );
        Ok(serde_json::from_slice(&answer.body)?)
    }

    /// Orders `quantity` tokens.
    pub async fn order(
        &mut self,
        source: FundingSource,
        quantity: u32,
    ) -> anyhow::Result<OpenOrder> {
        let body = OrderRequest {
            items: vec![OrderItemRequest {
                sku: self.shop.sku(source)?.to_owned(),
                quantity: quantity.into(),
            }],
        };
        let request = Request::post("/v1/orders", serde_json::to_vec(&body)?);
        let order: Order = self.ask(&request).await?;
        let capability = order.capability.clone().context("an order's capability")?;
        Ok(OpenOrder {
            order,
            source,
            capability,
        })
    }

    /// The order as it stands.
    pub async fn look(&mut self, open: &OpenOrder) -> anyhow::Result<Order> {
        let path = format!("/v1/orders/{}", open.order.id);
        self.ask(&Request::get(path).with_capability(&open.capability))
            .await
    }

    /// Whether the order is not paid.
    pub async fn is_unpaid(&mut self, open: &OpenOrder) -> anyhow::Result<bool> {
        Ok(self.look(open).await?.status == OrderStatus::Pending)
    }

    /// The attacker's account, with money of both kinds.
    pub async fn account(&self, address: &str) -> anyhow::Result<SandboxAccount> {
        let id = format!("account-of-{}", self.name);
        let plenty: Amount = "1000".parse()?;
        let funds = BTreeMap::from([
            (self.shop.currency.clone(), plenty),
            ("USD".to_owned(), plenty),
        ]);
        let account = Account {
            id: id.clone(),
            funds,
            ..Account::default()
        };
        self.shop.open_account(&account).await?;
        Ok(SandboxAccount {
            api: Arc::clone(&self.shop.custodian),
            custodian: client::payer::Custodian::Uphold,
            account: id,
            destination: address.to_owned(),
            arrives_at: None,
        })
    }

    /// The attacker's card.
    pub async fn card(&self) -> anyhow::Result<Card> {
        let digest = H::new("an attacker's card")
            .part(self.name.as_bytes())
            .finish();
        let key = SigningKey::from_bytes(&digest);
        let payment_id = uuid_v8(digest);
        let account = Account {
            id: payment_id.to_string(),
            card_key: Some(key.verifying_key()),
            funds: BTreeMap::from([(self.shop.currency.clone(), "1000".parse()?)]),
            processing_seconds: 0,
        };
        self.shop.open_account(&account).await?;
        Ok(Card {
            payment_id,
            key,
            destination: self.shop.card_address.clone(),
        })
    }

    /// Makes a transfer of `amount` for the order's current reference.
    pub async fn transfer(
        &mut self,
        open: &OpenOrder,
        amount: Amount,
        currency: &str,
    ) -> anyhow::Result<Draft> {
        let account = self.account(&self.shop.uphold_address).await?;
        let draft = account.draft(open.order.transfer_reference, amount, currency);
        account.send(&draft).await?;
        Ok(draft)
    }

    /// Names a transfer for an order.
    pub async fn claim_transfer(
        &mut self,
        open: &OpenOrder,
        draft: &Draft,
    ) -> anyhow::Result<Answer> {
        self.send(&claim_of(open, draft)).await
    }

    /// Pays an order honestly, with a transfer that is given back.
    pub async fn pay(&mut self, open: &OpenOrder) -> anyhow::Result<Draft> {
        let (total, currency) = (open.order.total_price, open.order.currency.clone());
        let draft = self.transfer(open, total, &currency).await?;
        let answer = self.claim_transfer(open, &draft).await?;
        ensure!(answer.status.is_success(), "an honest transfer is refused");
        self.paid(open);
        Ok(draft)
    }

    /// Writes down that an order was paid.
    pub fn paid(&mut self, open: &OpenOrder) {
        let tokens: u32 = open.order.items.iter().map(|item| item.quantity).sum();
        self.books.orders_paid += 1;
        *self.books.sold.entry(open.source).or_default() += u64::from(tokens);
        Books::add(
            &mut self.books.received,
            open.source,
            open.order.total_price,
        );
    }

    /// Has the tokens of a paid order signed.
    pub async fn tokens(&mut self, open: &OpenOrder) -> anyhow::Result<Vec<Unspent>> {
        let item = open.order.items.first().context("an order has an item")?;
        let blinding = Blinding::random(usize::try_from(item.quantity)?, &mut OsRng);
        let credentials: OrderCredentials = {
            let request = credentials_of(open, item.id, &blinding)?;
            self.ask(&request).await?
        };
        let tokens = blinding.unblind(
            &credentials.signed_creds,
            &credentials.batch_proof,
            &credentials.public_key,
        )?;
        *self.books.issued.entry(open.source).or_default() += u64::try_from(tokens.len())?;
        Ok(tokens)
    }

    /// Whether an order's credentials are refused.
    pub async fn is_refused_tokens(&mut self, open: &OpenOrder) -> anyhow::Result<bool> {
        let item = open.order.items.first().context("an order has an item")?;
        let blinding = Blinding::random(usize::try_from(item.quantity)?, &mut OsRng);
        let request = credentials_of(open, item.id, &blinding)?;
        Ok(self.send(&request).await?.status.is_client_error())
    }

    /// Buys tokens honestly.
    pub async fn buy(&mut self, quantity: u32) -> anyhow::Result<Vec<Unspent>> {
        let open = self.order(FundingSource::UserWallet, quantity).await?;
        self.pay(&open).await?;
        self.tokens(&open).await
    }

    /// Sends a vote as it is.
    pub async fn send_vote(&mut self, body: &str) -> anyhow::Result<Answer> {
        let request = Request::post("/v1/votes", body.as_bytes().to_vec());
        self.send(&request).await
    }

    /// Votes honestly, and gives the body that was counted.
    pub async fn vote(&mut self, tokens: &[Unspent], text: &VoteText) -> anyhow::Result<String> {
        let body = body_of_vote(tokens, text);
        let answer = self.send_vote(&body).await?;
        ensure!(answer.status.is_success(), "an honest vote is refused");
        self.books.votes += 1;
        let counted = self
            .books
            .counted
            .entry(FundingSource::UserWallet)
            .or_default();
        let tokens = u64::try_from(tokens.len())?;
        *counted += tokens;
        *self.publishers.entry(text.publisher.clone()).or_default() += tokens;
        Ok(body)
    }
}

/// The request that names a transfer for an order.
pub(super) fn claim_of(open: &OpenOrder, draft: &Draft) -> Request {
    let route = draft.method.route();
    let path = format!("/v1/orders/{}/transactions/{route}", open.order.id);
    Request::post(path, draft.body()).with_capability(&open.capability)
}

fn credentials_of(open: &OpenOrder, item: Uuid, blinding: &Blinding) -> anyhow::Result<Request> {
    let body = CredentialsRequest {
        item_id: item,
        blinded_creds: blinding.points()?,
    };
    let path = format!("/v1/orders/{}/credentials", open.order.id);
    Ok(Request::post(path, serde_json::to_vec(&body)?).with_capability(&open.capability))
}
