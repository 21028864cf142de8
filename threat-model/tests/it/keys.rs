//! Keys that tag (T12, U5, G4).

use std::sync::Arc;

use async_trait::async_trait;
use blindtally::system::ServiceName;
use challenge_bypass_ristretto::voprf::SigningKey;
use chrono::TimeDelta;
use client::{
    Browser, Profile,
    directory::rules::Refusal,
    tokens::Blinding,
    transport::{Answer, Request, Transport, TransportError},
    wallet::Wallet,
};
use ed25519_dalek::SigningKey as DirectoryKey;
use messages::{
    FundingSource, KeyId, PublicKey,
    directory::{Directory, Entry, Head, IssuerKeyEntry, WitnessedHeads},
    encoding::Fixed,
    payments::{CredentialsRequest, OrderCredentials},
};
use rand::rngs::OsRng;

use super::world::World;

/// A server that passes everything on, but answers one path itself.
struct Lying {
    truth: Arc<dyn Transport>,
    path: &'static str,
    body: Vec<u8>,
}

#[async_trait]
impl Transport for Lying {
    async fn send(&self, request: &Request) -> Result<Answer, TransportError> {
        let mut answer = self.truth.send(request).await?;
        if request.path == self.path {
            answer.body.clone_from(&self.body);
        }
        Ok(answer)
    }
}

/// The key that only the victim is shown.
fn tag_key() -> SigningKey {
    let mut bytes = [0; 32];
    *bytes.first_mut().unwrap() = 42;
    SigningKey::from_bytes(&bytes).unwrap()
}

fn public(key: &SigningKey) -> PublicKey {
    Fixed(key.public_key.to_bytes())
}

/// The operator's own key for the directory: whoever tags with a split view has it.
pub(crate) fn directory_key(world: &World) -> DirectoryKey {
    let secret = world.kit.layout().pki().secret("payments-directory");
    DirectoryKey::from_bytes(&secret.read_key().unwrap())
}

pub(crate) async fn directory(world: &World) -> Directory {
    let answer = world.send(&Request::get("/v1/key-directory")).await;
    serde_json::from_slice(&answer.body).unwrap()
}

/// The directory with one more key, its last head signed by `key`.
async fn tagged(world: &World, key: &DirectoryKey, window: TimeDelta) -> Directory {
    let mut directory = directory(world).await;
    add_tag_key(&mut directory, window);
    sign_last_head(&mut directory, key);
    directory
}

/// Adds the key that only the victim is shown.
pub(crate) fn add_tag_key(directory: &mut Directory, window: TimeDelta) {
    let entries = &mut directory.entries;
    let last = entries.iter().rev().find_map(Entry::issuer_key).unwrap();
    let entry = Entry::IssuerKey(IssuerKeyEntry {
        key_id: KeyId::of(&public(&tag_key())),
        public_key: public(&tag_key()),
        sign_from: last.sign_until,
        sign_until: last.sign_until + window,
        redeem_until: last.sign_until + window * 2,
        ..last.clone()
    });
    entries.push(entry.after(entries.last()));
}

/// Signs the last head anew, over all entries.
pub(crate) fn sign_last_head(directory: &mut Directory, key: &DirectoryKey) {
    let day = directory.heads.pop().unwrap().day;
    directory
        .heads
        .push(Head::sign(day, &directory.entries, key));
}

/// A browser that is shown `shown`, with a witness that saw `witnessed`, or with the honest one.
pub(crate) fn victim(
    world: &World,
    shown: &Directory,
    witnessed: Option<&Directory>,
    profile: Profile,
) -> Browser {
    let clock = world.kit.clock().clone();
    let settings = world.kit.layout().browser("victim", 1, profile, clock);
    victim_of(world, settings.unwrap(), shown, witnessed)
}

fn victim_of(
    world: &World,
    mut settings: client::Settings,
    shown: &Directory,
    witnessed: Option<&Directory>,
) -> Browser {
    let layout = world.kit.layout();
    settings.server = Arc::new(Lying {
        truth: Arc::clone(&settings.server),
        path: "/v1/key-directory",
        body: serde_json::to_vec(shown).unwrap(),
    });
    if let Some(witnessed) = witnessed {
        let heads = WitnessedHeads {
            heads: witnessed.heads.clone(),
        };
        let truth = layout.transport(ServiceName::Tally).unwrap();
        settings.witnesses = vec![Arc::new(Lying {
            truth,
            path: "/v1/directory-heads",
            body: serde_json::to_vec(&heads).unwrap(),
        })];
    }
    let wallet = Wallet::open(world.file("victim.json")).unwrap();
    Browser::start(settings, wallet)
}

/// Whether the victim would use the key that only it is shown.
pub(crate) async fn is_tagged(browser: &mut Browser) -> bool {
    let verdict = browser.check_directory().await;
    verdict.is_ok_and(|verdict| verdict.usable(&public(&tag_key())).is_some())
}

#[tokio::test(flavor = "multi_thread")]
async fn t12_a_directory_that_nobody_signed_is_refused() {
    let world = World::start().await;
    let forged = tagged(
        &world,
        &DirectoryKey::from_bytes(&[9; 32]),
        TimeDelta::days(30),
    )
    .await;

    let mut browser = victim(&world, &forged, Some(&forged), Profile::demo());

    assert!(browser.check_directory().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn t12_control_a_browser_that_pins_the_forgers_key_takes_the_forged_one() {
    let world = World::start().await;
    let forger = DirectoryKey::from_bytes(&[9; 32]);
    let mut lie = tagged(&world, &forger, TimeDelta::days(30)).await;
    let entries = lie.entries.clone();
    for head in &mut lie.heads {
        let covered = usize::try_from(head.size).unwrap();
        *head = Head::sign(head.day, &entries[..covered], &forger);
    }
    let layout = world.kit.layout();
    let clock = world.kit.clock().clone();
    let mut settings = layout.browser("victim", 1, Profile::demo(), clock).unwrap();
    settings.directory_key = forger.verifying_key();

    let mut browser = victim_of(&world, settings, &lie, Some(&lie));

    assert!(is_tagged(&mut browser).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn t12_a_split_view_gives_no_key() {
    let world = World::start().await;
    let split = tagged(&world, &directory_key(&world), TimeDelta::days(30)).await;

    let mut browser = victim(&world, &split, None, Profile::demo());

    assert!(!is_tagged(&mut browser).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn t12_control_without_a_witness_a_split_view_tags() {
    let world = World::start().await;
    let split = tagged(&world, &directory_key(&world), TimeDelta::days(30)).await;
    let profile = Profile {
        witnesses_min: 0,
        ..Profile::demo()
    };

    // The witness contradicts nothing: it has not seen this day yet.
    let mut browser = victim(&world, &split, Some(&Directory::default()), profile);

    assert!(is_tagged(&mut browser).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn t12_a_directory_that_forgets_is_refused() {
    let mut world = World::start().await;
    world.live(TimeDelta::days(2)).await;
    let honest = directory(&world).await;
    let mut browser = victim(&world, &honest, Some(&honest), Profile::demo());
    browser.check_directory().await.unwrap();
    drop(browser);

    let mut shortened = honest.clone();
    shortened.heads.pop();
    let mut browser = victim(&world, &shortened, Some(&honest), Profile::demo());

    assert!(browser.check_directory().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn t12_control_a_browser_without_memory_takes_the_shortened_one() {
    let mut world = World::start().await;
    world.live(TimeDelta::days(2)).await;
    let mut shortened = directory(&world).await;
    shortened.heads.pop();

    let mut browser = victim(&world, &shortened, Some(&shortened), Profile::demo());

    assert!(browser.check_directory().await.is_ok());
}

/// How the victim judges a key that signs for one day only, and that everybody is shown.
async fn judge_short_window(world: &World, profile: Profile) -> Option<Refusal> {
    let short = tagged(world, &directory_key(world), TimeDelta::days(1)).await;
    let mut browser = victim(world, &short, Some(&short), profile);
    let verdict = browser.check_directory().await.unwrap();
    let mut judged = verdict.keys.iter();
    let tagged = judged.find(|judged| judged.key.public_key == public(&tag_key()));
    tagged.unwrap().refusal
}

#[tokio::test(flavor = "multi_thread")]
async fn t12_a_key_for_one_day_is_not_used() {
    let world = World::start().await;
    let profile = Profile {
        key_notice: TimeDelta::zero(),
        ..Profile::default()
    };

    let refusal = judge_short_window(&world, profile).await;

    assert_eq!(refusal, Some(Refusal::WindowTooShort));
}

#[tokio::test(flavor = "multi_thread")]
async fn t12_control_without_a_shortest_window_it_is_used() {
    let world = World::start().await;

    assert_eq!(judge_short_window(&world, Profile::demo()).await, None);
}

/// The headers with the key directory that could tell one client from another at its next visit.
async fn validators(world: &World) -> usize {
    let layout = world.kit.layout();
    let tls = service_kit::tls::ClientTls {
        ca_file: layout.pki().ca(),
        ..Default::default()
    };
    let client = service_kit::tls::http_client(&tls, std::time::Duration::from_secs(10)).unwrap();
    let url = layout
        .url(ServiceName::Payments)
        .join("v1/key-directory")
        .unwrap();
    let answer = client.get(url).send().await.unwrap();
    let told = ["etag", "last-modified", "set-cookie", "alt-svc"];
    told.iter()
        .filter(|name| answer.headers().contains_key(**name))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn t12_the_directory_comes_without_a_validator() {
    let world = World::start().await;

    assert_eq!(validators(&world).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn t12_control_a_validator_is_seen() {
    let world = World::planted(|planted| {
        planted.payments.votes.directory_headers = |_| {
            let value = http::HeaderValue::from_static("\"you-again\"");
            http::HeaderMap::from_iter([(http::header::ETAG, value)])
        };
    })
    .await;

    assert_eq!(validators(&world).await, 1);
}

/// Signs with a key of its own for whoever asks.
fn tags(planted: &mut blindtally::system::Planted) {
    planted.challenge_bypass.signing_key = |_| Arc::new(tag_key());
}

#[tokio::test(flavor = "multi_thread")]
async fn u5_g4_a_signature_under_another_key_is_refused() {
    let mut world = World::planted(tags).await;

    let bought = world.kit.buy("anna", FundingSource::UserWallet, 4).await;

    let refusal = bought.unwrap_err().to_string();
    let honest = World::start()
        .await
        .kit
        .buy("anna", FundingSource::UserWallet, 4)
        .await;
    assert!(
        honest.is_ok(),
        "without the tag it is refused, too: {refusal}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn u5_g4_control_who_believes_in_any_key_is_tagged() {
    let mut world = World::planted(tags).await;
    let mut hand = world.hand();
    let open = world
        .drive(hand.order(FundingSource::UserWallet, 4))
        .await
        .unwrap();
    world.drive(hand.pay(&open)).await.unwrap();
    let blinding = Blinding::random(4, &mut OsRng);
    let body = CredentialsRequest {
        item_id: open.order.items.first().unwrap().id,
        blinded_creds: blinding.points().unwrap(),
    };
    let path = format!("/v1/orders/{}/credentials", open.order.id);
    let request = Request::post(path, serde_json::to_vec(&body).unwrap());
    let request = request.with_capability(open.order.capability.as_deref().unwrap());
    let signed: OrderCredentials = world.drive(hand.ask(&request)).await.unwrap();

    let key = public(&tag_key());
    let unblinded = blinding.unblind(&signed.signed_creds, &signed.batch_proof, &key);

    assert_eq!(unblinded.unwrap().len(), 4);
}
