//! How servers are known.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::options::TlsConfig;

/// Reads the files that `config` names.
pub(super) fn client_config(config: &TlsConfig) -> anyhow::Result<ClientConfig> {
    let TlsConfig {
        ca_file,
        crt_file,
        key_file,
        verify_certificate,
        verify_hostname,
        server_name: _,
    } = config;
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .context("cannot set up TLS")?;
    let builder = match (verify_certificate, verify_hostname) {
        (true, true) => builder.with_root_certificates(roots(ca_file.as_deref())?),
        (true, false) => {
            let roots = Arc::new(roots(ca_file.as_deref())?);
            let checks = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
                .build()
                .context("cannot set up the check of certificates")?;
            let verifier = Lenient::of(&provider, Some(checks));
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
        }
        (false, _) => {
            let verifier = Lenient::of(&provider, None);
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
        }
    };
    match (crt_file, key_file) {
        (Some(crt_file), Some(key_file)) => {
            let key = PrivateKeyDer::from_pem_file(key_file).with_context(|| {
                format!("cannot read the key {}; is it PEM?", key_file.display())
            })?;
            builder
                .with_client_auth_cert(certificates(crt_file)?, key)
                .with_context(|| {
                    format!(
                        "cannot use the certificate {} with the key {}",
                        crt_file.display(),
                        key_file.display()
                    )
                })
        }
        (Some(_), None) | (None, Some(_)) | (None, None) => Ok(builder.with_no_client_auth()),
    }
}

fn roots(ca_file: Option<&Path>) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca_file {
        for certificate in certificates(path)? {
            roots
                .add(certificate)
                .with_context(|| format!("cannot use a certificate of {}", path.display()))?;
        }
        return Ok(roots);
    }
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    if roots.is_empty() {
        bail!(
            "this system has no certificates that could sign a server's; install them, or name a \
             file in `tls.ca_file`"
        );
    }
    Ok(roots)
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let unreadable = || {
        format!(
            "cannot read the certificates {}; are they PEM?",
            path.display()
        )
    };
    let certificates = CertificateDer::pem_file_iter(path)
        .with_context(unreadable)?
        .collect::<Result<Vec<_>, _>>()
        .with_context(unreadable)?;
    if certificates.is_empty() {
        bail!("there is no certificate in {}", path.display());
    }
    Ok(certificates)
}

/// Checks less than it should, as the user has asked.
#[derive(Debug)]
struct Lenient {
    /// All but the name; without it, nothing.
    checks: Option<Arc<WebPkiServerVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Lenient {
    fn of(provider: &CryptoProvider, checks: Option<Arc<WebPkiServerVerifier>>) -> Self {
        Self {
            checks,
            algorithms: provider.signature_verification_algorithms,
        }
    }
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(checks) = &self.checks else {
            return Ok(ServerCertVerified::assertion());
        };
        let outcome =
            checks.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match outcome {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            outcome => outcome,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
