//! `star-collector collect doctor`: what collect needs, one line each.

use clock::Clock;
use secrecy::ExposeSecret as _;
use service_kit::doctor::{LogOf, Report, event_log, server_tls};

use super::Config;
use crate::channels::described;

/// Looks at everything that collect needs.
pub async fn examine(config: &Config, clock: &Clock) -> Report {
    let mut report = Report::default();
    server_tls(&mut report, &config.http.tls, clock);
    let channels = match config.channels() {
        Ok(channels) => channels,
        Err(error) => {
            report.note("channels", Err(error));
            return report;
        }
    };
    for channel in channels.all() {
        let found = described(channel, clock.now());
        report.note(format!("channel {}", channel.name), found);
    }
    let bounds = config.limits.group();
    let bounds =
        bounds.map(|limits| format!("{} messages are appended together", limits.batch_max));
    report.note("limits", bounds);
    let log = LogOf {
        url: config.event_log.url.expose_secret(),
        access: &config.log_access(),
        uses: &channels.uses(),
        // It has no outbox: what it answers 204 for is in the log.
        publishes: false,
    };
    let _opened = event_log(&mut report, log, clock).await;
    report
}
