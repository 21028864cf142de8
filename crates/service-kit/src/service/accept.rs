//! Accepting connections. Handshakes run in tasks of their own, so that none delays the next one.

use std::{sync::Arc, time::Duration};

use tokio::net::TcpListener;

use super::{connection::Server, connections::Connections, middleware::Answer};

/// After a failure to accept, such as too many open files: what holds them needs time to end.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts until the order to stop.
pub(super) async fn accept<A: Answer>(
    listener: TcpListener,
    connections: Arc<Connections>,
    server: Server<A>,
) {
    let stop = server.shutdown.clone();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.begun() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, address)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let Some(place) = connections.admit(address.ip()) else {
            metrics::counter!("blindtally_refused_total", "why" => "connections").increment(1);
            continue;
        };
        let server = server.clone();
        let _waited_for_by_stop = stop.spawn(async move {
            server.serve(stream).await;
            drop(place);
        });
    }
}
