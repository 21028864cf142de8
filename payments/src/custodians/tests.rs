use std::time::Duration;

use service_kit::{config::Sources, secret::SecretFile, tls::probe_client};

use super::*;
use crate::config::{Config, DEFAULTS};

#[test]
fn debug_of_the_custodians_shows_their_hosts_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let secret = |name: &str| {
        let file = SecretFile::new(folder.path().join(name));
        file.create_text(&format!("secret-{name}")).unwrap();
        file
    };
    let config: Config = Sources::defaults("payments", DEFAULTS).load().unwrap();
    let mut settings = config.custodians;
    settings.uphold.token_file = secret("token");
    settings.gemini.api_key_file = secret("key");
    settings.gemini.api_secret_file = secret("secret");
    let hosts = [settings.uphold.url.clone(), settings.gemini.url.clone()];
    let http = probe_client(Duration::from_secs(1)).unwrap();
    let limits = CallLimits::from(&config.transfers);

    let uphold = uphold::Uphold::new(&settings.uphold, http.clone(), limits).unwrap();
    let gemini = gemini::Gemini::new(&settings.gemini, http, limits).unwrap();
    let shown = format!("{uphold:?} {gemini:?}");

    assert!(!shown.contains("secret-"), "{shown}");
    for host in hosts {
        assert!(shown.contains(host.host_str().unwrap()), "{shown}");
    }
}
