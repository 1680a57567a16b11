//! Certificates for a test: an authority, and what it signs.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

/// Somebody who signs certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// How long a certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Good {
    Now,
    /// Until last year.
    Before,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = named(name, Vec::new());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        Self {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    /// A folder with `ca.pem` of this authority, and a signed `cert.pem` with its `key.pem`.
    pub fn folder(&self, place: &Path, name: &str, good: Good) -> PathBuf {
        let folder = self.folder_without_pair(place, name);
        let key = KeyPair::generate().expect("a key");
        let hosts = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = named(name, hosts.to_vec());
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        if good == Good::Before {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let signed = params.signed_by(&key, &self.issuer).expect("a certificate");
        fs::write(folder.join("cert.pem"), signed.pem()).expect("a certificate");
        fs::write(folder.join("key.pem"), key.serialize_pem()).expect("a key");
        folder
    }

    /// A folder with `ca.pem` alone.
    pub fn folder_without_pair(&self, place: &Path, name: &str) -> PathBuf {
        let folder = place.join(name);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("ca.pem"), &self.certificate).expect("a certificate");
        folder
    }
}

fn named(name: &str, hosts: Vec<String>) -> CertificateParams {
    let mut params = CertificateParams::new(hosts).expect("names");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
