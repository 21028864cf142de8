//! `payments doctor`: what payments needs, one line each.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use clock::Clock;
use secrecy::ExposeSecret as _;
use service_kit::{
    doctor::{
        DatabaseOf, LogOf, Report, client_tls, database, event_log, host_and_port, position,
        secret, server, server_tls,
    },
    tls::{
        self,
        probe::{Opening, Trouble},
    },
};

use crate::{
    Config, FIGURES_LINE, Topics, VOTES_LINE,
    config::ChallengeBypass,
    rules::Rules,
    store::{orders, votes},
};

/// How long challenge-bypass may take to describe itself.
const ASK_WITHIN: Duration = Duration::from_secs(5);

/// Looks at everything that payments needs.
pub async fn examine(config: &Config, clock: &Clock) -> Report {
    let mut report = Report::default();
    server_tls(&mut report, &config.http.tls, clock);
    secrets(&mut report, config);
    stores(&mut report, config, clock).await;
    challenge_bypass(&mut report, &config.challenge_bypass, clock).await;
    custodians(&mut report, config, clock).await;
    report
}

fn secrets(report: &mut Report, config: &Config) {
    let (secrets, custodians) = (&config.secrets, &config.custodians);
    secret(report, "secret: orders", &secrets.orders_file);
    secret(report, "secret: directory key", &secrets.directory_key_file);
    let previous = &secrets.previous_directory_key_file;
    if !previous.is_unset() {
        secret(report, "secret: previous directory key", previous);
    }
    if secrets.sku_root_files.is_empty() {
        let none = anyhow::anyhow!("no file is named: set secrets.sku_root_files");
        report.note("secret: SKU root", Err(none));
    }
    for file in &secrets.sku_root_files {
        secret(report, "secret: SKU root", file);
    }
    for (what, file) in [
        ("secret: Uphold's token", &custodians.uphold.token_file),
        ("secret: Gemini's API key", &custodians.gemini.api_key_file),
        (
            "secret: Gemini's API secret",
            &custodians.gemini.api_secret_file,
        ),
    ] {
        secret(report, what, file);
    }
}

/// The databases, the log, and whether they agree about what was published.
async fn stores(report: &mut Report, config: &Config, clock: &Clock) {
    let (orders_url, votes_url) = (&config.orders_database.url, &config.votes_database.url);
    let (orders_url, votes_url) = (orders_url.expose_secret(), votes_url.expose_secret());
    let of_orders = DatabaseOf {
        what: "orders database",
        url: orders_url,
        schema: orders::SCHEMA,
    };
    let of_votes = DatabaseOf {
        what: "votes database",
        url: votes_url,
        schema: votes::SCHEMA,
    };
    let has_orders = database(report, of_orders, clock).await;
    let has_votes = database(report, of_votes, clock).await;
    report.note("databases: apart", apart(orders_url, votes_url));

    let topics = Topics::of(&config.environment);
    let log = LogOf {
        url: &config.event_log.url,
        access: &config.log_access(),
        uses: &topics.uses(),
        publishes: true,
    };
    let Some(log) = event_log(report, log, clock).await else {
        return;
    };
    if has_votes {
        let what = "outbox: votes";
        match votes::open(votes_url, topics.vote, Rules::default().votes).await {
            Ok(votes) => position(report, what, &*votes.outbox(), &*log, VOTES_LINE).await,
            Err(error) => {
                report.note(what, Err(error));
            }
        }
    }
    if has_orders {
        let what = "outbox: funds";
        match orders::open(orders_url).await {
            Ok(orders) => position(report, what, &*orders.outbox(), &*log, FIGURES_LINE).await,
            Err(error) => {
                report.note(what, Err(error));
            }
        }
    }
}

/// Transaction numbers are common to a PostgreSQL cluster, and would join votes to orders (threat U2).
fn apart(orders: &str, votes: &str) -> anyhow::Result<String> {
    let place = |url: &str| {
        let url = url::Url::parse(url).ok()?;
        (url.scheme() == "postgres").then(|| host_and_port(&url).ok())?
    };
    let same_cluster = place(orders).is_some_and(|place_of| Some(place_of) == place(votes));
    ensure!(
        !same_cluster && orders != votes,
        "votes are where orders are: give them a database, and a PostgreSQL cluster, of their own"
    );
    Ok("votes are not where orders are".to_owned())
}

async fn challenge_bypass(report: &mut Report, settings: &ChallengeBypass, clock: &Clock) {
    let what = "challenge-bypass";
    if !client_tls(
        report,
        "challenge-bypass: certificate",
        &settings.tls,
        clock,
    ) {
        return;
    }
    let address = match host_and_port(&settings.url) {
        Ok(address) => address,
        Err(error) => {
            report.note(what, Err(error));
            return;
        }
    };
    if server(report, what, (&address, &settings.tls), Opening::Tls, clock).await {
        let answer = ask(settings, &address).await;
        report.note("challenge-bypass: access", answer);
    }
}

/// Whether we are let in: under TLS 1.3 that is known with the first answer only.
async fn ask(settings: &ChallengeBypass, address: &str) -> anyhow::Result<String> {
    let client = tls::http_client(&settings.tls, ASK_WITHIN)?;
    let url = settings.url.join("openapi.json")?;
    let answered = client.get(url).send().await;
    let answer = answered.map_err(|error| Trouble::of(address, &settings.tls, &error))?;
    let status = answer.status();
    ensure!(
        status.is_success(),
        "it answers {status}: see whether that is challenge-bypass"
    );
    Ok("it lets us in".to_owned())
}

async fn custodians(report: &mut Report, config: &Config, clock: &Clock) {
    let custodians = &config.custodians;
    for (what, url) in [
        ("custodian: Uphold", &custodians.uphold.url),
        ("custodian: Gemini", &custodians.gemini.url),
    ] {
        match host_and_port(url).context("its URL") {
            Ok(address) => {
                let reached = (address.as_str(), &custodians.tls);
                server(report, what, reached, Opening::Tls, clock).await;
            }
            Err(error) => {
                report.note(what, Err(error));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_in_the_cluster_or_the_file_of_orders_are_told() {
        let together = |orders, votes| apart(orders, votes).is_err();

        assert!(together(
            "postgres://a@h:1/orders",
            "postgres://b@h:1/votes"
        ));
        assert!(together("sqlite:/one.db", "sqlite:/one.db"));
        assert!(!together(
            "postgres://a@h:1/orders",
            "postgres://b@h:2/votes"
        ));
        assert!(!together("sqlite:/one.db", "sqlite:/two.db"));
        assert!(!together("postgres://a@h:1/orders", "sqlite:/two.db"));
    }
}
