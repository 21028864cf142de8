//! A root for one test, and what is made with it.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use service_kit::tls::{ClientTls, ServerTls};

/// The name in client certificates that the service lets in.
pub(crate) const READER: &str = "eyeshade";

pub(crate) struct Pki {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Pki {
    pub(crate) fn new(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        std::fs::write(
            folder.join("ca.pem"),
            params.self_signed(&key).unwrap().pem(),
        )
        .unwrap();
        Self {
            folder: folder.to_owned(),
            issuer: Issuer::new(params, key),
        }
    }

    fn certificate(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let paths = ["crt", "key"].map(|kind| self.folder.join(format!("{name}.{kind}")));
        std::fs::write(&paths[0], certificate.pem()).unwrap();
        std::fs::write(&paths[1], key.serialize_pem()).unwrap();
        paths.into()
    }

    pub(crate) fn server(&self) -> ServerTls {
        let (certificate_file, key_file) = self.certificate("localhost");
        ServerTls {
            certificate_file,
            key_file,
            client_ca_file: self.folder.join("ca.pem"),
            client_certificate_required: false,
            client_names: vec![READER.to_owned()],
        }
    }

    pub(crate) fn client(&self, name: Option<&str>) -> ClientTls {
        let own = name.map(|name| self.certificate(name));
        let (certificate_file, key_file) = own.unwrap_or_default();
        ClientTls {
            ca_file: self.folder.join("ca.pem"),
            certificate_file,
            key_file,
        }
    }
}
