//! A broker or a cluster of a test's own, which it may kill.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::tls::ClientTls;

/// A folder with certificates of its own, and with one engine. The engine ends with it.
pub(crate) struct Own {
    dir: TempDir,
    /// The script that starts and stops it.
    engine: &'static str,
}

impl Own {
    /// Starts `kafka` or `postgres`.
    pub(crate) fn start(engine: &'static str) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("blindtally-own.")
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir_in("/tmp")
            .unwrap();
        let own = Self { dir, engine };
        own.certificates(90);
        own.run("start");
        own
    }

    /// `start`, `stop` or `kill`.
    pub(crate) fn run(&self, order: &str) {
        run(script(self.engine).arg(order).arg(self.folder()));
    }

    /// Puts another certificate in the place of `name`'s, which is good for so many days.
    pub(crate) fn replace(&self, name: &str, days: i32) {
        fs::remove_file(self.file(&format!("{name}.pem"))).unwrap();
        self.certificates(days);
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.dir.path().join(self.engine)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join("certificates").join(name)
    }

    /// How `principal` comes.
    pub(crate) fn tls(&self, principal: &str) -> ClientTls {
        ClientTls {
            ca_file: self.file("ca.pem"),
            certificate_file: self.file(&format!("{principal}.crt")),
            key_file: self.file(&format!("{principal}.key")),
        }
    }

    fn certificates(&self, days: i32) {
        certificates(&self.dir.path().join("certificates"), days);
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ended_or_gone = script(self.engine).arg("stop").arg(self.folder()).status();
    }
}

/// Makes the certificates that `folder` lacks, good for so many days.
pub(crate) fn certificates(folder: &Path, days: i32) {
    run(script("certificates")
        .arg(folder)
        .env("BLINDTALLY_CERTIFICATE_DAYS", days.to_string()));
}

fn script(name: &str) -> Command {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/engines");
    Command::new(folder.join(name))
}

fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}
