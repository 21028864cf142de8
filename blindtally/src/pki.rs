//! Certificates and keys for one machine: a CA, and what it signed, in a folder.
//!
//! An operator has a CA of their own. This one is for the demo, for `up` and for the tests; it signs
//! for loopback only, and its key is thrown away, so that nobody can sign anything later.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use service_kit::secret::SecretFile;

/// So long the certificates are good: whoever runs a sandbox for ten years makes new ones.
const VALID_DAYS: i64 = 3_650;

/// What a folder holds.
struct Contents {
    /// The certificates: the name of the files, what they are for, and the name in the certificate,
    /// which is what allow-lists hold.
    names: &'static [(&'static str, Usage, &'static str)],
    /// The services' keys and the tokens between them: 32 random bytes each.
    secrets: &'static [&'static str],
}

/// For votes.
const VOTES: Contents = Contents {
    names: &[
        ("challenge-bypass", Usage::Server, "challenge-bypass"),
        ("edge-client", Usage::Client, "edge"),
        ("payments", Usage::Server, "payments"),
        ("payments-client", Usage::Client, "payments"),
        ("sandbox-custodian", Usage::Server, "sandbox-custodian"),
        ("tally", Usage::Server, "tally"),
    ],
    secrets: &[
        "challenge-bypass-sealing",
        "gemini-api-key",
        "gemini-api-secret",
        "payments-directory",
        "payments-orders",
        "payments-sku-root",
        "tally-head",
        "tally-token",
        "uphold-token",
    ],
};

/// For measurements, which have a CA of their own: they share nothing with votes.
const MEASUREMENTS: Contents = Contents {
    names: &[
        ("collect", Usage::Server, "star-collect"),
        ("randomness", Usage::Server, "star-randomness"),
    ],
    secrets: &["randomness-sealing"],
};

/// What a certificate is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Usage {
    Client,
    Server,
}

/// A folder of certificates, keys and secrets.
#[derive(Clone, Debug)]
pub struct Pki {
    dir: PathBuf,
}

/// A certificate and its key, as PEM files.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Pki {
    /// The folder `dir` of what votes need, which is made if it is not there.
    pub fn open(dir: &Path) -> anyhow::Result<Self> {
        Self::open_with(dir, &VOTES)
    }

    /// The same of what measurements need.
    pub fn open_of_measurements(dir: &Path) -> anyhow::Result<Self> {
        Self::open_with(dir, &MEASUREMENTS)
    }

    /// It is made under another name and moved into place: a process that dies half-way leaves no
    /// half of it.
    fn open_with(dir: &Path, contents: &Contents) -> anyhow::Result<Self> {
        let pki = Self {
            dir: dir.to_owned(),
        };
        if dir.exists() {
            return Ok(pki);
        }
        let unfinished = dir.with_extension("unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).context("an unfinished folder cannot be removed")?;
        }
        fs::create_dir_all(&unfinished).context("the folder for certificates cannot be made")?;
        make(&unfinished, contents)?;
        fs::rename(&unfinished, dir).context("the folder for certificates cannot be moved")?;
        Ok(pki)
    }

    /// The CA's certificate.
    pub fn ca(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// The certificate and key of that name.
    pub fn identity(&self, name: &str) -> Identity {
        Identity {
            certificate: self.dir.join(format!("{name}.pem")),
            key: self.dir.join(format!("{name}.key")),
        }
    }

    /// The file of the secret of that name.
    pub fn secret(&self, name: &str) -> SecretFile {
        secret_in(&self.dir, name)
    }
}

fn secret_in(dir: &Path, name: &str) -> SecretFile {
    SecretFile::new(dir.join(format!("{name}.secret")))
}

/// Makes the CA and what it signs.
fn make(dir: &Path, contents: &Contents) -> anyhow::Result<()> {
    let now = DateTime::from_timestamp_millis(clock::real::unix_millis())
        .context("the machine's clock shows no time")?;
    let mut params = parameters("Blindtally sandbox CA", Vec::new(), now)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    fs::write(dir.join("ca.pem"), ca.pem())?;

    for (file, usage, name) in contents.names {
        let mut names = vec![(*name).to_owned()];
        if *usage == Usage::Server {
            names.extend(["localhost".to_owned(), "127.0.0.1".to_owned()]);
        }
        let mut params = parameters(name, names, now)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match usage {
            Usage::Client => ExtendedKeyUsagePurpose::ClientAuth,
            Usage::Server => ExtendedKeyUsagePurpose::ServerAuth,
        }];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &ca)?;
        fs::write(dir.join(format!("{file}.pem")), certificate.pem())?;
        SecretFile::new(dir.join(format!("{file}.key"))).create_text(&key.serialize_pem())?;
    }
    for name in contents.secrets {
        secret_in(dir, name).create_key()?;
    }
    Ok(())
}

fn parameters(
    name: &str,
    alt_names: Vec<String>,
    now: DateTime<Utc>,
) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(alt_names)?;
    params.distinguished_name.push(DnType::CommonName, name);
    // A day of slack: the machine that checks may be behind the one that made this.
    let from = now - TimeDelta::days(1);
    let until = now + TimeDelta::days(VALID_DAYS);
    params.not_before = date_time_ymd(from.year(), month(from)?, day(from)?);
    params.not_after = date_time_ymd(until.year(), month(until)?, day(until)?);
    Ok(params)
}

fn month(time: DateTime<Utc>) -> anyhow::Result<u8> {
    Ok(u8::try_from(time.month())?)
}

fn day(time: DateTime<Utc>) -> anyhow::Result<u8> {
    Ok(u8::try_from(time.day())?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_folder_is_made_once_and_its_keys_are_their_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("pki");

        let made = Pki::open(&dir).unwrap();
        let ca = fs::read(made.ca()).unwrap();
        let again = Pki::open(&dir).unwrap();

        assert_eq!(fs::read(again.ca()).unwrap(), ca);
        let mut private = 0;
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension != "pem") {
                let permissions = fs::metadata(&path).unwrap().permissions().mode();
                assert_eq!(permissions & 0o777, 0o600, "{}", path.display());
                private += 1;
            }
        }
        assert_eq!(private, VOTES.names.len() + VOTES.secrets.len());
        assert!(!dir.join("ca.key").exists());
    }

    #[test]
    fn what_a_killed_process_left_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("pki.unfinished")).unwrap();
        fs::write(dir.path().join("pki.unfinished/ca.pem"), "half").unwrap();

        let pki = Pki::open(&dir.path().join("pki")).unwrap();

        assert!(
            fs::read_to_string(pki.ca())
                .unwrap()
                .starts_with("-----BEGIN")
        );
        assert!(pki.secret("payments-orders").read_key().is_ok());
    }
}
