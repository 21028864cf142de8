//! The program: started with flags, ready, and stopped by SIGTERM.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Child, Command},
    thread::sleep,
    time::{Duration, Instant},
};

use service_kit::secret::SecretFile;

/// Starting takes a moment, more on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(30);

fn is_ready(port: u16) -> bool {
    let Ok(mut connection) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
        return false;
    };
    let mut status = [0; 12];
    connection
        .write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .is_ok()
        && connection.read_exact(&mut status).is_ok()
        && status == *b"HTTP/1.1 200"
}

fn wait_until_ready(child: &mut Child, port: u16) {
    let deadline = Instant::now() + READY_WITHIN;
    while !is_ready(port) {
        assert_eq!(child.try_wait().unwrap(), None, "it ended");
        assert!(Instant::now() < deadline, "it is not ready");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn it_serves_until_sigterm_and_ends_well() {
    let dir = tempfile::tempdir().unwrap();
    let secret = SecretFile::new(dir.path().join("secret"));
    secret.create_text("secret").unwrap();
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let mut command = Command::new(env!("CARGO_BIN_EXE_sandbox-custodian"));
    command
        .arg("--http-listen=127.0.0.1:0")
        .arg(format!("--http-admin-listen=127.0.0.1:{port}"));
    for flag in [
        "uphold-token-file",
        "gemini-api-key-file",
        "gemini-api-secret-file",
    ] {
        command.arg(format!("--{flag}={}", secret.path().display()));
    }

    let mut child = command.spawn().unwrap();
    wait_until_ready(&mut child, port);
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-s", "TERM", &id])
            .status()
            .unwrap()
            .success()
    );

    assert!(child.wait().unwrap().success());
}
