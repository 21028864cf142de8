//! Engines of a test's own in the place of shared ones: what it does to them hurts no other test.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use blindtally::system::Engines;
use service_kit::engines::{self, own::Own};
use toml::{Table, Value};

use super::{
    hurt::{address_of_broker, address_of_server, script},
    real::{MEASUREMENTS, VOTES, aggregate_apart, make_topics_on, with_tables_of_votes},
};

/// The databases of votes, and the aggregator's, by their sections of `engines.toml`.
const DATABASES: [(&str, &str); 5] = [
    ("challenge_bypass_database", "challenge_bypass"),
    ("orders_database", "payments_orders"),
    ("star_aggregate_database", "star_aggregate"),
    ("tally_database", "tally"),
    ("votes_database", "payments_votes"),
];

/// What a world has, if it is not all that `BLINDTALLY_ENGINES` names.
#[derive(Debug)]
pub struct Instead {
    description: Table,
    /// The folder of the engines whose broker it is.
    broker: PathBuf,
}

impl Instead {
    /// The shared engines.
    pub fn new() -> anyhow::Result<Self> {
        let broker = engines::folder();
        let description = fs::read_to_string(broker.join("engines.toml"))?.parse()?;
        Ok(Self {
            description,
            broker,
        })
    }

    /// Puts this PostgreSQL in the place of all that keep votes or messages. The services trust `ca.pem` of the folder `files`.
    pub async fn server(mut self, own: &Own, files: &Path) -> anyhow::Result<Self> {
        let cluster = own.folder();
        let names = DATABASES.map(|(_, name)| name.as_ref());
        let arguments = [&[cluster.as_os_str()], names.as_slice()].concat();
        script("databases", &arguments).await?;
        let address = address_of_server(&cluster)?;
        for (section, name) in DATABASES {
            let password = |role: String| path(&cluster.join(format!("{role}.password")));
            let url = format!("postgres://{name}@{address}/{name}");
            let of_role = ("password_file", password(name.to_owned()));
            let of_owner = ("owner_password_file", password(format!("{name}_owner")));
            let ca_file = ("ca_file", path(&files.join("ca.pem")));
            self.set(section, [("url", url), ca_file, of_role, of_owner])?;
        }
        Ok(self)
    }

    /// Puts this Kafka in the place of the shared one. The services' certificates, and `ca.pem`, are those of the folder `files`.
    pub fn broker(mut self, own: &Own, files: &Path) -> anyhow::Result<Self> {
        let url = format!("kafka:{}", address_of_broker(&own.folder())?);
        let ca_file = ("ca_file", path(&files.join("ca.pem")));
        let certificates = ("certificates", path(files));
        self.set("event_log", [("url", url), ca_file, certificates])?;
        own.dir().clone_into(&mut self.broker);
        Ok(self)
    }

    /// For one new world, with tables and topics of its own.
    pub async fn of_a_new_world(self) -> anyhow::Result<Engines> {
        let environment = self.new_environment(VOTES).await?;
        with_tables_of_votes(self.description.try_into()?, &environment).await
    }

    /// For new parts of star-collector, likewise.
    pub async fn of_new_measurements(self) -> anyhow::Result<Engines> {
        let environment = self.new_environment(MEASUREMENTS).await?;
        aggregate_apart(self.description.try_into()?, &environment).await
    }

    async fn new_environment(&self, file: &str) -> anyhow::Result<String> {
        let environment = format!("test-{}", uuid::Uuid::new_v4().simple());
        make_topics_on(&self.broker, &environment, file).await?;
        Ok(environment)
    }

    fn set<const N: usize>(
        &mut self,
        section: &str,
        values: [(&str, String); N],
    ) -> anyhow::Result<()> {
        let found = self.description.get_mut(section);
        let found = found.and_then(Value::as_table_mut);
        let found = found.with_context(|| format!("there is no section {section}"))?;
        found.extend(values.map(|(name, value)| (name.to_owned(), value.into())));
        Ok(())
    }
}

fn path(path: &Path) -> String {
    path.display().to_string()
}
