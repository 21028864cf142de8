//! Stock clients of `star-randsrv`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ppoprf::ppoprf::ServerPublicKey;
use serde_json::{Value, json};
use star_collector::domain::wire::Message;
use star_constellation::api::client::{
    construct_message, construct_randomness_request, prepare_measurement,
};

use super::app::{App, ok, points};

/// What a client sends whose value has these layers: the message's bytes.
async fn message(app: &App, instance: &str, layers: &[&str]) -> Vec<u8> {
    let info: Value = ok(app.get(&format!("{instance}/info")).await).await;
    let epoch = u8::try_from(info["currentEpoch"].as_u64().unwrap()).unwrap();
    let layers: Vec<Vec<u8>> = layers
        .iter()
        .map(|layer| layer.as_bytes().to_vec())
        .collect();
    let state = prepare_measurement(&layers, epoch).unwrap();
    let points = construct_randomness_request(&state);
    let points: Vec<String> = points.iter().map(|point| STANDARD.encode(point)).collect();

    let request = json!({ "points": points, "epoch": epoch });
    let path = format!("{instance}/randomness");
    let answer: Value = ok(app.post(&path, &request).await).await;

    assert_eq!(answer["epoch"], epoch);
    let evaluated: Vec<Vec<u8>> = answer["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| STANDARD.decode(point.as_str().unwrap()).unwrap())
        .collect();
    let evaluated: Vec<&[u8]> = evaluated.iter().map(Vec::as_slice).collect();
    construct_message(&evaluated, None, &state, &None, &[], 2).unwrap()
}

/// The epoch and the outer tag of a message, as whoever groups messages finds them.
fn tag(message: &[u8], layers: usize) -> (u8, Vec<u8>) {
    let message = Message::read(message, layers).unwrap();
    (message.epoch, message.outer.tag.to_vec())
}

#[tokio::test]
async fn two_clients_with_one_measurement_have_one_tag() {
    let app = App::start().await;
    let value = ["version|1.2", "country|se"];

    let one = message(&app, "", &value).await;
    let other = message(&app, "/instances/main", &value).await;
    let different = message(&app, "", &["version|1.3", "country|se"]).await;

    assert_ne!(one, other, "each has a share of its own");
    assert_eq!(tag(&one, 2), tag(&other, 2));
    assert_eq!(tag(&one, 2).0, 3);
    assert_ne!(tag(&one, 2), tag(&different, 2));
}

#[tokio::test]
async fn two_clients_of_different_epochs_or_instances_have_different_tags() {
    let mut app = App::start().await;
    let value = ["version|1.2"];

    let (first, one) = tag(&message(&app, "", &value).await, 1);
    let (same, of_other) = tag(&message(&app, "/instances/other", &value).await, 1);
    app.live_until_hour(1).await;
    let (next, later) = tag(&message(&app, "", &value).await, 1);

    assert_eq!((first, same, next), (3, 3, 4));
    assert_ne!(one, later);
    assert_ne!(one, of_other);
}

/// Members and their types, as the clients' structures have them.
#[tokio::test]
async fn the_answers_are_those_of_star_randsrv() {
    let app = App::start().await;

    let info: Value = ok(app.get("/info").await).await;
    let public_key = STANDARD
        .decode(info["publicKey"].as_str().unwrap())
        .unwrap();
    let read: ServerPublicKey = bincode::deserialize(&public_key).unwrap();
    assert_eq!(bincode::serialize(&read).unwrap(), public_key);
    // A length, the base, the number of epochs, and for each its number, a length and a point: 3 to 6.
    assert!(public_key.len() > 5 * 32);
    let mut rest = info.clone();
    rest["publicKey"] = json!("");
    assert_eq!(
        rest,
        json!({
            "publicKey": "",
            "currentEpoch": 3,
            "nextEpochTime": "2026-01-01T11:00:00Z",
            "maxPoints": 1024,
        })
    );
    assert_eq!(
        ok::<Value>(app.get("/instances/main/info").await).await,
        info
    );
    let instances: Value = ok(app.get("/instances").await).await;
    let expected = json!({ "instances": ["main", "other"], "defaultInstance": "main" });
    assert_eq!(instances, expected);

    let request = json!({ "points": points(3) });
    let answer: Value = ok(app.post("/randomness", &request).await).await;
    assert_eq!(answer["epoch"], 3);
    assert_eq!(answer.as_object().unwrap().len(), 2);
    let points = answer["points"].as_array().unwrap();
    let is_a_point = |point: &Value| STANDARD.decode(point.as_str().unwrap()).unwrap().len() == 32;
    assert!(points.len() == 3 && points.iter().all(is_a_point));
}

#[tokio::test]
async fn instances_have_keys_and_schedules_of_their_own() {
    let app = App::start().await;
    let request = json!({ "points": points(1) });
    let evaluated = async |instance| {
        let path = format!("/instances/{instance}/randomness");
        ok::<Value>(app.post(&path, &request).await).await
    };

    let default: Value = ok(app.post("/randomness", &request).await).await;
    assert_eq!(evaluated("main").await, default);
    assert_ne!(evaluated("other").await["points"], default["points"]);
    let other: Value = ok(app.get("/instances/other/info").await).await;
    assert_eq!(other["nextEpochTime"], "2026-01-02T10:00:00Z");
}
