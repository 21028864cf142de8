//! Requests that are no vote. Each rule of contracts §2, §7 and §8 is broken once.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use blindtally::system::ServiceName;
use messages::{encoding::Fixed, payments::VoteRequest, problem::Slug};
use serde_json::{Value, json};

use crate::house::{CARD, House, WALLET, Wish, client_tls, vote, vote_of};

/// Bodies that are no vote, each with the pointer to what is wrong. `good` is a vote of two credentials.
fn malformed(good: &Value) -> Vec<(Value, &'static str)> {
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut body = good.clone();
        change(&mut body);
        body
    };
    let with = |pointer: &'static str, value: Value| {
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        let change = |body: &mut Value| {
            let parent = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            parent.insert(member.to_owned(), value.clone());
        };
        (changed(&change), pointer)
    };
    let unpadded = good
        .pointer("/credentials/0/publicKey")
        .unwrap()
        .as_str()
        .unwrap();
    let one = good.pointer("/credentials/0").unwrap();
    let values: Vec<_> = ["publicKey", "t", "signature"]
        .map(|name| &one[name])
        .into();
    let member = |name: &str| &good[name];
    vec![
        (json!([]), ""),
        (json!([member("vote"), member("credentials")]), ""),
        (
            with("/credentials", json!([one, values])).0,
            "/credentials/1",
        ),
        (json!({}), "/vote"),
        (json!({"credentials": []}), "/vote"),
        (json!({"vote": ""}), "/credentials"),
        (json!({"vote": "", "credentials": deep(20)}), ""),
        with("/extra", json!(1)),
        with("/vote", json!(7)),
        with("/credentials", json!({})),
        with("/credentials", json!([])),
        with("/credentials", json!(vec![one; 21])),
        with("/credentials/0/orderId", json!("x")),
        with(
            "/credentials/0/publicKey",
            json!(unpadded.trim_end_matches('=')),
        ),
        with("/credentials/0/signature", json!(7)),
        with("/credentials/0/t", json!(null)),
        with("/credentials/1/t", json!("AAAA")),
        (
            changed(&|body| *body.pointer_mut("/credentials/1").unwrap() = json!({})),
            "/credentials/1/publicKey",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_not_a_vote_is_refused_with_a_pointer() {
    let house = House::start().await;
    let good = serde_json::to_value(vote("example.com", &house.tokens(WALLET, 2).await)).unwrap();

    for (body, pointer) in malformed(&good) {
        let answer = house.post("/v1/votes", &body).await;
        assert_eq!(answer.slug(), Some(Slug::InvalidBody), "{body}");
        assert_eq!(answer.pointer(), pointer, "{body}");
    }
    for text in [
        "",
        "{",
        "nonsense",
        r#"{"vote":"a","vote":"b","credentials":[]}"#,
    ] {
        let answer = house
            .post_bytes("/v1/votes", "application/json", text.into())
            .await;
        assert_eq!(answer.slug(), Some(Slug::InvalidBody), "{text}");
    }

    assert_eq!(house.recorded().await, (0, 0));
    assert_eq!(house.redeemed().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vote_is_json_of_a_bounded_size_and_posted() {
    let house = House::start().await;
    let good = serde_json::to_vec(&vote("example.com", &house.tokens(WALLET, 2).await)).unwrap();

    let typed = house.post_bytes("/v1/votes", "text/plain", good).await;
    let large = house
        .post_bytes("/v1/votes", "application/json", vec![b' '; 16 * 1024 + 1])
        .await;
    let read = house.get("/v1/votes").await;

    assert_eq!(typed.slug(), Some(Slug::UnsupportedMediaType));
    assert_eq!(large.slug(), Some(Slug::BodyTooLarge));
    assert_eq!(read.slug(), Some(Slug::MethodNotAllowed));
}

/// Texts that say something else than `{"channel":"…","type":"…"}`.
const OTHER_FORMS: [&str; 8] = [
    r#"{"channel":"example.com", "type":"oneoff-tip"}"#,
    r#"{"type":"oneoff-tip","channel":"example.com"}"#,
    r#"{"channel":"example.com","type":"oneoff-tip","x":1}"#,
    r#"{"channel":"example.com","type":"donation"}"#,
    r#"{"channel":"example.com","type":"oneoff-tip"} "#,
    r#"{"channel":"example.com"}"#,
    r#"{"channel":"example.com","type":"oneoff-tip""#,
    "",
];

/// Channels that are outside the grammar of contracts §7.
const OTHER_CHANNELS: [&str; 16] = [
    r"ex\u0061mple.com",
    "",
    "com",
    "co.uk",
    "www.example.com",
    "Example.com",
    "exämple.com",
    "example.com.",
    "-example.com",
    "example.com/page",
    "youtube#channel:",
    "youtube#video:abc",
    "YouTube#channel:abc",
    "mastodon#user:abc",
    "twitch#author:a.b",
    "127.0.0.1",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_in_any_other_form_is_refused_although_its_tokens_sign_it() {
    let house = House::start().await;
    let tokens = house.tokens(WALLET, 2).await;
    let told = |channel: &str| format!(r#"{{"channel":"{channel}","type":"oneoff-tip"}}"#);
    let too_long = told(&format!("{}.com", "a".repeat(500)));
    let forms = OTHER_FORMS
        .iter()
        .map(ToString::to_string)
        .chain([too_long]);
    let channels = OTHER_CHANNELS
        .iter()
        .map(|channel| (told(channel), Slug::InvalidChannel));

    for (form, slug) in forms.map(|form| (form, Slug::InvalidVote)).chain(channels) {
        let vote = STANDARD.encode(&form);
        let credentials = tokens.iter().map(|token| token.sign(&vote)).collect();
        let answer = house
            .post("/v1/votes", &VoteRequest { vote, credentials })
            .await;
        assert_eq!(answer.slug(), Some(slug), "{form}");
        assert_eq!(answer.pointer(), "/vote", "{form}");
    }

    assert_eq!(house.redeemed().await, 0);
    for channel in [
        "example.co.uk",
        "youtube#channel:UC_a-1",
        "github#user:someone",
    ] {
        let tokens = house.tokens(WALLET, 1).await;
        let taken = house.post("/v1/votes", &vote(channel, &tokens)).await;
        assert_eq!(taken.status, 200, "{channel}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_settings_say_how_long_a_text_may_be() {
    let longest = r#"{"channel":"example.com","type":"auto-contribute"}"#.len();
    let house = House::with(Wish {
        settings: vec![("votes.vote_text_bytes_max", longest.to_string())],
        ..Wish::default()
    })
    .await;
    let tokens = house.tokens(WALLET, 2).await;

    let longer = vote("examples.com", &tokens[..1]);
    let refused = house.post("/v1/votes", &longer).await;
    let taken = house.post("/v1/votes", &vote("example.com", &tokens)).await;

    assert_eq!(refused.slug(), Some(Slug::InvalidVote));
    assert_eq!(taken.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_do_not_belong_together_are_refused() {
    let house = House::start().await;
    let (wallet, card) = (house.tokens(WALLET, 2).await, house.tokens(CARD, 1).await);
    let mixed = vote("example.com", &[wallet[0].clone(), card[0].clone()]);
    let twice = vote(
        "example.com",
        &[wallet[0].clone(), wallet[1].clone(), wallet[0].clone()],
    );
    let mut unknown = vote("example.com", &wallet);
    unknown
        .credentials
        .iter_mut()
        .for_each(|credential| credential.public_key = Fixed([7; 32]));

    let mixed = house.post("/v1/votes", &mixed).await;
    let twice = house.post("/v1/votes", &twice).await;
    let unknown = house.post("/v1/votes", &unknown).await;

    assert_eq!(
        (mixed.slug(), mixed.pointer()),
        (Some(Slug::MixedKeys), "/credentials".into())
    );
    assert_eq!(
        (twice.slug(), twice.pointer()),
        (Some(Slug::DuplicateToken), "/credentials/2/t".into())
    );
    assert_eq!(unknown.slug(), Some(Slug::UnknownIssuerKey));
    assert_eq!(house.redeemed().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_altered_or_forged_vote_is_refused_and_the_tokens_stay_good() {
    let house = House::start().await;
    let tokens = house.tokens(WALLET, 3).await;
    let good = vote("example.com", &tokens);
    let mut flipped = good.clone();
    flipped.credentials[1].signature.0[17] ^= 1;
    let mut other_token = good.clone();
    other_token.credentials[2].t.0[63] ^= 128;
    let mut swapped = good.clone();
    swapped.credentials[0].signature = good.credentials[1].signature;
    let retold = vote_of("example.org", &good.credentials);
    let mut forged = good.clone();
    forged.credentials[0].t = Fixed([0; 64]);

    for (what, altered) in [
        ("a signature", flipped),
        ("a preimage", other_token),
        ("signatures swapped", swapped),
        ("another publisher", retold),
        ("a made-up token", forged),
    ] {
        let answer = house.post("/v1/votes", &altered).await;
        assert_eq!(answer.slug(), Some(Slug::BadSignature), "{what}");
    }
    assert_eq!(house.recorded().await, (0, 0));
    assert_eq!(house.redeemed().await, 0);
    assert_eq!(house.post("/v1/votes", &good).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_rule_an_unknown_member_would_be_taken() {
    let mut wish = Wish::default();
    wish.rules.votes.unknown_members_are_refused = || false;
    let house = House::with(wish).await;
    let mut body =
        serde_json::to_value(vote("example.com", &house.tokens(WALLET, 1).await)).unwrap();
    body["orderId"] = json!("3a3bd0a5");
    body["credentials"][0]["note"] = json!("me");

    assert_eq!(house.post("/v1/votes", &body).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vote_costs_as_many_units_as_it_has_credentials() {
    let wish = Wish {
        settings: vec![
            ("http.rate_limit.units_per_minute", "1".to_owned()),
            ("http.rate_limit.burst", "10".to_owned()),
        ],
        ..Wish::default()
    };
    let house = House::with(wish).await;
    let tokens = house.tokens(WALLET, 16).await;

    let first = house
        .post("/v1/votes", &vote("example.com", &tokens[..8]))
        .await;
    let second = house
        .post("/v1/votes", &vote("example.com", &tokens[8..]))
        .await;

    assert_eq!(first.status, 200);
    assert_eq!(second.slug(), Some(Slug::TooManyRequests));
    assert!(["1", "5", "30", "120"].contains(&second.headers["retry-after"].to_str().unwrap()));
    assert_eq!(house.redeemed().await, 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn challenge_bypass_talks_to_nobody_without_the_right_certificate() {
    let house = House::start().await;
    let url = house.layout.url(ServiceName::ChallengeBypass);
    let mut none = client_tls(house.layout.pki(), "payments-client");
    none.certificate_file.clear();

    for tls in [none, client_tls(house.layout.pki(), "edge-client")] {
        let stranger = payments::challenge_bypass::Client::new(url.clone(), &tls).unwrap();
        let refused = stranger.key_directory().await;
        assert!(matches!(
            refused,
            Err(payments::challenge_bypass::Error::Unreachable(_))
        ));
    }
    assert!(house.issuer.key_directory().await.is_ok());
}

fn deep(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!([inner]))
}
