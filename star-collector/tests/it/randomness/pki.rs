//! Certificates for one test.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use service_kit::tls::{ClientTls, ServerTls};

/// Makes a root and a server's certificate in `folder`: what the service shows, and what a client trusts.
pub(crate) fn server_and_client(folder: &Path) -> (ServerTls, ClientTls) {
    let root_key = KeyPair::generate().unwrap();
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = root.self_signed(&root_key).unwrap();
    let issuer = Issuer::new(root, root_key);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = server.signed_by(&key, &issuer).unwrap();

    let file = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    };
    let server = ServerTls {
        certificate_file: file("server.cert.pem", certificate.pem()),
        key_file: file("server.key.pem", key.serialize_pem()),
        client_ca_file: "".into(),
        client_certificate_required: false,
        client_names: vec![],
    };
    let client = ClientTls {
        ca_file: file("ca.pem", ca.pem()),
        certificate_file: "".into(),
        key_file: "".into(),
    };
    (server, client)
}
