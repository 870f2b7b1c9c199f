//! The certificate authority: a root CA from the seed, and a mesh CA with a random key per generation.
//!
//! The intermediate CA and the mesh CA share a name and a key, so that one leaf verifies either against
//! the mesh CA alone (trust in the current manifest) or through the intermediate CA against the root CA
//! (trust in the whole history).

use std::time::SystemTime;

use contrast_attestation::{ClaimValue, Claims};
use contrast_manifest::{PolicyEntry, SubjectAltName};
use p384::{
    SecretKey,
    pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey, LineEnding},
};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384,
    PKCS_ECDSA_P521_SHA512, PKCS_ED25519, PKCS_RSA_SHA256, PublicKeyData, SanType, SerialNumber,
    SignatureAlgorithm,
};
use time::{Duration, OffsetDateTime};
use x509_cert::{
    der::{
        Decode, Encode,
        asn1::{ObjectIdentifier, OctetStringRef},
    },
    spki::SubjectPublicKeyInfoOwned,
};
use zeroize::Zeroizing;

use crate::{
    event::{GenerationCertificates, LastingCertificates},
    seed::DerivedKeys,
};

const ROOT_CA: &str = "system:coordinator:root";
const INTERMEDIATE_CA: &str = "system:coordinator:intermediate";
const TRANSITION_SIGNER: &str = "system:coordinator:transitions";

/// Extension of a leaf whose policy has a WorkloadSecretID.
const WORKLOAD_SECRET_ID: [u64; 5] = [1, 3, 9901, 3, 1];

/// The only purpose of the transition signer: signing transitions. TLS and everything else that knows purposes refuses a
/// certificate with none that it knows. An arc of our own, like that of simulated evidence.
const TRANSITION_SIGNING: [u64; 5] = [1, 3, 9901, 3, 100];

/// How many authorities may stand between the root CA and a leaf: the intermediate CA.
const BELOW_ROOT: u8 = 1;
/// The same for intermediate and mesh CA: they issue leaves only.
const BELOW_MESH: u8 = 0;

/// Clocks of pods may be slow by this much.
const BACKDATED: Duration = Duration::hours(1);
const CA_LIFETIME: Duration = Duration::days(3653);
const LEAF_LIFETIME: Duration = Duration::days(365);

/// The mesh CA of one generation.
pub struct MeshCa {
    issuer: Issuer<'static, KeyPair>,
    certificates: GenerationCertificates,
}

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// The policy has no name that a certificate could be issued for.
    #[error("the policy has no DNS name among its SANs; add one in the manifest and set it again")]
    NoDnsName,
    /// A SAN cannot be put into a certificate.
    #[error(
        "the SAN `{0}` of the policy cannot be put into a certificate; correct it in the manifest and set it again"
    )]
    Name(String),
    /// The library refused to encode or sign.
    #[error("the certificate could not be encoded or signed: {0}")]
    Issue(#[from] rcgen::Error),
    /// The key that a certificate is asked for is of no kind that certificates are issued for.
    #[error(
        "certificates are issued for ECDSA keys on P-256, P-384 or P-521, for RSA and for Ed25519 keys only; connect with such a key"
    )]
    SubjectKey,
    /// A key has no encoding.
    #[error("a key of the certificate authority could not be encoded")]
    Key,
}

/// Makes the certificates that stay for the life of a deployment.
///
/// # Errors
/// When the library refuses.
pub fn lasting_certificates(keys: &DerivedKeys, now: SystemTime) -> Result<LastingCertificates, CaError> {
    let root_key = root_key(keys)?;
    let root = ca_params(ROOT_CA, BELOW_ROOT, now)?;
    let root_ca = root.self_signed(&root_key)?.pem();
    let signer = keys.transition.verifying_key().to_public_key_der().map_err(|_| CaError::Key)?;
    let mut params = params(TRANSITION_SIGNER, now, CA_LIFETIME)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(TRANSITION_SIGNING.to_vec())];
    let issuer = Issuer::new(root, root_key);
    let transition_signer = params.signed_by(&SubjectKey::from_spki_der(signer.as_bytes())?, &issuer)?.pem();
    Ok(LastingCertificates { root_ca, transition_signer })
}

impl MeshCa {
    /// Makes a mesh CA with a new random key, and has the root CA sign it.
    ///
    /// # Errors
    /// When the library refuses.
    pub fn generate(keys: &DerivedKeys, now: SystemTime) -> Result<Self, CaError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?;
        let params = ca_params(INTERMEDIATE_CA, BELOW_MESH, now)?;
        let root = Issuer::new(ca_params(ROOT_CA, BELOW_ROOT, now)?, root_key(keys)?);
        let intermediate_ca = params.signed_by(&key, &root)?.pem();
        let mesh_ca = params.self_signed(&key)?.pem();
        let certificates = GenerationCertificates { intermediate_ca, mesh_ca };
        Ok(Self { issuer: Issuer::new(params, key), certificates })
    }

    /// PEM of the intermediate and the mesh CA.
    #[must_use]
    pub fn certificates(&self) -> &GenerationCertificates {
        &self.certificates
    }

    /// Issues a mesh certificate for an attested key (DER SubjectPublicKeyInfo).
    ///
    /// Returns PEM: the leaf, then the intermediate CA.
    ///
    /// # Errors
    /// When the policy's names do not fit into a certificate.
    pub fn issue(
        &self,
        spki_der: &[u8],
        policy: &PolicyEntry,
        claims: &Claims,
        now: SystemTime,
    ) -> Result<String, CaError> {
        let sans = subject_alt_names(&policy.sans)?;
        let name = sans.iter().find_map(|san| match san {
            SanType::DnsName(name) => Some(name.as_str().to_owned()),
            _ => None,
        });
        let mut params = params(&name.ok_or(CaError::NoDnsName)?, now, LEAF_LIFETIME)?;
        params.subject_alt_names = sans;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        params.custom_extensions = claim_extensions(claims)?;
        if let Some(id) = &policy.workload_secret_id {
            let value = octet_string(id.as_bytes())?;
            params.custom_extensions.push(CustomExtension::from_oid_content(&WORKLOAD_SECRET_ID, value));
        }
        let leaf = params.signed_by(&SubjectKey::from_spki_der(spki_der)?, &self.issuer)?.pem();
        Ok(leaf + &self.certificates.intermediate_ca)
    }

    /// The private key as PEM `EC PRIVATE KEY` (SEC1), for an attested peer Coordinator.
    ///
    /// # Errors
    /// When the key has no such encoding.
    pub fn private_key_pem(&self) -> Result<Zeroizing<String>, CaError> {
        let key = SecretKey::from_pkcs8_der(self.issuer.key().serialized_der()).map_err(|_| CaError::Key)?;
        key.to_sec1_pem(LineEnding::LF).map_err(|_| CaError::Key)
    }
}

/// The public key that a certificate is issued for.
struct SubjectKey {
    bits: Vec<u8>,
    algorithm: &'static SignatureAlgorithm,
}

impl SubjectKey {
    /// Reads a DER SubjectPublicKeyInfo (RFC 5280, 4.1.2.7).
    fn from_spki_der(der: &[u8]) -> Result<Self, CaError> {
        let spki = SubjectPublicKeyInfoOwned::from_der(der).map_err(|_| CaError::SubjectKey)?;
        let curve =
            spki.algorithm.parameters.as_ref().and_then(|curve| curve.decode_as::<ObjectIdentifier>().ok());
        let algorithm =
            match (spki.algorithm.oid.to_string().as_str(), curve.map(|oid| oid.to_string()).as_deref()) {
                ("1.2.840.10045.2.1", Some("1.2.840.10045.3.1.7")) => &PKCS_ECDSA_P256_SHA256,
                ("1.2.840.10045.2.1", Some("1.3.132.0.34")) => &PKCS_ECDSA_P384_SHA384,
                ("1.2.840.10045.2.1", Some("1.3.132.0.35")) => &PKCS_ECDSA_P521_SHA512,
                ("1.2.840.113549.1.1.1", _) => &PKCS_RSA_SHA256,
                ("1.3.101.112", None) => &PKCS_ED25519,
                _ => return Err(CaError::SubjectKey),
            };
        Ok(Self { bits: spki.subject_public_key.raw_bytes().to_vec(), algorithm })
    }
}

impl PublicKeyData for SubjectKey {
    fn der_bytes(&self) -> &[u8] {
        &self.bits
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

fn root_key(keys: &DerivedKeys) -> Result<KeyPair, CaError> {
    let pkcs8 = keys.root_ca.to_pkcs8_der().map_err(|_| CaError::Key)?;
    Ok(KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8.as_bytes().into(), &PKCS_ECDSA_P384_SHA384)?)
}

/// An authority with at most `below` others between itself and a leaf.
fn ca_params(name: &str, below: u8, now: SystemTime) -> Result<CertificateParams, CaError> {
    let mut params = params(name, now, CA_LIFETIME)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
    Ok(params)
}

fn params(name: &str, now: SystemTime, lifetime: Duration) -> Result<CertificateParams, CaError> {
    let now = OffsetDateTime::from(now);
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(random_serial()?);
    params.not_before = now - BACKDATED;
    params.not_after = now + lifetime;
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// 127 random bits, so that the number is positive (RFC 5280, 4.1.2.2).
fn random_serial() -> Result<SerialNumber, CaError> {
    let mut serial = [0; 16];
    getrandom::fill(&mut serial).map_err(|_| CaError::Key)?;
    if let Some(first) = serial.first_mut() {
        *first &= 0x7f;
    }
    Ok(SerialNumber::from_slice(&serial))
}

fn subject_alt_names(sans: &[String]) -> Result<Vec<SanType>, CaError> {
    sans.iter()
        .map(|text| {
            let bad_name = || CaError::Name(text.clone());
            Ok(match SubjectAltName::parse(text).ok_or_else(bad_name)? {
                SubjectAltName::Ip(address) => SanType::IpAddress(address),
                SubjectAltName::Uri(uri) => SanType::URI(uri.try_into().map_err(|_| bad_name())?),
                SubjectAltName::Dns(name) => SanType::DnsName(name.try_into().map_err(|_| bad_name())?),
            })
        })
        .collect()
}

/// Repeats the appraised claims below the arc of their evidence type.
fn claim_extensions(claims: &Claims) -> Result<Vec<CustomExtension>, CaError> {
    let mut oid = claims.evidence_type.oid().to_vec();
    let parent = oid.len();
    claims
        .values
        .iter()
        .map(|(arc, value)| {
            let content = match value {
                ClaimValue::Integer(number) => number.to_der().map_err(|_| CaError::Key)?,
                ClaimValue::Boolean(truth) => truth.to_der().map_err(|_| CaError::Key)?,
                ClaimValue::Bytes(bytes) => octet_string(bytes)?,
            };
            oid.truncate(parent);
            oid.push(*arc);
            Ok(CustomExtension::from_oid_content(&oid, content))
        })
        .collect()
}

fn octet_string(bytes: &[u8]) -> Result<Vec<u8>, CaError> {
    OctetStringRef::new(bytes).and_then(|string| string.to_der()).map_err(|_| CaError::Key)
}

#[cfg(test)]
mod tests {
    use contrast_attestation::EvidenceType;
    use contrast_manifest::Role;
    use x509_cert::{
        Certificate,
        der::{DecodePem, oid::AssociatedOid},
        ext::pkix,
    };

    use super::*;
    use crate::seed::Seed;

    fn policy(sans: &[&str], secret: Option<&str>) -> PolicyEntry {
        PolicyEntry {
            sans: sans.iter().map(|san| (*san).to_owned()).collect(),
            workload_secret_id: secret.map(str::to_owned),
            role: Role::Workload,
        }
    }

    fn claims() -> Claims {
        Claims {
            evidence_type: EvidenceType::Snp,
            accepted_by: "snp-0-MILAN".into(),
            host_data: [7; 32],
            values: vec![
                (1, ClaimValue::Integer(2)),
                (5, ClaimValue::Boolean(false)),
                (23, ClaimValue::Bytes(vec![7; 32])),
            ],
        }
    }

    fn issue(policy: &PolicyEntry) -> Result<String, CaError> {
        let keys = Seed::generate().unwrap().derive_keys().unwrap();
        let key = KeyPair::generate().unwrap();
        let now = SystemTime::now();
        MeshCa::generate(&keys, now).unwrap().issue(&key.subject_public_key_info(), policy, &claims(), now)
    }

    fn extension_values(chain: &str) -> Vec<(String, Vec<u8>)> {
        let leaf =
            Certificate::from_pem(chain.split_inclusive("-----END CERTIFICATE-----\n").next().unwrap())
                .unwrap();
        let extensions = leaf.tbs_certificate().extensions().unwrap();
        extensions.iter().map(|e| (e.extn_id.to_string(), e.extn_value.as_bytes().to_vec())).collect()
    }

    #[test]
    fn a_leaf_repeats_the_claims_and_then_the_secret_id() {
        let found = extension_values(&issue(&policy(&["web"], Some("apps/web"))).unwrap());
        let ours: Vec<_> = found.iter().filter(|(oid, _)| oid.starts_with("1.3.9901")).collect();
        assert_eq!(ours[0], &("1.3.9901.2.1.1".into(), vec![0x02, 0x01, 0x02]));
        assert_eq!(ours[1], &("1.3.9901.2.1.5".into(), vec![0x01, 0x01, 0x00]));
        assert_eq!(ours[2], &("1.3.9901.2.1.23".into(), [&[0x04, 0x20][..], &[7; 32]].concat()));
        assert_eq!(ours[3], &("1.3.9901.3.1".into(), [&[0x04, 0x08][..], b"apps/web"].concat()));
        assert_eq!(ours.len(), 4);
    }

    fn extension<'a, T: AssociatedOid + Decode<'a>>(certificate: &'a Certificate) -> Option<T> {
        let extensions = certificate.tbs_certificate().extensions().into_iter().flatten();
        let mut found = extensions.filter(|extension| extension.extn_id == T::OID);
        found.next().map(|extension| T::from_der(extension.extn_value.as_bytes()).ok().unwrap())
    }

    #[test]
    fn no_authority_may_make_another_one_than_the_root_its_intermediate() {
        let keys = Seed::generate().unwrap().derive_keys().unwrap();
        let now = SystemTime::now();
        let lasting = lasting_certificates(&keys, now).unwrap();
        let ca = MeshCa::generate(&keys, now).unwrap();
        let GenerationCertificates { intermediate_ca, mesh_ca } = ca.certificates();
        for (pem, below) in [(&lasting.root_ca, 1), (intermediate_ca, 0), (mesh_ca, 0)] {
            let certificate = Certificate::from_pem(pem).unwrap();
            let constraints: pkix::BasicConstraints = extension(&certificate).unwrap();
            assert_eq!((constraints.ca, constraints.path_len_constraint), (true, Some(below)), "{pem}");
        }
    }

    #[test]
    fn the_transition_signer_is_fit_for_nothing_but_signing_transitions() {
        let keys = Seed::generate().unwrap().derive_keys().unwrap();
        let signer = lasting_certificates(&keys, SystemTime::now()).unwrap().transition_signer;
        let signer = Certificate::from_pem(signer).unwrap();
        let constraints: pkix::BasicConstraints = extension(&signer).unwrap();
        assert!(!constraints.ca);
        let usage: pkix::KeyUsage = extension(&signer).unwrap();
        assert_eq!(usage, pkix::KeyUsage(pkix::KeyUsages::DigitalSignature.into()));
        let purposes: pkix::ExtendedKeyUsage = extension(&signer).unwrap();
        assert_eq!(purposes.0, [ObjectIdentifier::new_unwrap("1.3.9901.3.100")]);
    }

    #[test]
    fn a_certificate_is_for_the_key_that_was_attested() {
        let keys = Seed::generate().unwrap().derive_keys().unwrap();
        let now = SystemTime::now();
        let ca = MeshCa::generate(&keys, now).unwrap();
        let algorithms: [&'static SignatureAlgorithm; 4] =
            [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ECDSA_P521_SHA512, &PKCS_ED25519];
        for algorithm in algorithms {
            let spki = KeyPair::generate_for(algorithm).unwrap().subject_public_key_info();
            let chain = ca.issue(&spki, &policy(&["web"], None), &claims(), now).unwrap();
            let leaf = chain.split_inclusive("-----END CERTIFICATE-----\n").next().unwrap();
            let leaf = Certificate::from_pem(leaf).unwrap();
            assert_eq!(leaf.tbs_certificate().subject_public_key_info().to_der().unwrap(), spki);
        }
        let garbage = ca.issue(&[1, 2, 3], &policy(&["web"], None), &claims(), now);
        assert!(matches!(garbage, Err(CaError::SubjectKey)));
    }

    #[test]
    fn a_policy_without_dns_name_is_an_error_and_not_a_panic() {
        assert!(matches!(issue(&policy(&["10.0.0.1", "spiffe://a/b"], None)), Err(CaError::NoDnsName)));
        assert!(matches!(issue(&policy(&[], None)), Err(CaError::NoDnsName)));
    }

    #[test]
    fn a_name_that_no_certificate_can_hold_is_named_in_the_error() {
        let refused = issue(&policy(&["web", "grüße"], None)).unwrap_err();
        assert!(refused.to_string().contains("grüße"), "{refused}");
    }

    #[test]
    fn the_mesh_ca_key_travels_as_sec1() {
        let keys = Seed::generate().unwrap().derive_keys().unwrap();
        let pem = MeshCa::generate(&keys, SystemTime::now()).unwrap().private_key_pem().unwrap();
        assert!(pem.starts_with("-----BEGIN EC PRIVATE KEY-----\n"));
    }
}
