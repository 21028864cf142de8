//! The read API over HTTPS.

use std::time::Duration;

use ed25519_dalek::SigningKey;
use messages::{directory::WitnessedHeads, encoding::Fixed, problem::Slug};
use reqwest::StatusCode;
use service_kit::tls;
use tally::{Config, Rules};

use crate::{
    app::{App, TOKEN, directory_key, head, problem},
    pki::{Pki, READER},
};

const ROUTES: [&str; 6] = [
    "/v1/months",
    "/v1/months/2026-01",
    "/v1/months/2026-01/payouts",
    "/v1/publishers/example.com",
    "/v1/ledger/entries",
    "/v1/ledger/head",
];

/// A closed month with more rows than fit a page.
async fn closed() -> App {
    let mut app = App::start().await;
    for n in 0..25 {
        app.vote(n, &format!("github#user:u{n:02}"), 1).await;
    }
    app.vote(100, "example.com", 5).await;
    app.until("2026-02-01T00:40:00Z").await;
    app.funds("2026-01-31", [("0", 0, 0), ("10", 40, 40)]).await;
    app.until("2026-02-04T02:00:00Z").await;
    app
}

#[tokio::test]
async fn without_token_and_certificate_nothing_is_answered() {
    let app = closed().await;

    for route in ROUTES {
        problem(app.request(route).send().await.unwrap(), Slug::Unauthorized).await;
        let wrong = app
            .request(route)
            .bearer_auth("another-token")
            .send()
            .await
            .unwrap();
        problem(wrong, Slug::Unauthorized).await;
        assert_eq!(app.get(route).await.status(), StatusCode::OK, "{route}");
    }
}

#[tokio::test]
async fn an_allowed_certificate_is_enough_and_another_is_refused() {
    let app = closed().await;
    let call = async |pki: &Pki, name| {
        let client = tls::http_client(&pki.client(Some(name)), Duration::from_secs(5)).unwrap();
        client
            .get(app.address("/v1/months"))
            .send()
            .await
            .map(|answer| answer.status())
    };
    let foreign_folder = tempfile::tempdir().unwrap();

    assert_eq!(call(&app.pki, READER).await.unwrap(), StatusCode::OK);
    assert!(call(&app.pki, "somebody").await.is_err());
    assert!(
        call(&Pki::new(foreign_folder.path()), READER)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn pages_hold_each_row_once_in_json_and_csv() {
    let app = closed().await;
    let mut channels = Vec::new();
    let mut csv_rows = Vec::new();
    let mut query = String::new();
    loop {
        let path = format!("/v1/months/2026-01/payouts?limit=10{query}");
        let page = app.json(&path).await;
        let rows = page["payouts"].as_array().unwrap();
        channels.extend(
            rows.iter()
                .map(|row| row["channel"].as_str().unwrap().to_owned()),
        );
        let request = app
            .request(&path)
            .bearer_auth(TOKEN)
            .header("accept", "text/csv");
        let csv = request.send().await.unwrap();
        let next_after = csv
            .headers()
            .get("next-after")
            .map(|it| it.to_str().unwrap());
        assert_eq!(next_after, page["next"].as_str());
        assert_eq!(csv.headers()["content-type"], "text/csv; charset=utf-8");
        let text = csv.text().await.unwrap();
        assert!(text.starts_with("fundingSource,baseVoteValue,channel,votes,amount\r\n"));
        csv_rows.extend(text.lines().skip(1).map(str::to_owned));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        query = format!("&after={}", next.replace('#', "%23"));
    }

    assert_eq!(channels.len(), 26);
    assert!(channels.is_sorted_by(|one, other| one < other));
    assert_eq!(csv_rows.len(), 26);
    assert_eq!(csv_rows[0], "user-wallet,0.25,example.com,5,1.1875");
}

#[tokio::test]
async fn the_ledger_is_shown_whole_and_its_head_covers_it() {
    let app = closed().await;
    let mut entries = Vec::new();
    let mut query = String::new();
    loop {
        let page = app
            .json(&format!("/v1/ledger/entries?limit=10{query}"))
            .await;
        entries.extend(page["entries"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_u64() else {
            break;
        };
        query = format!("&after={next}");
    }
    let head = app.json("/v1/ledger/head").await;
    let behind = app
        .json("/v1/ledger/entries?after=9223372036854775806")
        .await;
    assert_eq!(behind["entries"].as_array().map(Vec::len), Some(0));

    assert_eq!(
        entries.len(),
        28,
        "one of funds, one of the fee, 26 publishers"
    );
    assert_eq!(head["size"], 28);
    assert_eq!(head["hash"], entries[27]["hash"]);
    assert_eq!(entries[0]["debit"], "funds:user-wallet");
    let published = app.records(&app.topics.ledger_head).await;
    assert!(
        published.contains(&head),
        "a copy of the head is out of the database's reach"
    );
}

#[tokio::test]
async fn a_publisher_of_another_provider_is_found_by_its_encoded_name() {
    let app = closed().await;

    let publisher = app.json("/v1/publishers/github%23user%3Au07").await;

    assert_eq!(publisher["channel"], "github#user:u07");
    assert_eq!(
        (&publisher["balance"], &publisher["pending"][0]["votes"]),
        (&"0.2375".into(), &0.into())
    );
}

#[tokio::test]
async fn bad_input_is_refused_at_every_door() {
    let app = closed().await;
    for (path, slug) in [
        ("/v1/months/2026-13", Slug::InvalidPath),
        ("/v1/months/january", Slug::InvalidPath),
        ("/v1/months/2025-01", Slug::NotFound),
        ("/v1/months/2026-1/payouts", Slug::InvalidPath),
        ("/v1/months/2026-01/payouts?limit=0", Slug::InvalidQuery),
        ("/v1/months/2026-01/payouts?limit=11", Slug::InvalidQuery),
        ("/v1/months/2026-01/payouts?limit=-1", Slug::InvalidQuery),
        ("/v1/months/2026-01/payouts?after=x", Slug::InvalidQuery),
        (
            "/v1/months/2026-01/payouts?after=user-wallet,0.25",
            Slug::InvalidQuery,
        ),
        (
            "/v1/months/2026-01/payouts?after=grant,0.25,a",
            Slug::InvalidQuery,
        ),
        (
            "/v1/months/2026-01/payouts?after=user-wallet,0.25,Example.com",
            Slug::InvalidQuery,
        ),
        ("/v1/months/2026-01/payouts?other=1", Slug::InvalidQuery),
        ("/v1/publishers/Example.com", Slug::InvalidPath),
        ("/v1/publishers/%FF", Slug::InvalidPath),
        ("/v1/publishers/example.net", Slug::NotFound),
        ("/v1/ledger/entries?after=-1", Slug::InvalidQuery),
        (
            "/v1/ledger/entries?after=99999999999999999999",
            Slug::InvalidQuery,
        ),
        (
            "/v1/ledger/entries?after=9223372036854775807",
            Slug::InvalidQuery,
        ),
        ("/v1/ledger/entries?limit=x", Slug::InvalidQuery),
        ("/v1/nothing", Slug::NotFound),
    ] {
        let answer = app.get(path).await;
        assert_eq!(answer.status().as_u16(), slug.status(), "{path}");
        problem(answer, slug).await;
    }
    let post = reqwest::Method::POST;
    let client = tls::http_client(&app.pki.client(None), Duration::from_secs(5)).unwrap();
    let answer = client
        .request(post, app.address("/v1/months"))
        .bearer_auth(TOKEN)
        .send()
        .await;
    problem(answer.unwrap(), Slug::MethodNotAllowed).await;
}

#[tokio::test]
async fn the_witness_shows_heads_to_everybody_and_never_conditionally() {
    let mut app = App::start().await;
    let heads = ["2026-01-01", "2026-01-02"].map(|day| head(day, 7, &directory_key()));
    for head in &heads {
        app.publish_head(head).await;
    }
    // Another head of a day that was witnessed: a split view. The witness keeps what it saw first.
    app.publish_head(&head("2026-01-01", 8, &directory_key()))
        .await;
    app.settle().await;

    let request = app
        .request("/v1/directory-heads")
        .header("if-none-match", "*");
    let answer = request.send().await.unwrap();

    assert_eq!(answer.status(), StatusCode::OK);
    assert!(!answer.headers().contains_key("etag"));
    assert_eq!(answer.json::<WitnessedHeads>().await.unwrap().heads, heads);
}

#[tokio::test]
async fn while_the_directory_key_is_changed_heads_of_both_are_witnessed() {
    let change = |config: &mut Config| {
        let new = SigningKey::from_bytes(&[8; 32]).verifying_key();
        let keys = &mut config.directory.public_keys;
        keys.push(Fixed(new.to_bytes()).to_string());
    };
    let mut app = App::with_settings(change, Rules::default()).await;
    let heads = [
        head("2025-12-31", 7, &directory_key()),
        head("2026-01-01", 8, &SigningKey::from_bytes(&[8; 32])),
    ];
    for head in &heads {
        app.publish_head(head).await;
    }
    app.publish_head(&head("2026-01-01", 8, &SigningKey::from_bytes(&[7; 32])))
        .await;
    app.settle().await;

    let answer = app.request("/v1/directory-heads").send().await.unwrap();

    assert_eq!(answer.json::<WitnessedHeads>().await.unwrap().heads, heads);
    let letters = format!("{}.dead-letter", app.topics.directory);
    assert_eq!(app.records(&letters).await.len(), 1);
}

/// Whoever can write to the topic would otherwise shut out the true heads, and nothing sells.
#[tokio::test]
async fn forged_heads_and_heads_of_the_future_are_refused_and_true_ones_are_kept() {
    let mut app = App::start().await;
    let forger = SigningKey::from_bytes(&[8; 32]);
    let mut altered = head("2026-01-01", 7, &directory_key());
    altered.size = 8;
    let true_head = head("2026-01-01", 7, &directory_key());
    for head in [
        &head("2026-01-01", 7, &forger),
        &altered,
        &head("2026-01-03", 7, &directory_key()),
        &head("2099-01-01", 7, &directory_key()),
        &true_head,
    ] {
        app.publish_head(head).await;
    }

    app.settle().await;

    let letters = app
        .records(&format!("{}.dead-letter", app.topics.directory))
        .await;
    let mut reasons: Vec<_> = letters
        .iter()
        .map(|letter| letter["reason"].as_str().unwrap())
        .collect();
    reasons.sort_unstable();
    assert_eq!(
        reasons,
        ["bad-day", "bad-day", "bad-signature", "bad-signature"]
    );
    let answer = app.request("/v1/directory-heads").send().await.unwrap();
    assert_eq!(
        answer.json::<WitnessedHeads>().await.unwrap().heads,
        [true_head]
    );
}

/// What a browser asks for: no token, and a certificate of an edge or none.
async fn heads_for(app: &App, certificate: Option<&str>) -> reqwest::Response {
    let tls = app.pki.client(certificate);
    let client = tls::http_client(&tls, Duration::from_secs(5)).unwrap();
    client
        .get(app.address("/v1/directory-heads"))
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn an_edge_reads_what_is_public_and_nothing_else() {
    let change = |config: &mut Config| config.http.edge_names = vec!["edge".to_owned()];
    let app = App::with_settings(change, Rules::default()).await;
    let tls = app.pki.client(Some("edge"));
    let edge = tls::http_client(&tls, Duration::from_secs(5)).unwrap();

    for route in ROUTES {
        let answer = edge.get(app.address(route)).send().await.unwrap();
        problem(answer, Slug::Unauthorized).await;
    }
    assert_eq!(heads_for(&app, Some("edge")).await.status(), StatusCode::OK);
    let with_token = edge.get(app.address("/v1/months")).bearer_auth(TOKEN);
    assert_eq!(with_token.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn the_heads_have_a_limit_of_their_own_for_each_client() {
    let change = |config: &mut Config| {
        config.limits.directory_heads_per_minute = 2;
        config.http.edge_names = vec!["edge".to_owned()];
    };
    let app = App::with_settings(change, Rules::default()).await;
    for _ in 0..2 {
        assert_eq!(heads_for(&app, None).await.status(), StatusCode::OK);
    }

    let third = heads_for(&app, None).await;

    assert_eq!(third.headers()["retry-after"], "30");
    problem(third, Slug::TooManyRequests).await;
    let tls = app.pki.client(Some("edge"));
    let edge = tls::http_client(&tls, Duration::from_secs(5)).unwrap();
    let other = edge
        .get(app.address("/v1/directory-heads"))
        .header("client-bucket", "7");
    assert_eq!(other.send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(app.get("/v1/months").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_description_is_served_and_the_service_is_ready() {
    let app = App::start().await;

    assert_eq!(
        app.json("/openapi.json").await,
        serde_json::to_value(tally::openapi()).unwrap()
    );
    assert_eq!(app.readyz().await.0, StatusCode::OK);
}
