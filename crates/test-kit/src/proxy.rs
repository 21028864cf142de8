//! A TCP proxy that stands between two services, or before several of one, and makes their connections bad.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
};

/// One read of a TLS record and its header fits.
const CHUNK_BYTES: usize = 32 * 1024;

/// What the proxy does with bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Weather {
    /// Open connections end, new ones end at once.
    Cut,
    /// Every piece waits so long before it goes on.
    Delay(Duration),
    /// Requests arrive, and their answers never do. A connection that lost one stays silent in any later weather
    /// but a cut.
    HalfOpen,
    /// Everything passes.
    #[default]
    Pass,
}

/// The weather, and how often it was a cut. A cut is over sooner than a connection may get to see it, and ends it all the same.
#[derive(Clone, Copy, Debug, Default)]
struct Sky {
    weather: Weather,
    cuts: u64,
}

/// A running proxy. It ends, with its connections, when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    sky: watch::Sender<Sky>,
    accepting: JoinSet<()>,
}

impl Proxy {
    /// A proxy on a free port of loopback, for the server at `target`.
    pub async fn start(target: SocketAddr) -> io::Result<Self> {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0)), vec![target]).await
    }

    /// A proxy at `listen` for servers that do the same: each connection goes to the next one that takes it.
    pub async fn at(listen: SocketAddr, targets: Vec<SocketAddr>) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let (sky, told) = watch::channel(Sky::default());
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, targets, told));
        Ok(Self {
            address,
            sky,
            accepting,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it, and waits until its address is free again.
    pub async fn stop(mut self) {
        self.accepting.shutdown().await;
    }

    /// Changes what it does, also with open connections.
    pub fn set(&self, weather: Weather) {
        self.sky.send_modify(|sky| {
            sky.weather = weather;
            sky.cuts += u64::from(weather == Weather::Cut);
        });
    }
}

async fn accept(listener: TcpListener, mut targets: Vec<SocketAddr>, told: watch::Receiver<Sky>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let begun = *told.borrow();
        if begun.weather == Weather::Cut {
            continue;
        }
        connections.spawn(connect(client, targets.clone(), begun, told.clone()));
        targets.rotate_left(1);
    }
}

/// Carries bytes both ways until one side ends, or the weather cuts it.
async fn connect(
    client: TcpStream,
    targets: Vec<SocketAddr>,
    begun: Sky,
    mut told: watch::Receiver<Sky>,
) {
    // It tries one address after the other.
    let Ok(server) = TcpStream::connect(targets.as_slice()).await else {
        return;
    };
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    let requests = carry(client_reads, server_writes, told.clone(), false);
    let answers = carry(server_reads, client_writes, told.clone(), true);
    tokio::select! {
        _ = told.wait_for(|sky| sky.cuts != begun.cuts) => {}
        ((), ()) = async { tokio::join!(requests, answers) } => {}
    }
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    told: watch::Receiver<Sky>,
    answers: bool,
) {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut is_silent = false;
    while let Ok(read_bytes @ 1..) = from.read(&mut chunk).await {
        let Sky { weather, .. } = *told.borrow();
        is_silent |= answers && weather == Weather::HalfOpen;
        match weather {
            Weather::Cut => return,
            Weather::Delay(time) => tokio::time::sleep(time).await,
            Weather::HalfOpen | Weather::Pass => {}
        }
        let piece = chunk.get(..read_bytes).unwrap_or_default();
        if !is_silent && to.write_all(piece).await.is_err() {
            return;
        }
    }
    if is_silent {
        // Nor does the client hear that the server has ended the connection.
        std::future::pending::<()>().await;
    }
}
