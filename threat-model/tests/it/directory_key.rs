//! The directory key is changed (T12).

use blindtally::system::{Planted, ServiceName};
use chrono::TimeDelta;
use client::{
    Browser, Profile,
    browser::Basket,
    payer::{Custodian, SandboxAccount},
    transport::Request,
    wallet::Wallet,
};
use ed25519_dalek::{SigningKey as DirectoryKey, VerifyingKey};
use messages::{
    FundingSource,
    directory::{Directory, Entry, KeyChange, KeySequence, WitnessedHeads},
    encoding::Fixed,
};
use service_kit::secret::SecretFile;

use super::{
    keys::{add_tag_key, directory, directory_key, is_tagged, sign_last_head, victim},
    world::{World, profile},
};

/// The key of whoever wants the directory.
fn taker() -> DirectoryKey {
    DirectoryKey::from_bytes(&[9; 32])
}

/// The directory, taken over by another key that `letting_in` signed in, with a key that only the victim is shown.
async fn taken_over(world: &World, letting_in: &DirectoryKey) -> Directory {
    let mut directory = directory(world).await;
    let change = KeyChange::sign(&directory_key(world), &taker());
    let entry = Entry::from(&change.check().unwrap());
    let by = KeyChange::sign(letting_in, &taker()).signatures;
    let mut entry = serde_json::to_value(entry).unwrap();
    entry["signatures"]["previous"] = serde_json::to_value(by.previous).unwrap();
    let entry: Entry = serde_json::from_value(entry).unwrap();
    let entries = &mut directory.entries;
    entries.push(entry.after(entries.last()));
    add_tag_key(&mut directory, TimeDelta::days(30));
    sign_last_head(&mut directory, &taker());
    directory
}

#[tokio::test(flavor = "multi_thread")]
async fn t12_a_directory_key_that_the_old_one_did_not_let_in_is_refused() {
    let world = World::start().await;
    let forged = taken_over(&world, &taker()).await;

    let mut browser = victim(&world, &forged, Some(&forged), Profile::demo());

    assert!(browser.check_directory().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn t12_control_whoever_has_the_old_directory_key_lets_another_in() {
    let world = World::start().await;
    let taken = taken_over(&world, &directory_key(&world)).await;

    let mut browser = victim(&world, &taken, Some(&taken), Profile::demo());

    assert!(is_tagged(&mut browser).await);
}

/// The setting of tally for these keys.
fn public_keys(keys: &[VerifyingKey]) -> String {
    let texts = keys.iter().map(|key| Fixed(key.to_bytes()).to_string());
    format!("{:?}", texts.collect::<Vec<_>>())
}

/// Changes the directory key as SECURITY.md says, and returns the old one and the new one.
async fn change_key(world: &mut World) -> [VerifyingKey; 2] {
    let file = SecretFile::new(world.file("new-directory.secret"));
    file.create_key().unwrap();
    let new = DirectoryKey::from_bytes(&file.read_key().unwrap());
    let keys = [directory_key(world), new].map(|key| key.verifying_key());
    let old = world.kit.layout().pki().secret("payments-directory");

    let mut profile = profile();
    profile
        .tally
        .set("directory.public_keys", public_keys(&keys));
    world.kit.plant(profile.clone(), Planted::default());
    world.kit.restart().await.unwrap();
    profile
        .payments
        .set("secrets.directory_key_file", file.path().display())
        .set("secrets.previous_directory_key_file", old.path().display());
    world.kit.plant(profile, Planted::default());
    world.kit.restart().await.unwrap();
    keys
}

/// Buys four tokens with `purse`, as a client of its own that pins `pin`, and votes with them.
async fn trade(world: &mut World, purse: &SandboxAccount, pin: VerifyingKey) {
    let name = purse.account.as_str();
    let clock = world.kit.clock().clone();
    let profile = Profile {
        spread_max: TimeDelta::hours(6),
        ..Profile::demo()
    };
    let layout = world.kit.layout();
    let mut settings = layout.browser(name, 1, profile, clock).unwrap();
    settings.directory_key = pin;
    let source = FundingSource::UserWallet;
    let sku = layout.sku_token(source).unwrap();
    let wallet = Wallet::open(world.file(&format!("{name}.json"))).unwrap();
    let mut browser = Browser::start(settings, wallet);
    let basket = Basket {
        source,
        sku,
        quantity: 4,
        parts: 1,
    };
    let purchase = browser.begin(basket).unwrap();
    world.drive(browser.buy(purchase, purse)).await.unwrap();
    let voted = world.kit.vote(&mut browser, &[("example.com", 1)]).await;
    voted.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn t12_a_running_system_changes_its_directory_key_for_clients_that_pinned_either() {
    let mut world = World::start().await;
    let first = directory_key(&world).verifying_key();
    let [anna, berta] = ["anna", "berta"].map(|name| {
        let account = world.kit.account(name, Custodian::Uphold);
        account.unwrap()
    });
    trade(&mut world, &anna, first).await;
    assert_eq!(world.tokens_counted().await, 4);

    let [old, new] = change_key(&mut world).await;
    world.live(TimeDelta::days(2)).await;

    let Directory { entries, heads } = directory(&world).await;
    let keys = KeySequence::pinned(&entries, old).unwrap();
    assert_eq!(keys.last(), Some(&new));
    assert!(heads.iter().all(|head| keys.signed(head)));
    assert!(heads.first().unwrap().is_signed_by(&old) && heads.last().unwrap().is_signed_by(&new));
    let request = Request::get("/v1/directory-heads");
    let witnessed = world.kit.send(ServiceName::Tally, &request).await.unwrap();
    let witnessed: WitnessedHeads = serde_json::from_slice(&witnessed.body).unwrap();
    assert_eq!(witnessed.heads, heads);
    assert!(world.is_ready(ServiceName::Payments).await);

    // The first one remembers what it saw before the change.
    trade(&mut world, &anna, old).await;
    trade(&mut world, &berta, new).await;

    assert_eq!(world.tokens_counted().await, 12);
}
