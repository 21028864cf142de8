//! One connection: handshake, requests, end.

use std::{convert::Infallible, future::Future, net::IpAddr, pin::pin, sync::Arc, time::Duration};

use axum::body::Body;
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{HttpSettings, middleware::Answer};
use crate::{peer::Peer, shutdown::Shutdown, tls::dns_names};

/// A request's head may have this many lines: browsers send some twenty.
const HEADERS_MAX: usize = 64;

/// A request's head may have this many bytes. The largest thing in it is a capability of 1 KiB.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// How all connections of a listener are served.
#[derive(Clone)]
pub(super) struct Server<A> {
    pub(super) answers: A,
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) settings: Arc<HttpSettings>,
    pub(super) shutdown: Shutdown,
}

impl<A: Answer> Server<A> {
    /// Serves a connection until it ends, gets too old, or the order to stop comes.
    pub(super) async fn serve(self, stream: TcpStream) {
        let Ok(address) = stream.peer_addr() else {
            return;
        };
        // Answers are small and complete: waiting for more to send only delays them.
        let _unsupported = stream.set_nodelay(true);
        let Some(tls) = self.tls.clone() else {
            let peer = Peer::new(address.ip(), None, false);
            return self.requests(stream, peer).await;
        };
        let handshake = TlsAcceptor::from(tls).accept(stream);
        let limit = Duration::from_secs(self.settings.handshake_timeout_seconds);
        let Ok(Ok(stream)) = timeout(limit, handshake).await else {
            metrics::counter!("blindtally_refused_total", "why" => "handshake").increment(1);
            return;
        };
        let Ok(peer) = self.peer(address.ip(), &stream) else {
            metrics::counter!("blindtally_refused_total", "why" => "certificate").increment(1);
            return;
        };
        self.requests(stream, peer).await;
    }

    /// Who the client is by its certificate. One that names nobody we know is refused; whether there
    /// must be a certificate was settled in the handshake.
    ///
    /// Those who may call and those who are believed about buckets are two lists. Where a certificate is
    /// required, it lets in: an edge, behind which is everybody, is then not enough.
    fn peer(&self, address: IpAddr, stream: &TlsStream<TcpStream>) -> Result<Peer, NotAllowed> {
        let (_, session) = stream.get_ref();
        let Some(certificate) = session.peer_certificates().and_then(<[_]>::first) else {
            return Ok(Peer::new(address, None, false));
        };
        let (names, tls) = (dns_names(certificate), &self.settings.tls);
        let listed = |list: &[String]| list.iter().find(|name| names.contains(name)).cloned();
        let name = listed(&tls.client_names);
        let is_edge = listed(&self.settings.edge_names).is_some();
        if name.is_none() && (tls.client_certificate_required || !is_edge) {
            return Err(NotAllowed);
        }
        Ok(Peer::new(address, name.map(Arc::from), is_edge))
    }

    async fn requests(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin, peer: Peer) {
        let service = service_fn(async |request: Request<Incoming>| {
            let answer = self.answers.answer(&peer, request.map(Body::new)).await;
            Ok::<_, Infallible>(answer)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(self.settings.header_timeout_seconds))
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);

        let age = Duration::from_secs(self.settings.connection_age_max_seconds);
        tokio::select! {
            _ended = connection.as_mut() => return,
            () = self.shutdown.begun() => {}
            () = tokio::time::sleep(age) => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ended_or_cut = last_answer(&self.settings, connection).await;
    }
}

/// Gives the answer on its way the time that it can take, and no more: whoever reads slowly must not
/// keep the place for ever.
async fn last_answer<F: Future>(settings: &HttpSettings, connection: F) -> Option<F::Output> {
    let seconds = settings.handler_timeout_seconds + settings.body_timeout_seconds;
    timeout(Duration::from_secs(seconds), connection).await.ok()
}

/// The client's certificate is from our root, but not for a name that may call.
struct NotAllowed;
