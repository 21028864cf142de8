//! Certificates for one test.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use service_kit::tls::{ClientTls, ServerTls};

/// A root, and the folder where everything made with it is.
pub(crate) struct Pki {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Pki {
    pub(crate) fn new(folder: &Path) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut root = CertificateParams::new(Vec::new()).unwrap();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        std::fs::create_dir_all(folder).unwrap();
        let certificate = root.self_signed(&key).unwrap();
        std::fs::write(folder.join("ca.pem"), certificate.pem()).unwrap();
        Self {
            folder: folder.to_owned(),
            issuer: Issuer::new(root, key),
        }
    }

    fn ca_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The files of a new certificate and its key.
    fn certificate(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let file = |kind| self.folder.join(format!("{name}.{kind}.pem"));
        std::fs::write(file("cert"), certificate.pem()).unwrap();
        std::fs::write(file("key"), key.serialize_pem()).unwrap();
        (file("cert"), file("key"))
    }

    /// What the service needs to be called by `client` and nobody else.
    pub(crate) fn server(&self, client: &str) -> ServerTls {
        let (certificate_file, key_file) = self.certificate("localhost");
        ServerTls {
            certificate_file,
            key_file,
            client_ca_file: self.ca_file(),
            client_certificate_required: true,
            client_names: vec![client.to_owned()],
        }
    }

    /// What a caller needs who shows a certificate for `name`, or none.
    pub(crate) fn client(&self, name: Option<&str>) -> ClientTls {
        let (certificate_file, key_file) =
            name.map(|name| self.certificate(name)).unwrap_or_default();
        ClientTls {
            ca_file: self.ca_file(),
            certificate_file,
            key_file,
        }
    }
}
