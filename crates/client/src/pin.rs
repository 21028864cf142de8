//! Which server the client talks to: one whose key it was told beforehand.
//!
//! A certificate authority can be made to sign anything, and a name can be made to point anywhere.
//! A pin is the digest of the server's public key (threats A4 and P1): names and authorities do not
//! matter to it, and a renewed certificate for the same key still fits.

use std::{fmt, str::FromStr, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    server::ParsedCertificate,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The SHA-256 digest of a server's public key (its DER `SubjectPublicKeyInfo`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pin([u8; 32]);

impl Pin {
    /// The pin of the key in `certificate`.
    pub fn of_certificate(certificate: &CertificateDer<'_>) -> Result<Self, PinError> {
        let parsed = ParsedCertificate::try_from(certificate).map_err(|_| PinError::Certificate)?;
        Ok(Self(
            Sha256::digest(parsed.subject_public_key_info()).into(),
        ))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for Pin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| PinError::Text)?;
        Ok(Self(bytes))
    }
}

/// Not a pin.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PinError {
    /// The certificate could not be read.
    #[error("the certificate is not an X.509 certificate")]
    Certificate,
    /// The text is not a digest.
    #[error("a pin is 64 hexadecimal digits: the SHA-256 digest of the server's public key")]
    Text,
}

/// The TLS settings for connections to servers with one of `pins`.
///
/// Nothing is resumed: a session ticket would tell the server that two connections came from the
/// same browser (threat U4).
pub fn client_config(pins: &[Pin]) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(PinVerifier {
        pins: pins.to_vec(),
        provider: Arc::clone(&provider),
    });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    Ok(config)
}

/// Accepts a server that proves to hold a pinned key, and no other.
struct PinVerifier {
    pins: Vec<Pin>,
    provider: Arc<CryptoProvider>,
}

impl fmt::Debug for PinVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PinVerifier")
            .field("pins", &self.pins)
            .finish_non_exhaustive()
    }
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let found = Pin::of_certificate(end_entity)
            .map_err(|_| TlsError::from(CertificateError::BadEncoding))?;
        let pinned = |pin: &Pin| bool::from(pin.0.ct_eq(&found.0));
        if self.pins.iter().any(pinned) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    // The pin says which key; these two say that the server has it.

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
