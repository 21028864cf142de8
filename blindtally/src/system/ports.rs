//! Where the services listen: free ports of loopback, and the same ones after a restart.

use std::{
    collections::BTreeMap,
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    path::Path,
    sync::{Mutex, PoisonError},
};

use anyhow::Context as _;
use rand::{Rng as _, rngs::OsRng};

/// Below the ports that systems choose for outgoing connections: one of those could take a port
/// while its service restarts.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// How many ports a process takes together.
const BLOCK: u16 = 100;

/// More tries than a machine has busy blocks, nearly always.
const TRIES_MAX: usize = 1_000;

/// What this process gives away.
static BLOCKS: Mutex<Blocks> = Mutex::new(Blocks::new());

/// Ports that no other process gives away. A port is free again between its choice and its service's start, and while the
/// service restarts: without this, two systems that start side by side, as tests run them, could choose the same.
#[derive(Debug)]
struct Blocks {
    /// Whoever is bound to the first number of a block, for datagrams that nobody sends, has the block until it ends.
    held: Vec<UdpSocket>,
    /// What was not given away yet of the last one.
    left: std::ops::Range<u16>,
}

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
    let mut blocks = BLOCKS.lock().unwrap_or_else(PoisonError::into_inner);
    let ports = names.iter().flat_map(|_| 0..2).map(|_| blocks.free_port());
    let ports: Vec<u16> = ports.collect::<anyhow::Result<_>>()?;
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

impl Blocks {
    const fn new() -> Self {
        Self {
            held: Vec::new(),
            left: 0..0,
        }
    }

    /// A port that nobody listens on, and that is given to nobody else.
    fn free_port(&mut self) -> anyhow::Result<u16> {
        for _try in 0..TRIES_MAX {
            let Some(port) = self.left.next() else {
                self.take_block().context("cannot take ports of loopback")?;
                continue;
            };
            if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(port);
            }
        }
        anyhow::bail!("no free port on loopback")
    }

    /// Takes some block, unless another process has it.
    fn take_block(&mut self) -> io::Result<()> {
        let blocks = (RANGE.end - RANGE.start) / BLOCK;
        let first = RANGE.start + BLOCK * OsRng.gen_range(0..blocks);
        match UdpSocket::bind((Ipv4Addr::LOCALHOST, first)) {
            Ok(holder) => {
                self.held.push(holder);
                self.left = first..first + BLOCK;
            }
            Err(taken) if taken.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_processes_give_the_same_port_away() {
        let mut processes = [Blocks::new(), Blocks::new()];
        let mut given = BTreeSet::new();

        for _port in 0..3 * BLOCK {
            for process in &mut processes {
                let port = process.free_port().unwrap();
                assert!(given.insert(port), "{port}");
            }
        }
    }
}
