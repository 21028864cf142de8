//! Servers that are called over TLS, and their certificates.

use anyhow::Context as _;
use clock::Clock;
use url::Url;

use super::{Report, files::lasting};
use crate::tls::{
    ClientTls,
    probe::{self, Opening},
};

/// Whether a server can be reached, and how long its certificate lasts. Answers whether it can be reached.
pub async fn server(
    report: &mut Report,
    what: &str,
    (address, tls): (&str, &ClientTls),
    opening: Opening,
    clock: &Clock,
) -> bool {
    let stream = match probe::connect(address, tls, opening).await {
        Ok(stream) => stream,
        Err(trouble) => return report.note(what, Err(trouble.into())),
    };
    let look = || {
        let shown = probe::shown(&stream).context("its certificate cannot be read")?;
        let lasts = lasting(shown, clock);
        let lasts = lasts.with_context(|| format!("the certificate of {address}"))?;
        Ok(format!("{address}, whose certificate has {lasts}"))
    };
    report.note(what, look());
    true
}

/// `host:port` of a URL.
pub fn host_and_port(url: &Url) -> anyhow::Result<String> {
    let host = url.host_str().context("the URL has no host: correct it")?;
    let port = url.port_or_known_default();
    Ok(format!(
        "{host}:{}",
        port.context("the URL has no port: correct it")?
    ))
}
