//! Files: secrets, certificates, databases of one file, and the room around them.

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use clock::Clock;

use super::Report;
use crate::{
    bearer::BearerSettings,
    secret::SecretFile,
    tls::{ClientTls, ServerTls, Validity, client_config, probe, server_config, validity},
};

/// A database that cannot grow stops its service; so much is some days of votes.
const ROOM_BYTES_MIN: u64 = 256 * 1024 * 1024;

/// Whoever renews certificates does it earlier: with this part of its life left, one was forgotten.
const LIFE_LEFT_MIN: i32 = 5;

/// A file with a secret in it.
pub fn secret(report: &mut Report, what: &str, file: &SecretFile) -> bool {
    let look = || {
        ensure!(!file.is_unset(), "no file is named: set it");
        file.read_text()?;
        is_private(file.path())?;
        Ok(file.path().display().to_string())
    };
    report.note(what, look())
}

/// The bearer tokens, where there are any.
pub fn bearer_tokens(report: &mut Report, auth: &BearerSettings) {
    if !auth.bearer_tokens_file.is_unset() {
        secret(report, "secret: bearer tokens", &auth.bearer_tokens_file);
    }
}

/// What a service shows and whom it trusts when it calls another one. Answers whether it can call.
pub fn client_tls(report: &mut Report, what: &str, tls: &ClientTls, clock: &Clock) -> bool {
    let look = || {
        client_config(tls)?;
        if tls.certificate_file.as_os_str().is_empty() {
            return Ok(format!("trusts {} and shows none", tls.ca_file.display()));
        }
        is_private(&tls.key_file)?;
        lasting(validity(&tls.certificate_file)?, clock)
            .with_context(|| tls.certificate_file.display().to_string())
    };
    report.note(what, look());
    probe::ours(tls).is_ok()
}

/// What a service's own listener shows and whom it trusts.
pub fn server_tls(report: &mut Report, tls: &ServerTls, clock: &Clock) -> bool {
    let look = || {
        if !tls.is_on() {
            return Ok("none: it listens on loopback only".to_owned());
        }
        server_config(tls)?;
        is_private(&tls.key_file)?;
        lasting(validity(&tls.certificate_file)?, clock)
            .with_context(|| tls.certificate_file.display().to_string())
    };
    report.note("listener: certificate", look())
}

/// How long a certificate lasts; an error when it must be renewed.
pub(super) fn lasting(validity: Validity, clock: &Clock) -> anyhow::Result<String> {
    let (Validity { from, until }, now) = (validity, clock.now());
    ensure!(from <= now, "it is good from {from} on: set the clock");
    ensure!(now <= until, "it was good until {until}: renew it");
    let (left, life) = (until - now, until - from);
    ensure!(
        left * LIFE_LEFT_MIN >= life,
        "it is good until {until}, {} more days of {}: renew it",
        left.num_days(),
        life.num_days()
    );
    Ok(format!("{} more days", left.num_days()))
}

/// A database of one file. Answers whether it is there; the first start makes it where it is not.
pub(super) fn database_file(report: &mut Report, what: &str, file: &Path) -> bool {
    let look = || {
        let folder = folder_of(file);
        if !file.exists() {
            let made = tempfile_in(&folder);
            made.with_context(|| format!("files cannot be made in {}", folder.display()))?;
            return Ok(format!("{} is made at the first start", file.display()));
        }
        is_private(file)?;
        OpenOptions::new()
            .append(true)
            .open(file)
            .with_context(|| format!("{} cannot be written to", file.display()))?;
        Ok(file.display().to_string())
    };
    report.note(format!("{what}: file"), look()) && file.exists()
}

/// The room on the disk of `file`.
pub(super) fn room(report: &mut Report, what: &str, file: &Path) {
    let look = || {
        let folder = folder_of(file);
        let disk = rustix::fs::statvfs(&folder)
            .with_context(|| format!("{} cannot be looked at", folder.display()))?;
        enough(disk.f_bavail.saturating_mul(disk.f_frsize))
    };
    report.note(format!("{what}: room"), look());
}

fn enough(bytes: u64) -> anyhow::Result<String> {
    let mebibytes = bytes / 1024 / 1024;
    ensure!(
        bytes >= ROOM_BYTES_MIN,
        "{mebibytes} MiB are free: make room, or writing stops"
    );
    Ok(format!("{mebibytes} MiB are free"))
}

/// Whether only its owner can read a file.
#[cfg(unix)]
fn is_private(file: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let shown = file.display();
    let found = fs::metadata(file).with_context(|| format!("{shown} cannot be looked at"))?;
    let others = found.permissions().mode() & 0o077;
    ensure!(
        others == 0,
        "others than its owner can read {shown}: chmod 600 {shown}"
    );
    Ok(())
}

#[cfg(not(unix))]
fn is_private(_file: &Path) -> anyhow::Result<()> {
    Ok(())
}

fn folder_of(file: &Path) -> PathBuf {
    let folder = file.parent().filter(|path| !path.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

/// Makes a file in `folder` and takes it away again: permissions alone do not say whether one can be made.
fn tempfile_in(folder: &Path) -> io::Result<()> {
    let file = folder.join(format!(".doctor-{}", uuid::Uuid::new_v4()));
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&file)?;
    fs::remove_file(file)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};

    use super::*;

    #[test]
    fn a_certificate_is_to_be_renewed_in_the_last_fifth_of_its_life() {
        let from: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let validity = Validity {
            from,
            until: from + TimeDelta::days(100),
        };
        let on_day = |day| {
            let (clock, _) = Clock::simulated(from + TimeDelta::days(day));
            lasting(validity, &clock).map_err(|error| error.to_string())
        };

        assert_eq!(on_day(80), Ok("20 more days".to_owned()));
        assert!(
            on_day(81)
                .unwrap_err()
                .contains("19 more days of 100: renew it")
        );
        assert!(on_day(101).unwrap_err().contains("renew it"));
        assert!(on_day(-1).unwrap_err().contains("set the clock"));
    }

    #[test]
    fn a_full_disk_is_told() {
        assert!(enough(ROOM_BYTES_MIN).is_ok());
        let full = enough(ROOM_BYTES_MIN - 1).unwrap_err();
        assert_eq!(
            full.to_string(),
            "255 MiB are free: make room, or writing stops"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_that_others_can_read_is_told_and_so_is_one_that_is_missing() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = SecretFile::new(folder.path().join("key"));
        let mut report = Report::default();

        assert!(!secret(&mut report, "key", &file));
        file.create_key().unwrap();
        assert!(secret(&mut report, "key", &file));
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o640)).unwrap();
        assert!(!secret(&mut report, "key", &file));

        let said = &report.findings().last().unwrap().says;
        assert!(said.contains("chmod 600"), "{said}");
    }

    #[test]
    fn a_file_that_is_not_there_yet_is_right_and_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let mut report = Report::default();
        let file = folder.path().join("new.db");

        assert!(!database_file(&mut report, "database", &file));
        assert!(!database_file(
            &mut report,
            "database",
            Path::new("/nowhere/new.db")
        ));

        let right: Vec<bool> = report.findings().iter().map(|one| one.right).collect();
        assert_eq!(right, [true, false], "{report:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
