//! Real engines that die, and connections to them that break.

use std::{
    ffi::OsStr,
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use service_kit::engines;
use sqlx::{Connection as _, PgConnection};
use tokio::process::Command;

/// An engine, as `deploy/engines/up` starts it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Engine {
    /// The broker.
    Kafka,
    /// The PostgreSQL cluster of orders and tally.
    Main,
    /// The PostgreSQL cluster of challenge-bypass.
    Registry,
    /// The PostgreSQL cluster of votes.
    Votes,
}

impl Engine {
    /// Ends it as a power cut would.
    pub async fn kill(self) -> anyhow::Result<()> {
        self.run("kill").await
    }

    /// Starts it again, and waits until it serves.
    pub async fn start(self) -> anyhow::Result<()> {
        self.run("start").await
    }

    /// Where it listens.
    pub fn address(self) -> anyhow::Result<SocketAddr> {
        match self {
            Self::Kafka => address_of_broker(&self.folder()),
            Self::Main | Self::Registry | Self::Votes => address_of_server(&self.folder()),
        }
    }

    async fn run(self, what: &str) -> anyhow::Result<()> {
        let name = match self {
            Self::Kafka => "kafka",
            Self::Main | Self::Registry | Self::Votes => "postgres",
        };
        script(name, &[what.as_ref(), self.folder().as_os_str()]).await
    }

    fn folder(self) -> PathBuf {
        engines::folder().join(match self {
            Self::Kafka => "kafka",
            Self::Main => "main",
            Self::Registry => "registry",
            Self::Votes => "votes",
        })
    }
}

/// Where the Kafka in `folder` listens.
pub(super) fn address_of_broker(folder: &Path) -> anyhow::Result<SocketAddr> {
    let file = folder.join("admin.properties");
    let port = setting(&file, "bootstrap.servers=127.0.0.1:")?;
    Ok((Ipv4Addr::LOCALHOST, port).into())
}

/// Where the PostgreSQL cluster in `folder` listens.
pub(super) fn address_of_server(folder: &Path) -> anyhow::Result<SocketAddr> {
    let port = setting(&folder.join("data/postgresql.conf"), "port = ")?;
    Ok((Ipv4Addr::LOCALHOST, port).into())
}

/// Gives the broker a second address, `told`, which it tells to clients that come by it, and which stands for
/// another, the answer, where it serves them: a proxy has to stand between. Clients of its first address notice
/// no more than a restart.
pub async fn behind_a_proxy() -> anyhow::Result<(SocketAddr, SocketAddr)> {
    let file = Engine::Kafka.folder().join("server.properties");
    let settings = fs::read_to_string(&file)?;
    if !settings.contains("PROXIED") {
        let (told, served) = (free_address()?, free_address()?);
        let settings = settings
            .replace("\nlisteners=", &format!("\nlisteners=PROXIED://{served},"))
            .replace(
                "\nadvertised.listeners=",
                &format!("\nadvertised.listeners=PROXIED://{told},"),
            )
            .replace("protocol.map=", "protocol.map=PROXIED:SSL,");
        Engine::Kafka.kill().await?;
        fs::write(&file, settings)?;
        Engine::Kafka.start().await?;
    }
    let settings = fs::read_to_string(&file)?;
    let address = |key: &str| -> anyhow::Result<SocketAddr> {
        let found = settings.lines().find_map(|line| line.strip_prefix(key));
        let found = found.and_then(|rest| rest.split(',').next());
        Ok(found.context("the broker has a second address")?.parse()?)
    };
    Ok((
        address("advertised.listeners=PROXIED://")?,
        address("listeners=PROXIED://")?,
    ))
}

/// A connection of the superuser to a database of a PostgreSQL cluster.
pub async fn super_user(cluster: Engine, database: &str) -> anyhow::Result<PgConnection> {
    let password = fs::read_to_string(cluster.folder().join("super.password"))?;
    let url = format!(
        "postgres://super:{}@{}/{database}?sslmode=verify-full&sslrootcert={}",
        password.trim(),
        cluster.address()?,
        engines::folder().join("certificates/ca.pem").display()
    );
    Ok(PgConnection::connect(&url).await?)
}

/// Runs a script of deploy/engines.
pub(super) async fn script(name: &str, arguments: &[&OsStr]) -> anyhow::Result<()> {
    let mut script = Command::new(engines::script(name));
    let ended = script.args(arguments).status().await;
    let ended = ended.with_context(|| format!("deploy/engines/{name} cannot be started"))?;
    ensure!(ended.success(), "deploy/engines/{name} failed");
    Ok(())
}

/// What follows `key` at the beginning of a line of `file`, up to the first character that is no digit.
fn setting(file: &Path, key: &str) -> anyhow::Result<u16> {
    let text = fs::read_to_string(file)?;
    let mut lines = text.lines();
    let found = lines.find_map(|line| line.strip_prefix(key));
    let rest = found.context("the engine has a port")?;
    let digits = rest
        .split(|character: char| !character.is_ascii_digit())
        .next();
    Ok(digits.unwrap_or_default().parse()?)
}

/// An address that nobody listens on.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
