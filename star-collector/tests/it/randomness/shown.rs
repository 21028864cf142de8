//! What is shown to others than clients.

use std::{process::Command, time::Duration};

use messages::star::RandomnessRequest;
use reqwest::StatusCode;
use serde_json::Value;
use service_kit::tls;

use super::app::{App, ok, points};

#[tokio::test]
async fn the_description_is_served_and_has_every_route() {
    let app = App::start().await;

    let served: Value = ok(app.get("/openapi.json").await).await;

    insta::with_settings!({ sort_maps => true }, {
        insta::assert_json_snapshot!("randomness_openapi", served);
    });
}

#[tokio::test]
async fn the_admin_listener_says_whether_the_service_is_ready_and_nothing_about_points() {
    let app = App::start().await;
    app.evaluated(&points(3)).await;
    let probe = tls::probe_client(Duration::from_secs(5)).unwrap();
    let get = async |path| probe.get(app.admin_address(path)).send().await.unwrap();

    assert_eq!(get("/livez").await.status(), StatusCode::OK);
    assert_eq!(get("/readyz").await.status(), StatusCode::OK);
    let metrics = get("/metrics").await.text().await.unwrap();
    assert!(!metrics.contains(&points(1)[0].to_string()), "{metrics}");
    assert_eq!(get("/info").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn without_tls_nothing_is_answered() {
    let app = App::start().await;
    let plain = tls::probe_client(Duration::from_secs(5)).unwrap();

    let address = app.address("/info").replace("https://", "http://");

    assert!(plain.get(address).send().await.is_err());
}

#[test]
fn debug_of_a_request_shows_no_point() {
    let points = points(1);
    let request = RandomnessRequest {
        points: points.clone(),
        epoch: None,
    };

    let shown = format!("{request:?}");

    assert!(!shown.contains(&points[0].to_string()), "{shown}");
    assert!(
        !shown.contains(&format!("{:?}", points[0].as_bytes())),
        "{shown}"
    );
    assert!(shown.contains("Fixed<32>(..)"), "{shown}");
}

/// The part's own settings are its flags, and its own commands its commands.
#[test]
fn the_program_has_a_part_with_settings_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("new.key");
    let run = |arguments: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_star-collector"));
        program.arg("randomness").args(arguments).output().unwrap()
    };

    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    for flag in [
        "--instance-name",
        "--epoch-duration",
        "--first-epoch",
        "--last-epoch",
        "--epoch-base-time",
    ] {
        assert!(help.contains(flag), "{flag}: {help}");
    }
    assert!(
        run(&["new-sealing-key", key.to_str().unwrap()])
            .status
            .success()
    );
    assert!(
        !run(&["new-sealing-key", key.to_str().unwrap()])
            .status
            .success()
    );
    let url = format!("sqlite:{}", folder.path().join("a.db").display());
    let doctor = |more: &[&str]| {
        let mut all = vec!["doctor", "--json", "--database-url", &url];
        all.extend(["--keys-sealing-key-file", key.to_str().unwrap()]);
        all.extend(more);
        let output = run(&all);
        (
            output.status.success(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (right, said) = doctor(&["--instance-name", "a,b", "--epoch-duration", "1w,1d"]);
    assert!(right, "{said}");
    assert!(said.contains("a is in epoch "), "{said}");
    let (right, said) = doctor(&["--instance-name", "a,b"]);
    assert!(!right && said.contains("one for each"), "{said}");
}
