//! What an operator's machines see of trouble, at `/metrics`.

use tally::Rules;

use crate::app::App;

/// What a metric says; `None` when it is not on the page.
async fn metric(app: &App, name: &str) -> Option<u64> {
    let (_, page) = app.admin("/metrics").await;
    let line = page.lines().find_map(|line| line.strip_prefix(name));
    line.map(|value| value.trim().parse().unwrap())
}

#[tokio::test]
async fn a_total_that_falls_raises_an_alarm() {
    let mut app = App::start().await;
    app.funds("2026-01-01", [("10", 40, 8), ("0", 0, 0)]).await;
    app.settle().await;
    app.funds("2026-01-02", [("9", 40, 8), ("0", 0, 0)]).await;
    app.settle().await;

    let name = r#"blindtally_tally_records_total{topic="test.payment.funds",what="alarm"}"#;
    let alarms = metric(&app, name).await;
    assert!(alarms.is_some_and(|alarms| alarms > 0), "{alarms:?}");
}

#[tokio::test]
async fn a_log_that_disagrees_with_the_database_raises_an_alarm() {
    let mut app = App::start().await;
    app.vote(1, "example.com", 4).await;
    app.settle().await;
    app.stop().await;

    app.replace_log().await;
    app.run(Rules::default()).await;
    app.settle().await;

    let alarm = metric(&app, r#"blindtally_alarm{name="reading"}"#).await;
    assert_eq!(alarm, Some(1));
}
