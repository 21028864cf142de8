//! Where a PostgreSQL server is, and why it does not let us in.

use std::{str::FromStr as _, time::Duration};

use sqlx::{
    Connection as _, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};
use tokio::time::timeout;
use url::Url;

use super::{PostgresError, SETTINGS};
use crate::tls::{
    ClientTls,
    probe::{self, Trouble},
};

/// Where a database is, and as whom we come.
#[derive(Clone, Debug)]
pub struct Server {
    /// `host:port`.
    pub address: String,
    /// Whom we trust, and what we show.
    pub tls: ClientTls,
    pub(super) options: PgConnectOptions,
}

impl Server {
    /// The server that `url` names. Its certificate is always checked.
    pub fn of(url: &str) -> Result<Self, PostgresError> {
        let parsed = Url::parse(url).map_err(|_| PostgresError::Url)?;
        if parsed.scheme() != "postgres" {
            return Err(PostgresError::Url);
        }
        let options = PgConnectOptions::from_str(url).map_err(|_| PostgresError::Url)?;
        let file = |name: &str| {
            let found = parsed.query_pairs().find(|(key, _)| key == name);
            found.map(|(_, value)| value.into_owned().into())
        };
        let is_verified = matches!(options.get_ssl_mode(), PgSslMode::VerifyFull);
        let (true, Some(ca_file)) = (is_verified, file("sslrootcert")) else {
            return Err(PostgresError::Unverified);
        };
        Ok(Self {
            address: format!("{}:{}", options.get_host(), options.get_port()),
            tls: ClientTls {
                ca_file,
                certificate_file: file("sslcert").unwrap_or_default(),
                key_file: file("sslkey").unwrap_or_default(),
            },
            options: options.application_name("blindtally").options(SETTINGS),
        })
    }

    /// One connection of its own. A pool would try again until its time is over, and then not say why.
    pub async fn connect(&self, within: Duration) -> Result<PgConnection, PostgresError> {
        // What is wrong with our own files is not for the server to say.
        probe::ours(&self.tls)?;
        // On the heap: connecting takes kilobytes of state, which whatever opens a store would carry along.
        let connecting = Box::pin(PgConnection::connect_with(&self.options));
        match timeout(within, connecting).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(self.explain(&error)),
            Err(_late) => Err(PostgresError::Connection(Trouble::Silent {
                address: self.address.clone(),
            })),
        }
    }

    fn explain(&self, error: &sqlx::Error) -> PostgresError {
        let (address, role) = (self.address.clone(), self.options.get_username().to_owned());
        let database = self.options.get_database().unwrap_or(&role).to_owned();
        let code = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code);
        match code.as_deref() {
            Some("28P01") => PostgresError::Password { address, role },
            Some("28000" | "42501") => PostgresError::NotLetIn {
                address,
                role,
                database,
            },
            Some("3D000") => PostgresError::NoDatabase { address, database },
            Some("53300") => PostgresError::Full { address },
            Some("57P03") => PostgresError::Starting { address },
            Some(_) | None => Trouble::of(&address, &self.tls, error).into(),
        }
    }
}
