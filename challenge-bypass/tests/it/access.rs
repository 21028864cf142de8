//! Who may call.

use std::time::Duration;

use challenge_bypass::Rules;
use messages::problem::Slug;
use reqwest::{Client, StatusCode};
use service_kit::{secret::SecretFile, tls};

use crate::{
    app::{App, PATH, ok, problem},
    pki::Pki,
};

async fn call(app: &App, client: Client) -> Result<StatusCode, reqwest::Error> {
    let answer = client.get(app.address(PATH)).send().await?;
    Ok(answer.status())
}

fn client(pki: &Pki, name: Option<&str>) -> Client {
    tls::http_client(&pki.client(name), Duration::from_secs(5)).unwrap()
}

#[tokio::test]
async fn only_a_listed_client_certificate_of_our_root_is_let_in() {
    let app = App::start().await;
    let foreign_folder = tempfile::tempdir().unwrap();
    let foreign = Pki::new(foreign_folder.path());

    assert_eq!(
        call(&app, client(&app.pki, Some("payments")))
            .await
            .unwrap(),
        StatusCode::OK
    );
    assert!(call(&app, client(&app.pki, None)).await.is_err());
    assert!(call(&app, client(&app.pki, Some("tally"))).await.is_err());

    // A certificate for the right name from another root, by a client that trusts our server.
    let mut mixed = foreign.client(Some("payments"));
    mixed.ca_file = app.pki.client(None).ca_file;
    let mixed = tls::http_client(&mixed, Duration::from_secs(5)).unwrap();
    assert!(call(&app, mixed).await.is_err());
}

/// An edge speaks for everybody behind it: being believed about buckets is no right to call.
#[tokio::test]
async fn an_edge_that_may_not_call_is_refused() {
    let change = |config: &mut challenge_bypass::Config| {
        config.http.edge_names = vec!["edge".to_owned()];
    };
    let app = App::with(change, Rules::default()).await;

    assert!(call(&app, client(&app.pki, Some("edge"))).await.is_err());
    assert!(call(&app, client(&app.pki, Some("payments"))).await.is_ok());
}

#[tokio::test]
async fn without_tls_nothing_is_answered() {
    let app = App::start().await;
    let plain = tls::probe_client(Duration::from_secs(5)).unwrap();

    let address = app.address(PATH).replace("https://", "http://");

    assert!(plain.get(address).send().await.is_err());
}

#[tokio::test]
async fn where_bearer_tokens_are_wanted_each_request_needs_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    std::fs::write(&path, "a-token\nanother-token\n").unwrap();
    let file = SecretFile::new(&path);
    let change = move |config: &mut challenge_bypass::Config| {
        config.auth.bearer_tokens_file = file.clone();
    };
    let app = App::with(change, Rules::default()).await;
    let get = async |token: Option<&str>| {
        let request = app.request(reqwest::Method::GET, "/v4/key-directory");
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        request.send().await.unwrap()
    };

    problem(get(None).await, Slug::Unauthorized).await;
    problem(get(Some("a-toke")).await, Slug::Unauthorized).await;
    problem(app.get(PATH).await, Slug::Unauthorized).await;
    let change = serde_json::json!({});
    let change = app.post("/v4/directory-keys", &change).await;
    problem(change, Slug::Unauthorized).await;
    assert_eq!(get(Some("another-token")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_admin_listener_says_whether_the_service_is_ready_and_nothing_about_tokens() {
    let app = App::start().await;
    let tokens = app.issue(3).await;
    app.redeemed("for a", &tokens).await;
    let probe = tls::probe_client(Duration::from_secs(5)).unwrap();
    let get = async |path| probe.get(app.admin_address(path)).send().await.unwrap();

    assert_eq!(get("/livez").await.status(), StatusCode::OK);
    assert_eq!(get("/readyz").await.status(), StatusCode::OK);
    let metrics = get("/metrics").await.text().await.unwrap();
    let key = app.keys().await[0].key_id.to_string();
    assert!(
        !metrics.contains(&key) && !metrics.contains("brave.com"),
        "{metrics}"
    );
    assert_eq!(get(PATH).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_description_is_served_and_has_every_route() {
    let app = App::start().await;

    let served: serde_json::Value = ok(app.get("/openapi.json").await).await;

    insta::with_settings!({ sort_maps => true }, {
        insta::assert_json_snapshot!("openapi", served);
    });
}
