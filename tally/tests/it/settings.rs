//! Settings with which votes or heads would be lost do not start.

use messages::encoding::Fixed;
use tally::{Config, Rules};

use crate::app::{App, directory_public_key};

type Change = fn(&mut Config);

#[tokio::test]
async fn what_would_lose_votes_or_keep_forged_heads_does_not_start() {
    let mut app = App::start().await;
    app.stop().await;
    let changes: [(Change, &str); 6] = [
        (|it| it.retention.event_id_months = 0, "event_id_months"),
        (|it| it.retention.event_id_months = 1, "event_id_months"),
        (
            |it| it.directory.public_keys.clear(),
            "directory.public_keys",
        ),
        (
            |it| it.directory.public_keys.push(Fixed([2; 32]).to_string()),
            "directory.public_keys",
        ),
        (
            |it| it.directory.public_keys = vec![directory_public_key(); 9],
            "directory.public_keys",
        ),
        (
            |it| it.closing.fee_basis_points = 10_001,
            "fee_basis_points",
        ),
    ];
    for (change, name) in changes {
        let mut config = app.config();
        change(&mut config);

        let error = tally::open(&config, &app.deps(Rules::default())).await;

        let error = format!("{:#}", error.err().unwrap());
        assert!(error.contains(name), "{error}");
    }
    tally::open(&app.config(), &app.deps(Rules::default()))
        .await
        .unwrap();
}
