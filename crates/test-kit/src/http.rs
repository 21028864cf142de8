//! The one plain HTTP request that tests make: whether a service is ready.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// A service's checks time out after three seconds.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// Whether `/readyz` of the admin interface at `admin` answers 200.
pub(crate) async fn is_ready(admin: SocketAddr) -> bool {
    let asked = async {
        let mut connection = TcpStream::connect(admin).await.ok()?;
        let request = "GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        connection.write_all(request.as_bytes()).await.ok()?;
        let mut status = [0; 12];
        connection.read_exact(&mut status).await.ok()?;
        Some(status == *b"HTTP/1.1 200")
    };
    timeout(ANSWERED_WITHIN, asked)
        .await
        .ok()
        .flatten()
        .unwrap_or(false)
}
