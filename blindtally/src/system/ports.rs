//! Where the services listen: free ports of loopback, and the same ones after a restart.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    sync::{Mutex, PoisonError},
};

use anyhow::Context as _;
use rand::{Rng as _, rngs::OsRng};

/// Below the ports that systems choose for outgoing connections: one of those could take a port
/// while its service restarts.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// More tries than a machine has busy ports in the range, nearly always.
const TRIES_MAX: usize = 1_000;

/// What this process has given away. A port is free again between its choice and its service's start,
/// so that two systems of one process, as tests run them, could choose the same.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// Where a service listens.
#[derive(Clone, Copy, Debug)]
pub struct Listen {
    /// Its API.
    pub api: SocketAddr,
    /// Its probes and metrics.
    pub admin: SocketAddr,
}

/// The ports of `names` that are written down in `file`, or new ones, which are written there.
pub(super) fn open<N: Copy + Ord>(file: &Path, names: &[N]) -> anyhow::Result<BTreeMap<N, Listen>> {
    if let Ok(text) = fs::read_to_string(file) {
        let ports: Vec<u16> = serde_json::from_str(&text).context("the file of ports")?;
        return assign(&ports, names).context("the file of ports is too short");
    }
    let mut held = Vec::new();
    for _ in names.iter().flat_map(|_| 0..2) {
        held.push(free_port()?);
    }
    let ports: Vec<u16> = held.iter().map(|(_, port)| *port).collect();
    drop(held);
    fs::write(file, serde_json::to_string(&ports)?)?;
    assign(&ports, names).context("there are two ports for each service")
}

fn assign<N: Copy + Ord>(ports: &[u16], names: &[N]) -> Option<BTreeMap<N, Listen>> {
    let mut ports = ports
        .iter()
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, *port)));
    let mut next = || {
        Some(Listen {
            api: ports.next()?,
            admin: ports.next()?,
        })
    };
    let names = names.iter().copied();
    names.map(|name| Some((name, next()?))).collect()
}

/// A port that nobody listens on, held until all are found.
fn free_port() -> anyhow::Result<(TcpListener, u16)> {
    for _try in 0..TRIES_MAX {
        let port = OsRng.gen_range(RANGE);
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        if !given.insert(port) {
            continue;
        }
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return Ok((listener, port));
        }
    }
    anyhow::bail!("no free port on loopback")
}
