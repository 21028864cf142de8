//! `blindtally up --engines` on the engines that `BLINDTALLY_ENGINES` names: the steps that it prints work, and a new start goes on.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use blindtally::system::{Collector, Engines};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use service_kit::{db::testing::make_schema_as, engines, event_log};
use sqlx::Connection as _;
use tokio::process::Command;
use uuid::Uuid;

use super::{start, stop};
use crate::steps::{Steps, TOKENS_COUNTED};

/// The shared engines, with schemas and topics of a system's own.
struct Apart {
    description: PathBuf,
    engines: Engines,
}

impl Apart {
    /// Makes what an operator makes before the first start, and describes it in a file in `dir`. Tables are not there yet.
    async fn new(dir: &Path) -> Self {
        let own = Uuid::new_v4().simple();
        let (schema, environment) = (format!("test_{own}"), format!("test-{own}"));
        let shared = fs::read_to_string(engines::folder().join("engines.toml"));
        let lines = shared.unwrap();
        let lines = lines.lines().map(|line| match line {
            line if line.starts_with("environment = ") => {
                format!("environment = \"{environment}\"\n")
            }
            line if line.ends_with("_database]") => format!("{line}\nschema = \"{schema}\"\n"),
            line => format!("{line}\n"),
        });
        let description = dir.join("engines.toml");
        fs::write(&description, lines.collect::<String>()).unwrap();

        let engines = Engines::read(&description).unwrap();
        for database in engines.all_databases() {
            let owner = database.url_of_owner().unwrap();
            make_schema_as(owner.expose_secret(), database.name(), &schema).await;
        }
        let mut topics = Command::new(engines::script("topics"));
        topics.arg(engines::folder()).arg(environment);
        assert!(topics.status().await.unwrap().success());
        Self {
            description,
            engines,
        }
    }

    /// The tokens of votes that payments has taken.
    async fn tokens_counted(&self) -> i64 {
        let databases = BTreeMap::from(self.engines.databases());
        let url = databases["payments-votes.db"].url_of_service().unwrap();
        let url = url.expose_secret();
        let mut votes = sqlx::PgConnection::connect(url).await.unwrap();
        let counted = sqlx::query_scalar(TOKENS_COUNTED);
        counted.fetch_one(&mut votes).await.unwrap()
    }

    /// All measurements that were ever published, also by others: their topics are not of an environment.
    async fn published(&self) -> Vec<Value> {
        let access = self.engines.access("admin");
        let log = event_log::open(self.engines.event_log(), &access).await;
        let log = log.unwrap();
        let published = Collector::published_to(&*log).await.unwrap();
        log.close().await;
        published
    }
}

#[tokio::test]
async fn on_engines_the_printed_steps_buy_vote_and_measure_and_a_new_start_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let apart = Apart::new(dir.path()).await;

    let (first, printed) = start(&data, Some(&apart.description)).await;
    let steps = Steps::of(&printed, dir.path()).await;
    let order = steps.pay().await;
    assert!(steps.is_paid(&order).await);
    steps.vote().await;
    assert_eq!(apart.tokens_counted().await, 4);
    let country = || Uuid::new_v4().simple().to_string();
    let published = async || apart.published().await;
    steps.measure(&country(), 1, published).await;
    stop(first, "TERM").await;
    let (second, printed_again) = start(&data, Some(&apart.description)).await;

    assert_eq!(printed_again, printed);
    assert!(steps.is_paid(&order).await);
    let outcomes = steps.vote_again().await;
    assert_eq!(outcomes, BTreeMap::from([("counted".to_owned(), 8)]));
    assert_eq!(apart.tokens_counted().await, 8);
    steps.measure(&country(), 2, published).await;
    stop(second, "TERM").await;
    for folder in [data.clone(), data.join("star-collector")] {
        assert_eq!(databases_in(&folder), Vec::<String>::new());
    }
}

/// The files of databases and logs in a folder: on engines there are none.
fn databases_in(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap();
    let names = files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.contains(".db")).collect()
}
