//! A real PostgreSQL and a real Kafka in place of files: where they are, and how each service gets in.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use service_kit::{event_log::Access, secret::SecretFile, tls::ClientTls};
use star_collector::{aggregate, collect, randomness};
use url::Url;

use super::{Profile, Settings};

/// Running engines, as `deploy/engines/up` describes them in `engines.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engines {
    /// What the topics' names begin with.
    environment: String,
    challenge_bypass_database: Database,
    event_log: EventLog,
    orders_database: Database,
    star_aggregate_database: Database,
    star_randomness_database: Database,
    tally_database: Database,
    votes_database: Database,
}

/// A database of one service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `postgres://role@host:port/name`. The role that owns the tables is `role_owner`.
    url: Url,
    /// What the server's certificate leads to.
    ca_file: PathBuf,
    password_file: SecretFile,
    owner_password_file: SecretFile,
    /// Where the tables are, if not in `public`.
    #[serde(default)]
    schema: Option<String>,
}

/// A Kafka cluster.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventLog {
    /// `kafka:host:port`.
    url: String,
    /// What the brokers' certificates lead to.
    ca_file: PathBuf,
    /// A folder with a certificate and a key for each principal: `payments.crt`, `payments.key` and so on.
    certificates: PathBuf,
}

impl Engines {
    /// Reads the description in `file`.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        ensure!(
            cfg!(feature = "engines"),
            "this program is built without PostgreSQL and Kafka: \
             cargo run --release --features engines -- up --engines FILE"
        );
        let text = fs::read_to_string(file)
            .with_context(|| format!("{} cannot be read", file.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not understood", file.display()))
    }

    /// The same engines, with tables in `schema` and topics of `environment`: for somebody who shares them.
    #[must_use]
    pub fn apart(mut self, schema: &str, environment: &str) -> Self {
        environment.clone_into(&mut self.environment);
        for database in [
            &mut self.challenge_bypass_database,
            &mut self.orders_database,
            &mut self.star_aggregate_database,
            &mut self.star_randomness_database,
            &mut self.tally_database,
            &mut self.votes_database,
        ] {
            database.schema = Some(schema.to_owned());
        }
        self
    }

    /// What the topics' names begin with.
    pub fn environment(&self) -> &str {
        &self.environment
    }

    /// The brokers: `host:port`, several with commas between.
    pub fn brokers(&self) -> &str {
        let url = &self.event_log.url;
        url.strip_prefix("kafka:").unwrap_or(url)
    }

    /// The database of star-collector's aggregator.
    pub fn star_aggregate_database(&self) -> &Database {
        &self.star_aggregate_database
    }

    /// All databases, those of votes and those of measurements.
    pub fn all_databases(&self) -> [&Database; 6] {
        [
            &self.challenge_bypass_database,
            &self.orders_database,
            &self.star_aggregate_database,
            &self.star_randomness_database,
            &self.tally_database,
            &self.votes_database,
        ]
    }

    /// The databases of votes, by the names that their files have in a system without engines.
    pub fn databases(&self) -> [(&'static str, &Database); 4] {
        [
            ("challenge-bypass.db", &self.challenge_bypass_database),
            ("payments-orders.db", &self.orders_database),
            ("payments-votes.db", &self.votes_database),
            ("tally.db", &self.tally_database),
        ]
    }

    /// The event log's URL.
    pub fn event_log(&self) -> &str {
        &self.event_log.url
    }

    /// How whoever has the certificate of `principal` gets into the event log.
    pub fn access(&self, principal: &str) -> Access {
        let file = |kind| {
            self.event_log
                .certificates
                .join(format!("{principal}.{kind}"))
        };
        Access {
            tls: ClientTls {
                ca_file: self.event_log.ca_file.clone(),
                certificate_file: file("crt"),
                key_file: file("key"),
            },
            prefix: format!("{}.{principal}", self.environment),
        }
    }

    /// Makes the tables of votes, or brings them up to date, as the roles that own them.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        let owner = |database: &Database| database.url_of_owner();
        let url = owner(&self.challenge_bypass_database)?;
        challenge_bypass::store::migrate(url.expose_secret()).await?;
        let url = owner(&self.orders_database)?;
        payments::store::orders::migrate(url.expose_secret()).await?;
        let url = owner(&self.votes_database)?;
        payments::store::votes::migrate(url.expose_secret()).await?;
        let url = owner(&self.tally_database)?;
        tally::store::migrate(url.expose_secret()).await
    }

    /// The same of measurements.
    pub async fn migrate_measurements(&self) -> anyhow::Result<()> {
        let url = self.star_randomness_database.url_of_owner()?;
        randomness::store::migrate(url.expose_secret()).await?;
        self.migrate_aggregate().await
    }

    /// The same of star-collector's aggregator alone.
    pub async fn migrate_aggregate(&self) -> anyhow::Result<()> {
        let url = self.star_aggregate_database.url_of_owner()?;
        aggregate::store::migrate(url.expose_secret()).await
    }

    /// What star-collector's aggregator is told.
    pub fn star_aggregate(&self) -> anyhow::Result<Settings> {
        let mut settings = Settings::default();
        let url = self.star_aggregate_database.url_of_service()?;
        settings.set("database.url", url.expose_secret());
        self.log_in(&mut settings, aggregate::config::SERVICE);
        Ok(settings)
    }

    /// What star-collector's collect is told.
    pub fn star_collect(&self) -> Settings {
        let mut settings = Settings::default();
        self.log_in(&mut settings, collect::config::SERVICE);
        settings
    }

    /// What star-collector's randomness service is told.
    pub fn star_randomness(&self) -> anyhow::Result<Settings> {
        let mut settings = Settings::default();
        let url = self.star_randomness_database.url_of_service()?;
        settings.set("database.url", url.expose_secret());
        Ok(settings)
    }

    /// `profile` on these engines.
    pub fn serve(&self, mut profile: Profile) -> anyhow::Result<Profile> {
        let url = |database: &Database| database.url_of_service();
        profile.challenge_bypass.set(
            "database.url",
            url(&self.challenge_bypass_database)?.expose_secret(),
        );
        profile
            .payments
            .set(
                "orders_database.url",
                url(&self.orders_database)?.expose_secret(),
            )
            .set(
                "votes_database.url",
                url(&self.votes_database)?.expose_secret(),
            );
        profile
            .tally
            .set("database.url", url(&self.tally_database)?.expose_secret());
        self.log_in(&mut profile.payments, "payments");
        self.log_in(&mut profile.tally, "tally");
        Ok(profile)
    }

    fn log_in(&self, settings: &mut Settings, principal: &str) {
        let ClientTls {
            ca_file,
            certificate_file,
            key_file,
        } = self.access(principal).tls;
        settings
            .set("environment", &self.environment)
            .set("event_log.url", &self.event_log.url)
            .set_path("event_log.tls.ca_file", &ca_file)
            .set_path("event_log.tls.certificate_file", &certificate_file)
            .set_path("event_log.tls.key_file", &key_file);
    }
}

impl Database {
    /// Where its server listens. All databases of one server share its transaction numbers.
    pub fn server(&self) -> String {
        let (host, port) = (self.url.host_str(), self.url.port());
        format!("{}:{}", host.unwrap_or_default(), port.unwrap_or_default())
    }

    /// Its own name, which is that of the service's role, too.
    pub fn name(&self) -> &str {
        self.url.username()
    }

    /// Where the tables are, if not in `public`.
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// The URL as the role of the service.
    pub fn url_of_service(&self) -> anyhow::Result<SecretString> {
        self.url_of(self.name(), &self.password_file)
    }

    /// The URL as the role that owns the tables.
    pub fn url_of_owner(&self) -> anyhow::Result<SecretString> {
        let owner = format!("{}_owner", self.name());
        self.url_of(&owner, &self.owner_password_file)
    }

    fn url_of(&self, role: &str, password: &SecretFile) -> anyhow::Result<SecretString> {
        let mut url = self.url.clone();
        let password = password.read_text()?;
        let set = url
            .set_username(role)
            .and_then(|()| url.set_password(Some(password.expose_secret())));
        ensure!(set.is_ok(), "{} takes no role and password", self.url);
        url.query_pairs_mut()
            .append_pair("sslmode", "verify-full")
            .append_pair("sslrootcert", &self.ca_file.to_string_lossy());
        if let Some(schema) = &self.schema {
            url.query_pairs_mut()
                .append_pair("options[search_path]", schema);
        }
        Ok(String::from(url).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two databases' worth of a description, with passwords that a URL has to escape.
    fn database(folder: &Path) -> Database {
        fs::write(folder.join("role"), "p@ss/word\n").unwrap();
        fs::write(folder.join("owner"), "other\n").unwrap();
        let text = format!(
            "url = \"postgres://tally@127.0.0.1:5432/tally\"\nca_file = \"/ca.pem\"\n\
             password_file = {:?}\nowner_password_file = {:?}\n",
            folder.join("role"),
            folder.join("owner")
        );
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn a_database_is_reached_over_verified_tls_by_two_roles() {
        let folder = tempfile::tempdir().unwrap();
        let mut database = database(folder.path());

        let service = database.url_of_service().unwrap();
        database.schema = Some("apart".to_owned());
        let owner = database.url_of_owner().unwrap();

        assert_eq!(
            service.expose_secret(),
            "postgres://tally:p%40ss%2Fword@127.0.0.1:5432/tally?sslmode=verify-full&sslrootcert=%2Fca.pem"
        );
        assert_eq!(
            owner.expose_secret(),
            "postgres://tally_owner:other@127.0.0.1:5432/tally?sslmode=verify-full&sslrootcert=%2Fca.pem\
             &options%5Bsearch_path%5D=apart"
        );
    }

    #[cfg(not(feature = "engines"))]
    #[test]
    fn a_program_without_engines_says_how_it_gets_them() {
        let refused = Engines::read(Path::new("/engines.toml")).unwrap_err();

        assert!(
            refused.to_string().contains("--features engines"),
            "{refused}"
        );
    }
}
