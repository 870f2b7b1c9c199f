//! What a Coordinator hands out, once it was looked at.

use std::time::{Duration, SystemTime};

use contrast_attestation::atls::{ClientKey, parse_peer_certificate};
use contrast_proto::meshapi::NewMeshCertResponse;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use zeroize::Zeroizing;

/// Certificates and secret of a pod.
pub(crate) struct Credentials {
    /// PEM of the mesh CA's self-signed certificate.
    pub(crate) mesh_ca: Vec<u8>,
    /// PEM of the pod's certificate and of the intermediate CA's.
    pub(crate) chain: Vec<u8>,
    /// PEM of the root CA's certificate.
    pub(crate) root_ca: Vec<u8>,
    /// The workload secret; empty if the pod has none.
    pub(crate) workload_secret: Zeroizing<Vec<u8>>,
    /// How long the pod's certificate is good for.
    pub(crate) validity: Validity,
}

/// The time of a certificate (RFC 5280 section 4.1.2.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Validity {
    /// Its first moment.
    pub(crate) from: SystemTime,
    /// Its last moment.
    pub(crate) until: SystemTime,
}

impl Validity {
    /// How long it is; nothing if it ends before it begins.
    pub(crate) fn length(&self) -> Duration {
        self.until.duration_since(self.from).unwrap_or_default()
    }

    /// Whether half of it is over.
    pub(crate) fn is_half_over(&self, now: SystemTime) -> bool {
        now.duration_since(self.from).is_ok_and(|age| age >= self.length() / 2)
    }

    /// Whether all of it is over.
    pub(crate) fn is_over(&self, now: SystemTime) -> bool {
        now > self.until
    }
}

/// Why an answer is of no use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum UselessAnswer {
    /// A certificate is missing, or is none.
    #[error("the field {0} of the answer holds no certificate")]
    NoCertificate(&'static str),
    /// The pod's certificate is for a key that the pod does not have.
    #[error("the certificate that came back is for another key than this pod's")]
    OtherKey,
}

impl Credentials {
    /// Takes an answer apart. Whoever gave it, the files must fit each other, or the pod fails later and
    /// elsewhere.
    ///
    /// # Errors
    /// See [`UselessAnswer`].
    pub(crate) fn read(mut answer: NewMeshCertResponse, key: &ClientKey) -> Result<Self, UselessAnswer> {
        let workload_secret = Zeroizing::new(std::mem::take(&mut answer.workload_secret));
        first_certificate("MeshCACert", &answer.mesh_ca_cert)?;
        first_certificate("RootCACert", &answer.root_ca_cert)?;
        let leaf = first_certificate("CertChain", &answer.cert_chain)?;
        let leaf = parse_peer_certificate(&leaf).map_err(|_| UselessAnswer::NoCertificate("CertChain"))?;
        if *leaf.spki_der != *key.spki_der() {
            return Err(UselessAnswer::OtherKey);
        }
        let (from, until) = leaf.validity();
        Ok(Self {
            mesh_ca: answer.mesh_ca_cert,
            chain: answer.cert_chain,
            root_ca: answer.root_ca_cert,
            workload_secret,
            validity: Validity { from, until },
        })
    }
}

fn first_certificate(field: &'static str, pem: &[u8]) -> Result<CertificateDer<'static>, UselessAnswer> {
    CertificateDer::from_pem_slice(pem).map_err(|_| UselessAnswer::NoCertificate(field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::PodKey;

    fn answer(key: &PodKey) -> NewMeshCertResponse {
        let key = rcgen::KeyPair::from_pem(&key.pem()).unwrap();
        let pem = rcgen::CertificateParams::default().self_signed(&key).unwrap().pem().into_bytes();
        NewMeshCertResponse {
            mesh_ca_cert: pem.clone(),
            cert_chain: pem.clone(),
            root_ca_cert: pem,
            workload_secret: vec![1, 2, 3],
        }
    }

    #[test]
    fn an_answer_for_the_key_of_the_pod_is_taken_as_it_is() {
        let key = PodKey::generate().unwrap();
        let given = answer(&key);
        let taken = Credentials::read(given.clone(), &key.client_key).unwrap();
        assert_eq!(taken.mesh_ca, given.mesh_ca_cert);
        assert_eq!(taken.chain, given.cert_chain);
        assert_eq!(taken.root_ca, given.root_ca_cert);
        assert_eq!(*taken.workload_secret, given.workload_secret);
    }

    #[test]
    fn a_certificate_for_another_key_is_refused() {
        let (mine, other) = (PodKey::generate().unwrap(), PodKey::generate().unwrap());
        let refusal = Credentials::read(answer(&other), &mine.client_key).err();
        assert_eq!(refusal, Some(UselessAnswer::OtherKey));
    }

    #[test]
    fn a_field_without_a_certificate_is_named() {
        let key = PodKey::generate().unwrap();
        type Spoil = fn(&mut NewMeshCertResponse);
        let cases: [(&str, Spoil); 4] = [
            ("MeshCACert", |answer| answer.mesh_ca_cert.clear()),
            ("RootCACert", |answer| answer.root_ca_cert = b"-----BEGIN".to_vec()),
            ("CertChain", |answer| answer.cert_chain.clear()),
            ("CertChain", |answer| {
                answer.cert_chain =
                    b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n".to_vec();
            }),
        ];
        for (field, spoil) in cases {
            let mut answer = answer(&key);
            spoil(&mut answer);
            let refusal = Credentials::read(answer, &key.client_key).err();
            assert_eq!(refusal, Some(UselessAnswer::NoCertificate(field)));
        }
    }
}
