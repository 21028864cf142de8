//! payments, its custodian and a witness, in memory.

use challenge_bypass_ristretto::voprf::{self, BatchDLEQProof, SigningKey};
use messages::{
    KeyId, PublicKey,
    challenge_bypass::Derivation,
    digest::H,
    directory::{CHAIN_START, Directory, Entry, Event, Head, IssuerKeyEntry, WitnessedHeads},
    encoding::Fixed,
    money::Amount,
    payments::{
        AnonymitySet, AnonymitySets, CredentialsRequest, Order, OrderCredentials, OrderItem,
        OrderRequest, OrderStatus, Transaction, VoteRequest,
    },
};
use rand::rngs::OsRng;
use serde::Serialize;
use sha2::Sha512;

use super::*;
use crate::transport::{Answer, Request};

/// The issuer of what the tests buy.
const ISSUER: &str = "brave.com?sku=anon-card-vote";

/// What goes wrong.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Fault {
    /// Tokens are signed with a key of the issuer that everybody sees, and that is worth less.
    CheaperKey,
    /// Votes are not answered.
    Down,
    /// The first transfer comes to nothing.
    FailFirstTransfer,
    /// Requests are carried out, and some answers do not arrive.
    LoseEveryThirdAnswer,
    /// Tokens are signed with a key of another issuer, which everybody sees.
    OtherIssuer,
    /// Tokens are signed with a key that nobody else sees.
    OwnKey,
    /// Every vote is refused.
    RefuseVotes,
    /// The vote that comes first is never answered.
    StuckVote,
}

/// The server.
pub(super) struct Fake {
    key: SigningKey,
    other: SigningKey,
    clock: Clock,
    state: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    faults: BTreeSet<Fault>,
    answers: u64,
    price: Option<String>,
    orders: BTreeMap<String, (Order, Vec<Vec<u8>>)>,
    credentials: Option<(Vec<u8>, Vec<u8>)>,
    votes: BTreeSet<Vec<u8>>,
    spent: BTreeMap<[u8; 64], Vec<u8>>,
    repeats: usize,
    sent: Vec<(DateTime<Utc>, Vec<u8>)>,
}

impl Fake {
    pub(super) fn new(clock: &Clock) -> Self {
        Self {
            key: SigningKey::random(&mut OsRng),
            other: SigningKey::random(&mut OsRng),
            clock: clock.clone(),
            state: Mutex::default(),
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.state.lock().unwrap()
    }

    /// Lets something go wrong from now on.
    pub(super) fn plant(&self, fault: Fault) {
        self.seen().faults.insert(fault);
    }

    /// Makes it whole again.
    pub(super) fn mend(&self, fault: Fault) {
        self.seen().faults.remove(&fault);
    }

    /// When each vote came, repeats too.
    pub(super) fn vote_times(&self) -> Vec<DateTime<Utc>> {
        self.seen().sent.iter().map(|(at, _)| *at).collect()
    }

    pub(super) fn sell_for(&self, price: &str) {
        self.seen().price = Some(price.to_owned());
    }

    pub(super) fn orders(&self) -> usize {
        self.seen().orders.len()
    }

    pub(super) fn repeats(&self) -> usize {
        self.seen().repeats
    }

    /// The transfers of all orders.
    pub(super) fn paid(&self, _price: &str) -> Vec<Vec<u8>> {
        let seen = self.seen();
        let orders = seen.orders.values();
        orders
            .flat_map(|(_, transfers)| transfers.clone())
            .collect()
    }

    /// The tokens that count.
    pub(super) fn counted(&self) -> usize {
        self.seen().spent.len()
    }

    pub(super) fn directory_key() -> VerifyingKey {
        signer().verifying_key()
    }

    fn directory(&self) -> Directory {
        let from = Utc.with_ymd_and_hms(2026, 1, 3, 0, 0, 0).unwrap();
        let entry = |issuer: &str, key: &SigningKey, value: &str| {
            let public_key: PublicKey = Fixed(key.public_key.to_bytes());
            Entry::IssuerKey(IssuerKeyEntry {
                index: 0,
                issuer: issuer.to_owned(),
                key_id: KeyId::of(&public_key),
                public_key,
                derivation: Derivation::Rfc9497,
                funding_source: FundingSource::AnonymousCard,
                base_vote_value: value.parse().unwrap(),
                sign_from: from,
                sign_until: from + TimeDelta::days(30),
                redeem_until: from + TimeDelta::days(60),
                event: Event::Added,
                hash: CHAIN_START,
            })
        };
        let first = entry(ISSUER, &self.key, "0.25").after(None);
        let cheaper = self.seen().faults.contains(&Fault::CheaperKey);
        let value = if cheaper { "0.1" } else { "0.25" };
        let second = entry("brave.com?sku=other", &self.other, value).after(Some(&first));
        let entries = vec![first, second];
        let day = (from - TimeDelta::days(1)).date_naive();
        let heads = vec![Head::sign(day, &entries, &signer())];
        Directory { entries, heads }
    }

    fn order(&self, key: String, body: &[u8]) -> Order {
        let wanted: OrderRequest = serde_json::from_slice(body).unwrap();
        let quantity = wanted.items[0].quantity;
        let mut seen = self.seen();
        let price: Amount = seen.price.as_deref().unwrap_or("0.25").parse().unwrap();
        let total = price.times(quantity.unsigned_abs()).unwrap();
        let (id, now) = (Uuid::from_bytes([1; 16]), self.clock.now());
        let item = OrderItem {
            id: Uuid::from_bytes([2; 16]),
            order_id: id,
            created_at: now,
            updated_at: now,
            sku: "anon-card-vote".to_owned(),
            currency: "BAT".to_owned(),
            quantity: u32::try_from(quantity).unwrap(),
            price,
            subtotal: total,
            location: "brave.com".to_owned(),
            description: String::new(),
            credential_type: "single-use".to_owned(),
        };
        let order = Order {
            id,
            created_at: now,
            updated_at: now,
            currency: "BAT".to_owned(),
            total_price: total,
            merchant_id: "brave.com".to_owned(),
            location: "brave.com".to_owned(),
            status: OrderStatus::Pending,
            items: vec![item],
            expires_at: None,
            transfer_reference: Uuid::from_bytes([5; 16]),
            capability: Some("a capability".to_owned()),
        };
        seen.orders
            .entry(key)
            .or_insert((order, Vec::new()))
            .0
            .clone()
    }

    fn pay(&self, body: &[u8]) -> Option<()> {
        let mut seen = self.seen();
        let (order, transfers) = seen.orders.values_mut().next()?;
        if !transfers.contains(&body.to_vec()) {
            transfers.push(body.to_vec());
        }
        if transfers.len() == 2 {
            order.status = OrderStatus::Paid;
        }
        let next = u8::try_from(5 + transfers.len()).unwrap();
        order.transfer_reference = Uuid::from_bytes([next; 16]);
        Some(())
    }

    /// Half of the price came back, if the first transfer failed.
    fn transactions(&self) -> Vec<Transaction> {
        let seen = self.seen();
        let Some((order, transfers)) = seen.orders.values().next() else {
            return Vec::new();
        };
        let failed = seen.faults.contains(&Fault::FailFirstTransfer) && !transfers.is_empty();
        let half = order.total_price.base_units() / 2;
        let transaction = Transaction {
            id: order.id,
            order_id: order.id,
            created_at: order.created_at,
            updated_at: order.created_at,
            external_transaction_id: String::new(),
            status: "failed".to_owned(),
            currency: order.currency.clone(),
            kind: "gemini".to_owned(),
            amount: Amount::from_base_units(half).unwrap(),
        };
        failed.then_some(transaction).into_iter().collect()
    }

    /// The same points again get the same answer, others a refusal.
    fn sign(&self, body: &[u8]) -> Answer {
        let mut seen = self.seen();
        if let Some((first, answer)) = &seen.credentials {
            let status = if first == body { 200 } else { 409 };
            return answer_of(status, answer.clone());
        }
        let request: CredentialsRequest = serde_json::from_slice(body).unwrap();
        let own = SigningKey::random(&mut OsRng);
        let signs = |fault| seen.faults.contains(&fault);
        let key = if signs(Fault::OwnKey) {
            &own
        } else if signs(Fault::OtherIssuer) || signs(Fault::CheaperKey) {
            &self.other
        } else {
            &self.key
        };
        let points = &request.blinded_creds;
        let blinded: Vec<_> = points
            .iter()
            .map(|point| voprf::BlindedToken::from_bytes(point.as_bytes()).unwrap())
            .collect();
        let signed: Vec<_> = blinded
            .iter()
            .map(|point| key.sign(point).unwrap())
            .collect();
        let proof = BatchDLEQProof::new::<Sha512, _>(&mut OsRng, &blinded, &signed, key).unwrap();
        let answer = OrderCredentials {
            id: request.item_id,
            order_id: Uuid::from_bytes([1; 16]),
            issuer_id: Uuid::from_bytes([6; 16]),
            blinded_creds: points.clone(),
            signed_creds: signed.iter().map(|point| Fixed(point.to_bytes())).collect(),
            batch_proof: Fixed(proof.to_bytes()),
            public_key: Fixed(key.public_key.to_bytes()),
        };
        let answer = serde_json::to_vec(&answer).unwrap();
        seen.credentials = Some((body.to_vec(), answer.clone()));
        answer_of(200, answer)
    }

    /// Counts a token once, and panics when it comes in another grouping.
    fn vote(&self, body: &[u8]) -> Answer {
        let vote: VoteRequest = serde_json::from_slice(body).unwrap();
        let mut seen = self.seen();
        seen.sent.push((self.clock.now(), body.to_vec()));
        let stuck = seen.faults.contains(&Fault::StuckVote)
            && seen.sent.first().is_some_and(|(_, first)| first == body);
        if stuck || seen.faults.contains(&Fault::Down) {
            return answer_of(503, Vec::new());
        }
        if seen.faults.contains(&Fault::RefuseVotes) {
            let problem = br#"{"type":"urn:blindtally:problem:token-already-redeemed"}"#;
            return answer_of(409, problem.to_vec());
        }
        if !seen.votes.insert(body.to_vec()) {
            seen.repeats += 1;
        }
        for credential in &vote.credentials {
            let first = seen
                .spent
                .entry(*credential.t.as_bytes())
                .or_insert_with(|| body.to_vec());
            assert_eq!(first, body, "a token came back on other bytes");
        }
        answer_of(200, b"{}".to_vec())
    }

    fn act(&self, request: &Request) -> Answer {
        let body = request.body.as_deref().unwrap_or_default();
        let path = request.path.as_str();
        let order = || self.seen().orders.values().next().unwrap().0.clone();
        match path {
            "/v1/key-directory" => json(&self.directory()),
            "/v1/directory-heads" => json(&WitnessedHeads {
                heads: self.directory().heads,
            }),
            "/v1/anonymity-sets" => json(&AnonymitySets {
                keys: vec![AnonymitySet {
                    key_id: self.directory().entries[0].issuer_key().unwrap().key_id,
                    funding_source: FundingSource::AnonymousCard,
                    orders_total: 512,
                    days: Vec::new(),
                }],
            }),
            "/v1/orders" => {
                json(&self.order(request.idempotency_key.clone().unwrap_or_default(), body))
            }
            "/v1/votes" => self.vote(body),
            _ if request.authorization.as_deref() != Some("Bearer a capability") => {
                answer_of(401, Vec::new())
            }
            _ if path.ends_with("/transactions/gemini") => {
                self.pay(body).unwrap();
                answer_of(201, b"{}".to_vec())
            }
            _ if path.ends_with("/transactions") => json(&self.transactions()),
            _ if path.ends_with("/credentials") => self.sign(body),
            _ => json(&order()),
        }
    }
}

#[async_trait]
impl Transport for Fake {
    async fn send(&self, request: &Request) -> Result<Answer, TransportError> {
        let answer = self.act(request);
        let mut seen = self.seen();
        seen.answers += 1;
        if seen.faults.contains(&Fault::LoseEveryThirdAnswer) && seen.answers % 3 == 1 {
            return Ok(answer_of(503, Vec::new()));
        }
        Ok(answer)
    }
}

fn signer() -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&H::new("a test's directory key").finish())
}

fn json<T: Serialize>(body: &T) -> Answer {
    answer_of(200, serde_json::to_vec(body).unwrap())
}

fn answer_of(status: u16, body: Vec<u8>) -> Answer {
    Answer {
        status: StatusCode::from_u16(status).unwrap(),
        retry_after_seconds: None,
        body,
    }
}
