//! A TCP proxy that stands between two services and makes their connection bad.

use std::{net::SocketAddr, time::Duration};

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
    /// Requests arrive, and their answers never do.
    HalfOpen,
    /// Everything passes.
    #[default]
    Pass,
}

/// A running proxy. It ends, with its connections, when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    _accepting: JoinSet<()>,
}

impl Proxy {
    /// A proxy on a free port of loopback, for the server at `target`.
    pub async fn start(target: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (weather, told) = watch::channel(Weather::Pass);
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, target, told));
        Ok(Self {
            address,
            weather,
            _accepting: accepting,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what it does, also with open connections.
    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, told: watch::Receiver<Weather>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        if *told.borrow() == Weather::Cut {
            continue;
        }
        connections.spawn(connect(client, target, told.clone()));
    }
}

/// Carries bytes both ways until one side ends, or the weather cuts it.
async fn connect(client: TcpStream, target: SocketAddr, mut told: watch::Receiver<Weather>) {
    let Ok(server) = TcpStream::connect(target).await else {
        return;
    };
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    let requests = carry(client_reads, server_writes, told.clone(), false);
    let answers = carry(server_reads, client_writes, told.clone(), true);
    tokio::select! {
        _ = told.wait_for(|weather| *weather == Weather::Cut) => {}
        ((), ()) = async { tokio::join!(requests, answers) } => {}
    }
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    told: watch::Receiver<Weather>,
    answers: bool,
) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(read_bytes @ 1..) = from.read(&mut chunk).await {
        let weather = *told.borrow();
        match weather {
            Weather::Cut => return,
            Weather::Delay(time) => tokio::time::sleep(time).await,
            Weather::HalfOpen if answers => continue,
            Weather::HalfOpen | Weather::Pass => {}
        }
        let Some(piece) = chunk.get(..read_bytes) else {
            return;
        };
        if to.write_all(piece).await.is_err() {
            return;
        }
    }
}
