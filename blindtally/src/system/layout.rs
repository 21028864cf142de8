//! Where everything of a system is: a folder, its files, its ports, its certificates.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use ed25519_dalek::{SigningKey, VerifyingKey};
use messages::encoding::Fixed;
use url::Url;

use super::{Listen, Profile, ServiceName, Settings, ports};
use crate::pki::Pki;

/// Where transfers to payments arrive: three addresses, so that kinds of funds never mix.
pub mod settlement {
    /// From Uphold's users.
    pub const UPHOLD: &str = "4e7bd1d3-6a5c-4d8e-9b0a-5f0c6f0a0001";
    /// From Gemini's users.
    pub const GEMINI: &str = "4e7bd1d3-6a5c-4d8e-9b0a-5f0c6f0a0002";
    /// From anonymous cards.
    pub const ANONYMOUS_CARD: &str = "4e7bd1d3-6a5c-4d8e-9b0a-5f0c6f0a0003";
}

/// The client id of payments at Gemini.
const GEMINI_CLIENT: &str = "blindtally";

/// A system's folder, and what each service is told about it.
#[derive(Clone, Debug)]
pub struct Layout {
    dir: PathBuf,
    pki: Pki,
    directory_key: VerifyingKey,
    listen: BTreeMap<ServiceName, Listen>,
    profile: Profile,
}

impl Layout {
    /// The system in the folder `dir`, which is made if it is not there.
    pub fn open(dir: &Path, profile: Profile) -> anyhow::Result<Self> {
        fs::create_dir_all(dir).context("the folder of the system cannot be made")?;
        let dir = dir
            .canonicalize()
            .context("the folder of the system cannot be found")?;
        let pki = Pki::open(&dir.join("pki"))?;
        let directory_seed = pki.secret("payments-directory").read_key()?;
        Ok(Self {
            pki,
            directory_key: SigningKey::from_bytes(&directory_seed).verifying_key(),
            listen: ports::open(&dir.join("ports.json"), &ServiceName::ALL)?,
            dir,
            profile,
        })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its certificates, keys and tokens.
    pub fn pki(&self) -> &Pki {
        &self.pki
    }

    /// The public half of the directory key, which clients know beforehand.
    pub fn directory_key(&self) -> VerifyingKey {
        self.directory_key
    }

    /// A file of the system, in its folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Where a service listens.
    pub fn listen(&self, service: ServiceName) -> Listen {
        *self
            .listen
            .get(&service)
            .expect("every service has its ports")
    }

    /// The URL of a service's API.
    pub fn url(&self, service: ServiceName) -> Url {
        let url = format!("https://{}/", self.listen(service).api);
        url.parse().expect("an address makes a URL")
    }

    /// The URL of a service's `/readyz`.
    pub fn ready_url(&self, service: ServiceName) -> String {
        format!("http://{}/readyz", self.listen(service).admin)
    }

    /// What a service is told beyond its defaults.
    pub fn settings(&self, service: ServiceName) -> Settings {
        let mut settings = Settings::default();
        let (listen, identity) = (self.listen(service), self.pki.identity(service.as_str()));
        settings
            .set("http.listen", listen.api)
            .set("http.admin_listen", listen.admin)
            .set_path("http.tls.certificate_file", &identity.certificate)
            .set_path("http.tls.key_file", &identity.key);
        match service {
            ServiceName::ChallengeBypass => self.challenge_bypass(&mut settings),
            ServiceName::Payments => self.payments(&mut settings),
            ServiceName::SandboxCustodian => self.sandbox_custodian(&mut settings),
            ServiceName::Tally => self.tally(&mut settings),
        }
        settings
            .extend(&self.profile.every)
            .extend(self.profile.of(service));
        settings
    }

    fn challenge_bypass(&self, settings: &mut Settings) {
        settings
            .set("database.url", self.sqlite("challenge-bypass.db"))
            .set_path(
                "keys.sealing_key_file",
                self.pki.secret("challenge-bypass-sealing").path(),
            )
            .set_path("http.tls.client_ca_file", &self.pki.ca())
            .set("http.tls.client_certificate_required", true)
            .set_list("http.tls.client_names", &["payments"]);
    }

    fn payments(&self, settings: &mut Settings) {
        let secret = |name| self.pki.secret(name).path().to_owned();
        let own = self.pki.identity("payments-client");
        let custodian = self.url(ServiceName::SandboxCustodian);
        settings
            .set("orders_database.url", self.sqlite("payments-orders.db"))
            .set("votes_database.url", self.sqlite("payments-votes.db"))
            .set("event_log.url", self.event_log())
            .set_path("secrets.orders_file", &secret("payments-orders"))
            .set_list(
                "secrets.sku_root_files",
                &[&secret("payments-sku-root").to_string_lossy()],
            )
            .set_path("secrets.directory_key_file", &secret("payments-directory"))
            .set("custodians.uphold.url", &custodian)
            .set_path("custodians.uphold.token_file", &secret("uphold-token"))
            .set("custodians.uphold.settlement_address", settlement::UPHOLD)
            .set("custodians.gemini.url", &custodian)
            .set("custodians.gemini.client_id", GEMINI_CLIENT)
            .set_path("custodians.gemini.api_key_file", &secret("gemini-api-key"))
            .set_path(
                "custodians.gemini.api_secret_file",
                &secret("gemini-api-secret"),
            )
            .set("custodians.gemini.settlement_address", settlement::GEMINI)
            .set(
                "custodians.anonymous_card.settlement_address",
                settlement::ANONYMOUS_CARD,
            )
            .set_path("custodians.tls.ca_file", &self.pki.ca())
            .set(
                "challenge_bypass.url",
                self.url(ServiceName::ChallengeBypass),
            )
            .set_path("challenge_bypass.tls.ca_file", &self.pki.ca())
            .set_path("challenge_bypass.tls.certificate_file", &own.certificate)
            .set_path("challenge_bypass.tls.key_file", &own.key)
            .set_path("http.tls.client_ca_file", &self.pki.ca())
            .set_list("http.edge_names", &["edge"]);
    }

    fn sandbox_custodian(&self, settings: &mut Settings) {
        let secret = |name| self.pki.secret(name).path().to_owned();
        settings
            .set_path("journal_file", &self.file("sandbox-custodian.jsonl"))
            .set_path("uphold.token_file", &secret("uphold-token"))
            .set("gemini.client_id", GEMINI_CLIENT)
            .set_path("gemini.api_key_file", &secret("gemini-api-key"))
            .set_path("gemini.api_secret_file", &secret("gemini-api-secret"));
    }

    fn tally(&self, settings: &mut Settings) {
        let secret = |name| self.pki.secret(name).path().to_owned();
        settings
            .set("database.url", self.sqlite("tally.db"))
            .set("event_log.url", self.event_log())
            .set_path("ledger.head_key_file", &secret("tally-head"))
            .set_list(
                "directory.public_keys",
                &[&Fixed(self.directory_key.to_bytes()).to_string()],
            )
            .set_path("auth.bearer_tokens_file", &secret("tally-token"));
    }

    fn sqlite(&self, file: &str) -> String {
        format!("sqlite:{}", self.file(file).display())
    }

    /// Where the event log is.
    pub fn event_log(&self) -> String {
        format!("embedded:{}", self.file("event-log.db").display())
    }
}
