//! The sandbox over HTTP, as payments and as users see it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, Mac as _};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use sandbox_custodian::{Config, Deps, Sandbox, config};
use serde_json::{Value, json};
use service_kit::{Running, config::Sources, secret::SecretFile};
use sha2::{Digest as _, Sha256, Sha384};
use uuid::Uuid;

const SHOP: &str = "7a2ba5e4-6d0c-4b0d-9a3b-000000000001";

struct World {
    _running: Running,
    sandbox: Sandbox,
    base: String,
    client: reqwest::Client,
    _dir: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut sources = Sources::defaults("sandbox-custodian", config::DEFAULTS)
            .set("http.listen", "127.0.0.1:0")
            .set("http.admin_listen", "127.0.0.1:0");
        for (name, text) in [
            ("uphold.token_file", "token"),
            ("gemini.api_key_file", "account-1"),
            ("gemini.api_secret_file", "secret"),
        ] {
            let file = SecretFile::new(dir.path().join(name));
            file.create_text(text).unwrap();
            sources = sources.set(name, file.path().to_str().unwrap());
        }
        let config: Config = sources.load().unwrap();
        let deps = Deps {
            clock: clock::Clock::system(),
        };
        let (service, sandbox) = sandbox_custodian::build(config, deps).unwrap();
        let running = service.start().await.unwrap();
        let base = format!("http://{}", running.api_addr);
        // reqwest wants a provider even where there is no TLS. Another test may have installed it.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::new();
        Self {
            _running: running,
            sandbox,
            base,
            client,
            _dir: dir,
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    async fn post(&self, path: &str, body: &Value) -> Response {
        self.request(Method::POST, path)
            .json(body)
            .send()
            .await
            .unwrap()
    }

    async fn open(&self, id: &str) {
        let answer = self
            .post(
                "/sandbox/accounts",
                &json!({"id": id, "funds": {"BAT": "10"}}),
            )
            .await;
        assert_eq!(answer.status(), StatusCode::CREATED);
    }

    async fn transfer(&self, custodian: &str, message: Uuid) -> Uuid {
        let body = json!({
            "custodian": custodian, "from": "ada", "amount": "2.5", "currency": "BAT",
            "destination": SHOP, "message": message,
        });
        let answer = self.post("/sandbox/transfers", &body).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        let made = body_of(answer).await;
        made.get("id")
            .and_then(Value::as_str)
            .unwrap()
            .parse()
            .unwrap()
    }

    async fn lie(&self, custodian: &str, id: Uuid, lie: &str) {
        let path = format!("/sandbox/transfers/{custodian}/{id}/lie");
        let told = self
            .request(Method::PUT, &path)
            .json(&json!({"lie": lie}))
            .send()
            .await
            .unwrap();
        assert_eq!(told.status(), StatusCode::NO_CONTENT);
    }

    async fn uphold(&self, id: Uuid) -> Response {
        let request = self.request(Method::GET, &format!("/v0/me/transactions/{id}"));
        request.bearer_auth("token").send().await.unwrap()
    }

    fn gemini(&self, tx_ref: Uuid, secret: &str, signed_path: Option<&str>) -> RequestBuilder {
        let path = format!("/v1/payment/blindtally/{tx_ref}");
        let payload =
            json!({"request": signed_path.unwrap_or(&path), "nonce": 1_767_225_600_000_u64});
        let payload = STANDARD.encode(payload.to_string());
        let mut mac = Hmac::<Sha384>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(payload.as_bytes());
        let signature = hex::encode(mac.finalize().into_bytes());
        self.request(Method::GET, &path)
            .header("X-GEMINI-APIKEY", "account-1")
            .header("X-GEMINI-PAYLOAD", payload)
            .header("X-GEMINI-SIGNATURE", signature)
    }

    async fn quote(&self, card: Uuid, key: &SigningKey, octets: &str) -> Response {
        let digest = format!("SHA-256={}", STANDARD.encode(Sha256::digest(octets)));
        let signature = key.sign(format!("digest: {digest}").as_bytes());
        let signature = STANDARD.encode(signature.to_bytes());
        let parameters = format!(
            r#"keyId="primary",algorithm="ed25519",headers="digest",signature="{signature}""#
        );
        self.request(Method::POST, &format!("/v0/me/cards/{card}/transactions"))
            .bearer_auth("token")
            .header("digest", digest)
            .header("signature", parameters)
            .body(octets.to_owned())
            .send()
            .await
            .unwrap()
    }
}

async fn body_of(answer: Response) -> Value {
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

fn octets(message: Uuid) -> String {
    json!({"denomination": {"amount": "2.5", "currency": "BAT"}, "destination": SHOP, "message": message})
        .to_string()
}

#[tokio::test]
async fn a_users_transfer_shows_at_uphold_with_its_reference_and_destination() {
    let custodian = World::start().await;
    custodian.open("ada").await;
    let reference = Uuid::new_v4();

    let id = custodian.transfer("uphold", reference).await;

    let shown = body_of(custodian.uphold(id).await).await;
    assert_eq!(shown["id"], id.to_string());
    assert_eq!(shown["status"], "completed");
    assert_eq!(shown["message"], reference.to_string());
    assert_eq!(
        shown["destination"],
        json!({"CardId": SHOP, "currency": "BAT", "amount": "2.5"})
    );
    assert_eq!(
        custodian.uphold(Uuid::new_v4()).await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn uphold_asks_for_the_token() {
    let custodian = World::start().await;
    let path = format!("/v0/me/transactions/{}", Uuid::new_v4());

    let without = custodian.request(Method::GET, &path).send().await.unwrap();
    let wrong = custodian
        .request(Method::GET, &path)
        .bearer_auth("tokens")
        .send()
        .await
        .unwrap();

    assert_eq!(without.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn gemini_shows_a_payment_to_who_signs_and_to_nobody_else() {
    let custodian = World::start().await;
    custodian.open("ada").await;
    let tx_ref = Uuid::new_v4();
    assert_eq!(custodian.transfer("gemini", tx_ref).await, tx_ref);

    let shown = custodian
        .gemini(tx_ref, "secret", None)
        .send()
        .await
        .unwrap();

    assert_eq!(shown.status(), StatusCode::OK);
    let expected = json!({
        "result": "OK", "tx_ref": tx_ref, "amount": "2.5", "currency": "BAT",
        "destination": SHOP, "status": "completed", "reason": null,
    });
    assert_eq!(body_of(shown).await, expected);
    for wrong in [
        custodian.gemini(tx_ref, "other", None),
        custodian.gemini(tx_ref, "secret", Some("/v1/payment/blindtally/another")),
        custodian.request(Method::GET, &format!("/v1/payment/blindtally/{tx_ref}")),
    ] {
        assert_eq!(
            wrong.send().await.unwrap().status(),
            StatusCode::UNAUTHORIZED
        );
    }
    let unknown = custodian
        .gemini(Uuid::new_v4(), "secret", None)
        .send()
        .await
        .unwrap();
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_card_pays_what_its_holder_signed_once_it_is_committed() {
    let custodian = World::start().await;
    let (card, key) = (Uuid::new_v4(), SigningKey::from_bytes(&[7; 32]));
    let public_key = STANDARD.encode(key.verifying_key().to_bytes());
    let card_request = json!({"id": card, "funds": {"BAT": "10"}, "publicKey": public_key});
    custodian.post("/sandbox/accounts", &card_request).await;

    let quoted = custodian.quote(card, &key, &octets(Uuid::new_v4())).await;

    assert_eq!(quoted.status(), StatusCode::OK);
    let quoted = body_of(quoted).await;
    assert_eq!(quoted["status"], "pending");
    assert_eq!(quoted["destination"]["node"]["id"], SHOP);
    let id = quoted["id"].as_str().unwrap();
    for _again in 0..2 {
        let path = format!("/v0/me/cards/{card}/transactions/{id}/commit");
        let commit = custodian.request(Method::POST, &path).bearer_auth("token");
        let committed = body_of(commit.send().await.unwrap()).await;
        assert_eq!(committed["status"], "completed");
        assert_eq!(committed["id"], id);
    }
    let path = format!("/sandbox/accounts/{card}");
    let account = custodian.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(body_of(account).await["balances"]["BAT"], "7.5");
    assert!(custodian.sandbox.is_conserved());
}

#[tokio::test]
async fn a_card_does_not_pay_what_another_key_signed() {
    let custodian = World::start().await;
    let (card, key) = (Uuid::new_v4(), SigningKey::from_bytes(&[7; 32]));
    let public_key = STANDARD.encode(key.verifying_key().to_bytes());
    let card_request = json!({"id": card, "funds": {"BAT": "10"}, "publicKey": public_key});
    custodian.post("/sandbox/accounts", &card_request).await;
    custodian.open("ada").await;

    let other = SigningKey::from_bytes(&[8; 32]);
    let forged = custodian.quote(card, &other, &octets(Uuid::new_v4())).await;
    let unknown = custodian
        .quote(Uuid::new_v4(), &key, &octets(Uuid::new_v4()))
        .await;
    let unreadable = custodian.quote(card, &key, "{}").await;

    assert_eq!(forged.status(), StatusCode::FORBIDDEN);
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    assert_eq!(unreadable.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_lie_is_told_about_one_transfer_only() {
    let custodian = World::start().await;
    custodian.open("ada").await;
    let honest = custodian.transfer("uphold", Uuid::new_v4()).await;
    let told = custodian.transfer("uphold", Uuid::new_v4()).await;

    custodian.lie("uphold", told, "wrong-id").await;
    assert_ne!(
        body_of(custodian.uphold(told).await).await["id"],
        told.to_string()
    );
    custodian.lie("uphold", told, "other-currency").await;
    let shown = body_of(custodian.uphold(told).await).await;
    assert_eq!(shown["destination"]["currency"], "USD");
    custodian.lie("uphold", told, "other-destination").await;
    let shown = body_of(custodian.uphold(told).await).await;
    assert_ne!(shown["destination"]["CardId"], SHOP);
    custodian.lie("uphold", told, "garbage").await;
    let garbage = custodian.uphold(told).await;
    assert_eq!(garbage.status(), StatusCode::OK);
    assert!(serde_json::from_slice::<Value>(&garbage.bytes().await.unwrap()).is_err());
    custodian.lie("uphold", told, "server-error").await;
    assert_eq!(
        custodian.uphold(told).await.status(),
        StatusCode::INTERNAL_SERVER_ERROR
    );

    assert_eq!(
        body_of(custodian.uphold(honest).await).await["id"],
        honest.to_string()
    );
}

#[tokio::test]
async fn planted_failures_come_and_go() {
    let custodian = World::start().await;
    custodian.open("ada").await;
    let id = custodian.transfer("uphold", Uuid::new_v4()).await;
    let faults = |per_mille| {
        let settings = json!({"seed": 1, "failuresPerMille": per_mille});
        custodian
            .request(Method::PUT, "/sandbox/faults")
            .json(&settings)
            .send()
    };

    faults(1000).await.unwrap();
    assert_eq!(
        custodian.uphold(id).await.status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    faults(0).await.unwrap();
    assert_eq!(custodian.uphold(id).await.status(), StatusCode::OK);
}

#[test]
fn the_defaults_are_complete_and_a_misspelling_is_refused() {
    use service_kit::config::checks;

    checks::defaults_are_complete::<Config>(config::DEFAULTS).unwrap();
    checks::misspellings_are_refused::<Config>(config::DEFAULTS).unwrap();
}
