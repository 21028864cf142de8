//! What is accepted as a SKU token, and everything near it that is not.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;

use super::*;

/// Published with the systems before us: the token for staging's `user-wallet-vote`.
const STAGING: &str = "AgEJYnJhdmUuY29tAiNicmF2ZSB1c2VyLXdhbGxldC12b3RlIHNrdSB0b2tlbiB2MQACFHNrdT11c2VyLXdhbGxldC12b3RlAAIKcHJpY2U9MC4yNQACDGN1cnJlbmN5PUJBVAACDGRlc2NyaXB0aW9uPQACGmNyZWRlbnRpYWxfdHlwZT1zaW5nbGUtdXNlAAAGIOH4Li+rduCtFOfV8Lfa2o8h4SQjN5CuIwxmeQFjOk4W";

fn sku(name: &str, funding_source: FundingSource) -> Sku {
    Sku {
        name: name.to_owned(),
        price: "0.25".parse().unwrap(),
        currency: "BAT".to_owned(),
        description: String::new(),
        funding_source,
        on_sale: true,
    }
}

fn skus() -> Vec<Sku> {
    vec![
        sku("user-wallet-vote", FundingSource::UserWallet),
        sku("anon-card-vote", FundingSource::AnonymousCard),
    ]
}

fn root() -> RootKey {
    RootKey::from_secret(b"the root secret of this environment")
}

fn catalogue() -> Catalogue {
    Catalogue::new(skus(), vec![RootKey::from_secret(b"older"), root()], vec![]).unwrap()
}

fn minted(caveats: &[&str]) -> String {
    let mut content = skus()[0].content();
    content.caveats = caveats.iter().map(|&caveat| caveat.to_owned()).collect();
    macaroons::mint(&content, &root()).unwrap()
}

const EXACT: [&str; 5] = [
    "sku=user-wallet-vote",
    "price=0.25",
    "currency=BAT",
    "description=",
    "credential_type=single-use",
];

#[test]
fn a_sku_that_is_not_on_sale_is_known_and_sold_to_nobody() {
    let mut skus = skus();
    skus[0].on_sale = false;
    let (off, on) = (skus[0].clone(), skus[1].clone());
    let legacy = off.mint(&RootKey::from_secret(b"elsewhere")).unwrap();
    let catalogue = Catalogue::new(skus, vec![root()], vec![legacy.clone()]).unwrap();

    for token in [off.mint(&root()).unwrap(), legacy] {
        assert_eq!(catalogue.accept(&token), Err(NotSold));
    }
    assert_eq!(catalogue.accept(&on.mint(&root()).unwrap()), Ok(&on));
    assert_eq!(catalogue.by_name(&off.name), Some(&off));
}

#[test]
fn a_token_of_each_root_secret_is_accepted() {
    for sku in skus() {
        for root in [root(), RootKey::from_secret(b"older")] {
            let token = sku.mint(&root).unwrap();
            assert_eq!(catalogue().accept(&token), Ok(&sku));
        }
        let elsewhere = sku
            .mint(&RootKey::from_secret(b"another environment"))
            .unwrap();
        assert_eq!(catalogue().accept(&elsewhere), Err(NotSold));
    }
}

#[test]
fn a_token_has_the_form_that_existing_clients_have() {
    let content = Unverified::decode(STAGING).unwrap().content().clone();
    assert_eq!(content, skus()[0].content());
}

#[test]
fn only_exactly_the_caveats_of_a_sku_are_accepted() {
    assert!(catalogue().accept(&minted(&EXACT)).is_ok());
    let with = |at: usize, caveat: &'static str| {
        let mut caveats = EXACT;
        caveats[at] = caveat;
        minted(&caveats)
    };
    let swapped = [EXACT[1], EXACT[0], EXACT[2], EXACT[3], EXACT[4]];
    for wrong in [
        with(0, "sku=another-vote"),
        with(0, "sku=user-wallet-vote "),
        with(1, "price=0.250"),
        with(1, "price=0"),
        with(1, "price=-0.25"),
        with(2, "currency=USD"),
        with(3, "description=x"),
        with(4, "credential_type=time-limited"),
        minted(&EXACT[..4]),
        minted(&[&EXACT[..], &["expires_after=2030-01-01"]].concat()),
        minted(&[&EXACT[..], &["price=0.25"]].concat()),
        minted(&swapped),
        minted(&[]),
    ] {
        assert_eq!(catalogue().accept(&wrong), Err(NotSold));
    }
}

/// What accepts the token of a SKU that describes itself in so many characters, and that token.
fn described_in(characters: usize) -> (Catalogue, String) {
    let mut long = skus().remove(0);
    long.description = "a".repeat(characters);
    // Whoever holds the secret can write longer ones than are minted here.
    let mut content = long.content();
    let last = content.caveats.pop().unwrap();
    let short = macaroons::mint(&content, &root()).unwrap();
    let token = macaroons::narrow(&short, &[&last]).unwrap();
    let catalogue = Catalogue {
        skus: vec![long],
        roots: vec![root()],
        legacy: Vec::new(),
    };
    (catalogue, token)
}

#[test]
fn a_token_of_one_kibibyte_is_read_and_a_longer_one_is_not() {
    let of_length = |bytes: usize| {
        let fits = |made: &(Catalogue, String)| STANDARD.decode(&made.1).unwrap().len() == bytes;
        (780..900).map(described_in).find(fits).unwrap()
    };
    let (catalogue, longest) = of_length(1_024);
    assert_eq!(catalogue.accept(&longest), Ok(&catalogue.skus()[0]));

    for bytes in [1_025, 1_026, 1_027] {
        let (catalogue, longer) = of_length(bytes);
        assert_eq!(catalogue.accept(&longer), Err(NotSold), "{bytes}");
    }
}

#[test]
fn the_location_is_part_of_the_token() {
    let mut content = skus()[0].content();
    content.location = "brave.co".to_owned();
    let token = macaroons::mint(&content, &root()).unwrap();

    assert_eq!(catalogue().accept(&token), Err(NotSold));
}

#[test]
fn a_legacy_token_is_accepted_as_an_exact_string_only() {
    let with = |legacy: &[&str]| {
        let legacy = legacy.iter().map(|&text| text.to_owned()).collect();
        Catalogue::new(skus(), vec![root()], legacy)
    };

    assert_eq!(catalogue().accept(STAGING), Err(NotSold));
    let catalogue = with(&[STAGING]).unwrap();
    assert_eq!(catalogue.accept(STAGING), Ok(&skus()[0]));
    let altered = STAGING.replace("FjOk4W", "FjOk4X");
    assert_eq!(catalogue.accept(&altered), Err(NotSold));
    for wrong in ["", "AgEJ"] {
        assert_eq!(
            with(&[STAGING, wrong]).err(),
            Some(InvalidCatalogue::Legacy(1))
        );
    }
}

#[test]
fn a_catalogue_that_cannot_be_sold_is_refused() {
    let of = |skus: Vec<Sku>| Catalogue::new(skus, vec![root()], vec![]).err();
    let changed = |change: fn(&mut Sku)| {
        let mut skus = skus();
        change(&mut skus[1]);
        of(skus)
    };

    assert_eq!(of(vec![]), Some(InvalidCatalogue::Nothing));
    let twice = changed(|sku| sku.name = "user-wallet-vote".to_owned());
    assert_eq!(
        twice,
        Some(InvalidCatalogue::Duplicate("user-wallet-vote".to_owned()))
    );
    let mixed = changed(|sku| {
        sku.funding_source = FundingSource::UserWallet;
        sku.currency = "USD".to_owned();
    });
    assert_eq!(
        mixed,
        Some(InvalidCatalogue::MixedCurrencies(FundingSource::UserWallet))
    );
    assert!(changed(|sku| sku.name = "Vote 1".to_owned()).is_some());
    assert!(changed(|sku| sku.currency = "B T".to_owned()).is_some());
    assert!(changed(|sku| sku.price = Amount::ZERO).is_some());
}

#[test]
fn the_catalogue_shows_no_secret() {
    let shown = format!("{:?}", catalogue());
    assert!(
        shown.contains("user-wallet-vote") && !shown.contains("RootKey"),
        "{shown}"
    );
}

proptest! {
    #[test]
    fn any_changed_byte_of_a_token_is_refused(at in 0_usize..400, change in 1_u8..=255) {
        let mut bytes = STANDARD.decode(minted(&EXACT)).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= change;

        let catalogue = catalogue();
        prop_assert_eq!(catalogue.accept(&STANDARD.encode(bytes)), Err(NotSold));
    }
}
