//! A broker or a cluster of a test's own, which it may kill.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use uuid::Uuid;

use crate::tls::ClientTls;

/// A folder with certificates of its own, and with one engine. Both end with it.
#[derive(Debug)]
pub struct Own {
    dir: PathBuf,
    /// The script that starts and stops it.
    engine: &'static str,
}

impl Own {
    /// Starts `kafka` or `postgres`.
    pub fn start(engine: &'static str) -> Self {
        let dir = format!("/tmp/blindtally-own.{}", Uuid::new_v4().simple());
        let dir = PathBuf::from(dir);
        fs::create_dir(&dir).expect("a folder can be made in /tmp");
        // The server's user must be able to get in; what is secret lies one folder deeper.
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&dir, open).expect("whoever made a folder may open it");
        let own = Self { dir, engine };
        own.certificates(90);
        own.run("start");
        own
    }

    /// `start`, `stop` or `kill`.
    pub fn run(&self, order: &str) {
        run(script(self.engine).arg(order).arg(self.folder()));
    }

    /// Puts other certificates in the place of those of `names`, which are good for so many days. After `ca` itself, those that
    /// are made are of another authority. A server shows its own from its next start on.
    pub fn replace(&self, names: &[&str], days: i32) {
        for name in names {
            let old = self.file(&format!("{name}.pem"));
            fs::remove_file(old).expect("there is a certificate of that name");
        }
        self.certificates(days);
        if self.engine == "postgres" {
            for kind in ["crt", "key"] {
                let new = fs::read(self.file(&format!("postgres.{kind}")));
                let served = self.folder().join(format!("server.{kind}"));
                fs::write(served, new.expect("there is a new certificate"))
                    .expect("the server's certificate can be replaced");
            }
        }
    }

    /// What the scripts call the folder of all engines: certificates, and the one engine.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The folder of the engine.
    pub fn folder(&self) -> PathBuf {
        self.dir.join(self.engine)
    }

    /// A file of the certificates.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join("certificates").join(name)
    }

    /// How `principal` comes.
    pub fn tls(&self, principal: &str) -> ClientTls {
        ClientTls {
            ca_file: self.file("ca.pem"),
            certificate_file: self.file(&format!("{principal}.crt")),
            key_file: self.file(&format!("{principal}.key")),
        }
    }

    fn certificates(&self, days: i32) {
        certificates(&self.dir.join("certificates"), days);
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ended_or_gone = script(self.engine).arg("stop").arg(self.folder()).status();
        let _removed_or_gone = fs::remove_dir_all(&self.dir);
    }
}

/// Makes the certificates that `folder` lacks, good for so many days.
pub fn certificates(folder: &Path, days: i32) {
    run(script("certificates")
        .arg(folder)
        .env("BLINDTALLY_CERTIFICATE_DAYS", days.to_string()));
}

fn script(name: &str) -> Command {
    Command::new(super::script(name))
}

fn run(command: &mut Command) {
    let status = command.status().expect("the script can be started");
    assert!(status.success(), "{command:?}: {status}");
}
