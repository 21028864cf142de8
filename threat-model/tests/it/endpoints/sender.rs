//! Who sends what routes are sent, and the systems that they are routes of.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use blindtally::system::{Collector, CollectorRules, Part, ServiceName};
use messages::FundingSource;
use rand::{SeedableRng as _, rngs::StdRng};
use secrecy::ExposeSecret as _;
use service_kit::tls::{ClientTls, http_client};
use star_collector::factory::{Factory, parts};

use super::rows::{CHALLENGE_BYPASS, Row, Server};
use crate::world::World;

/// How many layers the messages of the collector's channel have, and how many clients must agree.
pub(super) const LAYERS: usize = 2;
const K: u32 = 3;

/// The current epoch of measurements, since the first one begins with the world.
const EPOCH: u8 = 0;
const EPOCH_HOURS: u32 = 168;

/// One more than a request may have.
const TOO_MANY_POINTS: usize = 1_025;

/// A point that may be evaluated: the generator of the group.
const POINT: &str = r#""4vKuCmq8TnGohKlhxQBRX1jjC2qlgt2NtqZZReCNLXY=""#;

/// Sends with all rights, so that a refusal is the rule's and not the door's.
pub(super) struct Sender<'a> {
    world: &'a World,
    collector: Collector,
    /// A browser, what payments is to challenge-bypass, and a client of measurements.
    clients: [reqwest::Client; 3],
    order: messages::payments::Order,
    /// What stands for longer texts in the rows, and these.
    texts: Vec<(&'static str, String)>,
}

impl<'a> Sender<'a> {
    pub(super) async fn new(world: &'a mut World) -> Self {
        Self::with_layers(world, LAYERS).await
    }

    /// With a collector whose channel has so many layers.
    pub(super) async fn with_layers(world: &'a mut World, layers: usize) -> Self {
        let mut hand = world.hand();
        let order = world.drive(hand.order(FundingSource::UserWallet, 4)).await;
        let order = order.unwrap();
        world.drive(hand.pay(&order)).await.unwrap();
        let order = order.order;
        let collector = collector(world, layers).await;
        let pki = world.kit.layout().pki();
        let own = pki.identity("payments-client");
        let browser = ClientTls {
            ca_file: pki.ca(),
            ..ClientTls::default()
        };
        let service = ClientTls {
            certificate_file: own.certificate,
            key_file: own.key,
            ..browser.clone()
        };
        let measuring = ClientTls {
            ca_file: collector.pki().ca(),
            ..ClientTls::default()
        };
        let client = |tls| http_client(&tls, Duration::from_secs(20)).unwrap();
        let sku = world.kit.layout().sku_token(FundingSource::UserWallet);
        let mut texts = vec![
            ("SKU", sku.unwrap()),
            ("ITEM", order.items.first().unwrap().id.to_string()),
            ("TOO-MANY", vec![POINT; TOO_MANY_POINTS].join(",")),
            ("POINT", POINT.to_owned()),
        ];
        texts.extend(messages_of_liars());
        Self {
            clients: [browser, service, measuring].map(client),
            world,
            collector,
            order,
            texts,
        }
    }

    /// `None`: the connection was closed while the body was sent, which refuses it.
    pub(super) async fn send(
        &self,
        row: &Row,
        path: &str,
        body: Option<(&str, &str)>,
    ) -> Option<reqwest::Response> {
        let url = match row.server {
            Server::Part(part) => self.collector.url(part).unwrap(),
            Server::Service(service) => self.world.kit.layout().url(service),
        };
        let url = format!("{url}{}", path.trim_start_matches('/'));
        let [browser, service, measuring] = &self.clients;
        let client = match row.server {
            CHALLENGE_BYPASS => service,
            Server::Service(_) => browser,
            Server::Part(_) => measuring,
        };
        let mut request = client.request(row.method.clone(), url);
        if let Some(bearer) = self.bearer(row.server) {
            request = request.bearer_auth(bearer);
        }
        if let Some((body, kind)) = body {
            let texts = self.texts.iter();
            let body = texts.fold(body.to_owned(), |body, (name, text)| {
                body.replace(name, text)
            });
            request = request.header("content-type", kind).body(body);
        }
        request.send().await.ok()
    }

    fn bearer(&self, server: Server) -> Option<String> {
        match server {
            Server::Service(ServiceName::Payments) => self.order.capability.clone(),
            Server::Service(ServiceName::Tally) => {
                let token = self.world.kit.layout().tally_token().unwrap();
                Some(token.expose_secret().to_owned())
            }
            Server::Service(ServiceName::ChallengeBypass | ServiceName::SandboxCustodian)
            | Server::Part(Part::Collect | Part::Randomness) => None,
        }
    }

    /// The path with what belongs in it.
    pub(super) fn path(&self, row: &Row) -> String {
        let order = self.order.id.to_string();
        let item = self.order.items.first().unwrap().id.to_string();
        let (name, channel) = match row.server {
            Server::Part(_) => ("main", "typical"),
            Server::Service(_) => ("brave.com%3Fsku=user-wallet-vote", "example.com"),
        };
        row.path
            .replace("{orderId}", &order)
            .replace("{itemId}", &item)
            .replace("{name}", name)
            .replace("{keyId}", "00000000000000000000000000000000")
            .replace("{month}", "2026-01")
            .replace("{channel}", channel)
    }
}

/// star-collector on the world's calendar, with files of its own.
async fn collector(world: &World, layers: usize) -> Collector {
    let rules = CollectorRules {
        base: test_kit::world::START.parse().unwrap(),
        epoch_hours: EPOCH_HOURS,
        k: K,
        layers,
    };
    let (folder, clock) = (world.file("star-collector"), world.kit.clock());
    Collector::start(&folder, rules, None, clock).await.unwrap()
}

/// Messages that break one rule of their channel each, by the names that they have in the rows.
fn messages_of_liars() -> Vec<(&'static str, String)> {
    let mut random = StdRng::seed_from_u64(7);
    let texts: &[&str] = &["question|yes", "platform|linux"];
    let mut message = |epoch, k, texts| Factory::new(epoch, k).message(texts, &mut random);
    let mut zero_x = message(EPOCH, K, texts);
    let x = parts::Part::X.of_message(&mut zero_x).unwrap();
    x.fill(0);
    let messages = [
        ("ZERO-X", zero_x),
        ("SHALLOW", message(EPOCH, K, &texts[..LAYERS - 1])),
        ("LOW-THRESHOLD", message(EPOCH, K - 1, texts)),
        ("TO-COME", message(EPOCH + 1, K, texts)),
    ];
    messages
        .map(|(name, bytes)| (name, STANDARD.encode(bytes)))
        .into()
}
