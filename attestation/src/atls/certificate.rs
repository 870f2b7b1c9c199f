//! A peer's certificate, as far as attested TLS looks at it.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use x509_cert::{
    Certificate,
    der::{Decode as _, Encode as _, asn1::ObjectIdentifier},
    ext::{Extension, pkix::ExtendedKeyUsage},
};

use crate::{
    Evidence, EvidenceType,
    x509::{MAX_EXTENSIONS, repeated},
};

/// Longest certificate of a peer that is read, in bytes. One with the evidence of AMD's hardware, its three certificates
/// and a revocation list has some 9,000. TLS takes no more than 64 KiB for all of a peer's certificates.
pub(super) const MAX_CERTIFICATE: usize = 48 << 10;
/// Most certificates that a peer may send. Only the first is looked at, and peers of this kind have no other.
pub(super) const MAX_CHAIN: usize = 4;

/// The first certificate of a peer. Cheap to clone.
#[derive(Clone)]
pub struct PeerCertificate {
    /// The certificate in DER, as it came.
    pub der: Arc<[u8]>,
    /// Its SubjectPublicKeyInfo in DER (RFC 5280 section 4.1.2.7).
    pub spki_der: Arc<[u8]>,
    facts: Arc<Facts>,
}

/// Why a certificate is no basis for an appraisal.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CertificateFault {
    /// Longer than any that carries evidence.
    #[error(
        "the peer's certificate has {found} bytes, and at most {MAX_CERTIFICATE} are read; evidence with its \
         certificates has a quarter of that, so leave out what else there is"
    )]
    TooLong {
        /// Bytes that it has.
        found: usize,
    },
    /// More certificates than anybody needs.
    #[error(
        "the peer sent {found} certificates, of which only the first is looked at; it must send at most {MAX_CHAIN}"
    )]
    TooMany {
        /// How many.
        found: usize,
    },
    /// More extensions than anybody needs.
    #[error(
        "the peer's certificate has {found} extensions, where at most {MAX_EXTENSIONS} are allowed; one carries the evidence, \
         and no other is needed"
    )]
    TooManyExtensions {
        /// How many.
        found: usize,
    },
    /// Not one X.509 certificate in DER.
    #[error("the peer's certificate is not an X.509 certificate in DER")]
    Malformed,
    /// RFC 5280 section 4.2: no more than one instance of an extension.
    #[error("the peer's certificate has the extension {0} twice")]
    DuplicateExtension(String),
    /// A certificate carries one piece of evidence.
    #[error("the peer's certificate has {0} attestation extensions, where one is allowed")]
    EvidenceCount(usize),
    /// Marked as impossible to ignore, and not known here.
    #[error("the peer's certificate has the critical extension {0}, which is not known here")]
    CriticalExtension(String),
    /// The key is not meant for TLS.
    #[error("the peer's certificate has an extended key usage that excludes TLS")]
    KeyUsage,
    /// Valid from later than now.
    #[error("the peer's certificate is valid only from {from:?} on, and it is {now:?}; check both clocks")]
    NotYetValid {
        /// Start of the validity.
        from: SystemTime,
        /// The clock of this side.
        now: SystemTime,
    },
    /// Valid until earlier than now.
    #[error("the peer's certificate was valid until {until:?}, and it is {now:?}; check both clocks")]
    Expired {
        /// End of the validity.
        until: SystemTime,
        /// The clock of this side.
        now: SystemTime,
    },
}

/// Reads the first certificate of a peer, `above` which it sent as many others.
pub(super) fn parse_first(der: &[u8], above: usize) -> Result<PeerCertificate, CertificateFault> {
    let found = above.saturating_add(1);
    if found > MAX_CHAIN { Err(CertificateFault::TooMany { found }) } else { parse_peer_certificate(der) }
}

/// Reads the certificate that a peer presented. The only parser of such bytes.
///
/// Looks at the form only; validity is a question that is asked where it matters. The self-signature is
/// not checked, since it proves nothing: the handshake proves that the peer has the key, and the evidence
/// is bound to the key.
///
/// # Errors
/// [`CertificateFault::TooLong`], [`CertificateFault::Malformed`], [`CertificateFault::TooManyExtensions`],
/// [`CertificateFault::DuplicateExtension`] or [`CertificateFault::EvidenceCount`].
pub fn parse_peer_certificate(der: &[u8]) -> Result<PeerCertificate, CertificateFault> {
    if der.len() > MAX_CERTIFICATE {
        return Err(CertificateFault::TooLong { found: der.len() });
    }
    let certificate = Certificate::from_der(der).map_err(|_| CertificateFault::Malformed)?;
    let body = certificate.tbs_certificate();
    let extensions = body.extensions().map_or(&[][..], Vec::as_slice);
    if extensions.len() > MAX_EXTENSIONS {
        return Err(CertificateFault::TooManyExtensions { found: extensions.len() });
    }
    if let Some(oid) = repeated(extensions) {
        return Err(CertificateFault::DuplicateExtension(oid.to_string()));
    }
    let mut evidence: Vec<_> = extensions.iter().filter_map(evidence_of).collect();
    if evidence.len() > 1 {
        return Err(CertificateFault::EvidenceCount(evidence.len()));
    }
    let key = body.subject_public_key_info();
    let validity = body.validity();
    Ok(PeerCertificate {
        der: der.into(),
        spki_der: key.to_der().map_err(|_| CertificateFault::Malformed)?.into(),
        facts: Arc::new(Facts {
            key_algorithm: key.algorithm.oid,
            key: key.subject_public_key.raw_bytes().into(),
            not_before: validity.not_before.to_system_time(),
            not_after: validity.not_after.to_system_time(),
            unknown_critical: extensions
                .iter()
                .find(|extension| is_unknown_and_critical(extension))
                .map(oid_of),
            excludes_tls: extensions.iter().any(excludes_tls),
            evidence: evidence.pop(),
        }),
    })
}

impl PeerCertificate {
    /// The public key in the form that manifests name owners by: SubjectPublicKeyInfo for ECDSA keys, PKCS#1
    /// `RSAPublicKey` for RSA keys, both in DER. `None` for other keys, which no owner can have.
    #[must_use]
    pub fn owner_key_der(&self) -> Option<&[u8]> {
        match self.facts.key_algorithm {
            EC_PUBLIC_KEY => Some(&self.spki_der),
            RSA_ENCRYPTION => Some(&self.facts.key),
            _ => None,
        }
    }

    /// From when until when the certificate is valid, by what it says of itself.
    #[must_use]
    pub fn validity(&self) -> (SystemTime, SystemTime) {
        (self.facts.not_before, self.facts.not_after)
    }

    /// The evidence that the certificate carries.
    #[must_use]
    pub fn evidence(&self) -> Option<&Evidence> {
        self.facts.evidence.as_ref()
    }

    /// Whether the certificate, being its own trust anchor, is good for a TLS connection at `now`.
    pub(super) fn check(&self, now: SystemTime) -> Result<(), CertificateFault> {
        let facts = &self.facts;
        if now < facts.not_before {
            return Err(CertificateFault::NotYetValid { from: facts.not_before, now });
        }
        if now > facts.not_after + WHOLE_LAST_SECOND {
            return Err(CertificateFault::Expired { until: facts.not_after, now });
        }
        if let Some(oid) = &facts.unknown_critical {
            return Err(CertificateFault::CriticalExtension(oid.clone()));
        }
        if facts.excludes_tls {
            return Err(CertificateFault::KeyUsage);
        }
        Ok(())
    }
}

impl std::fmt::Debug for PeerCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeerCertificate")
            .field("key_algorithm", &self.facts.key_algorithm)
            .field("evidence_type", &self.evidence().map(|evidence| evidence.evidence_type))
            .finish_non_exhaustive()
    }
}

/// What was read, beyond the bytes.
struct Facts {
    key_algorithm: ObjectIdentifier,
    /// Content of the BIT STRING subjectPublicKey.
    key: Box<[u8]>,
    not_before: SystemTime,
    not_after: SystemTime,
    unknown_critical: Option<String>,
    excludes_tls: bool,
    evidence: Option<Evidence>,
}

/// RFC 5480 section 2.1.1.
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// RFC 8017 appendix A.1.
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// Key usage, subject alternative name, basic constraints, name constraints, extended key usage (RFC 5280
/// section 4.2.1). None of them limits what a certificate that vouches only for itself may do here.
const KNOWN: [ObjectIdentifier; 5] = [
    ObjectIdentifier::new_unwrap("2.5.29.15"),
    ObjectIdentifier::new_unwrap("2.5.29.17"),
    ObjectIdentifier::new_unwrap("2.5.29.19"),
    ObjectIdentifier::new_unwrap("2.5.29.30"),
    EXTENDED_KEY_USAGE,
];
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
/// Any purpose, TLS server, TLS client (RFC 5280 section 4.2.1.12).
const TLS_PURPOSES: [ObjectIdentifier; 3] = [
    ObjectIdentifier::new_unwrap("2.5.29.37.0"),
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1"),
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2"),
];
/// The validity ends with the second that it names (RFC 5280 section 4.1.2.5).
const WHOLE_LAST_SECOND: Duration = Duration::from_millis(999);

fn evidence_of(extension: &Extension) -> Option<Evidence> {
    let arcs = || extension.extn_id.arcs().map(u64::from);
    let evidence_type = EvidenceType::ALL.into_iter().find(|kind| kind.oid().iter().copied().eq(arcs()))?;
    Some(Evidence { evidence_type, document: extension.extn_value.as_bytes().to_vec() })
}

fn is_unknown_and_critical(extension: &Extension) -> bool {
    extension.critical && !KNOWN.contains(&extension.extn_id) && evidence_of(extension).is_none()
}

fn excludes_tls(extension: &Extension) -> bool {
    extension.extn_id == EXTENDED_KEY_USAGE
        && !ExtendedKeyUsage::from_der(extension.extn_value.as_bytes())
            .is_ok_and(|usage| usage.0.iter().any(|purpose| TLS_PURPOSES.contains(purpose)))
}

fn oid_of(extension: &Extension) -> String {
    extension.extn_id.to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, KeyPair};
    use rustls::crypto::aws_lc_rs::sign::any_supported_type;

    use super::*;
    use crate::atls::{ClientKey, issue::self_signed};

    /// A certificate of the kind that we make, at second 1,700,000,000.
    fn ours(evidence: Option<&Evidence>) -> Vec<u8> {
        let key = ClientKey::fresh().unwrap();
        self_signed(key.private().as_ref(), key.spki_der(), evidence, at(0)).unwrap().to_vec()
    }

    fn at(offset: i64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000_u64.saturating_add_signed(offset))
    }

    fn evidence() -> Evidence {
        Evidence { evidence_type: EvidenceType::Tdx, document: b"not even DER".to_vec() }
    }

    /// A certificate as a stranger might make it.
    fn theirs(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::default();
        change(&mut params);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn attestation(arc: u64, document: &[u8]) -> CustomExtension {
        CustomExtension::from_oid_content(&[1, 3, 9901, 2, arc], document.to_vec())
    }

    #[test]
    fn evidence_comes_back_as_it_was_put_in() {
        let certificate = parse_peer_certificate(&ours(Some(&evidence()))).unwrap();
        assert!(*certificate.evidence().unwrap() == evidence());
        assert!(parse_peer_certificate(&ours(None)).unwrap().evidence().is_none());
    }

    #[test]
    fn certificates_follow_the_template() {
        let der = ours(Some(&evidence()));
        let certificate = Certificate::from_der(&der).unwrap();
        let body = certificate.tbs_certificate();
        assert_eq!(body.version(), x509_cert::certificate::Version::V3);
        assert_eq!(body.serial_number().as_bytes().len(), 16);
        assert_eq!(
            (body.subject().to_string(), body.issuer().to_string()),
            ("CN=Contrast".into(), "CN=Contrast".into())
        );
        assert_eq!(body.validity().not_before.to_system_time(), at(-7200));
        assert_eq!(body.validity().not_after.to_system_time(), at(7200));
        let [extension] = body.extensions().unwrap().as_slice() else { panic!("one extension") };
        assert_eq!((extension.extn_id.to_string().as_str(), extension.critical), ("1.3.9901.2.2", false));
        assert_eq!(extension.extn_value.as_bytes(), b"not even DER");
        assert_eq!(Certificate::from_der(&ours(None)).unwrap().tbs_certificate().extensions(), None);
    }

    #[test]
    fn validity_ends_two_hours_away_on_either_side() {
        let certificate = parse_peer_certificate(&ours(None)).unwrap();
        for good in [-7200, 0, 7200] {
            assert_eq!(certificate.check(at(good)), Ok(()));
        }
        let now = at(-7201);
        assert_eq!(certificate.check(now), Err(CertificateFault::NotYetValid { from: at(-7200), now }));
        let now = at(7201);
        assert_eq!(certificate.check(now), Err(CertificateFault::Expired { until: at(7200), now }));
    }

    #[test]
    fn more_than_one_attestation_extension_is_refused() {
        let two =
            theirs(|params| params.custom_extensions = vec![attestation(1, b"a"), attestation(2, b"b")]);
        assert_eq!(parse_peer_certificate(&two).unwrap_err(), CertificateFault::EvidenceCount(2));
        let twice =
            theirs(|params| params.custom_extensions = vec![attestation(1, b"a"), attestation(1, b"b")]);
        let fault = CertificateFault::DuplicateExtension("1.3.9901.2.1".into());
        assert_eq!(parse_peer_certificate(&twice).unwrap_err(), fault);
    }

    #[test]
    fn extensions_that_are_no_evidence_are_skipped_unless_critical() {
        let mut extension = attestation(3, b"a");
        let plain = theirs(|params| params.custom_extensions = vec![extension.clone()]);
        let certificate = parse_peer_certificate(&plain).unwrap();
        assert!(certificate.evidence().is_none());
        assert_eq!(certificate.check(at(0)), Ok(()));

        extension.set_criticality(true);
        let critical = theirs(|params| params.custom_extensions = vec![extension]);
        let fault = CertificateFault::CriticalExtension("1.3.9901.2.3".into());
        assert_eq!(parse_peer_certificate(&critical).unwrap().check(at(0)), Err(fault));
    }

    #[test]
    fn a_key_that_is_not_for_tls_is_refused() {
        let with = |purpose| theirs(|params| params.extended_key_usages = vec![purpose]);
        let server = with(ExtendedKeyUsagePurpose::ServerAuth);
        assert_eq!(parse_peer_certificate(&server).unwrap().check(at(0)), Ok(()));
        let mail = with(ExtendedKeyUsagePurpose::EmailProtection);
        assert_eq!(parse_peer_certificate(&mail).unwrap().check(at(0)), Err(CertificateFault::KeyUsage));
    }

    #[test]
    fn owners_are_named_by_the_form_that_fits_their_key() {
        let ec = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
        let ec = ClientKey::from_pkcs8_der(ec.serialized_der()).unwrap();
        let der = self_signed(ec.private().as_ref(), ec.spki_der(), None, at(0)).unwrap();
        assert_eq!(parse_peer_certificate(&der).unwrap().owner_key_der(), Some(ec.spki_der()));

        let ed25519 = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let der = CertificateParams::default().self_signed(&ed25519).unwrap();
        assert_eq!(parse_peer_certificate(der.der()).unwrap().owner_key_der(), None);
    }

    #[test]
    fn an_rsa_owner_is_named_by_the_pkcs1_form() {
        let rsa = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let public = aws_lc_rs::signature::KeyPair::public_key(&rsa).as_ref().to_vec();
        let pkcs8 = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&rsa).unwrap();
        let key =
            any_supported_type(&rustls::pki_types::PrivateKeyDer::Pkcs8(pkcs8.as_ref().into())).unwrap();
        let spki = key.public_key().unwrap();
        let der = self_signed(key.as_ref(), spki.as_ref(), None, at(0)).unwrap();
        assert_eq!(parse_peer_certificate(&der).unwrap().owner_key_der(), Some(public.as_slice()));
    }

    #[test]
    fn report_data_has_the_published_test_value() {
        let expected = "2f7d24b8c6b16a79f3caa91bc64681af7c87d51b46a34fd3a5a30ea18461dd43\
                        a949b939983889616ef77a9c70f67ccd107be3dabca2dbbec58608224047b043";
        assert_eq!(hex::encode(crate::ReportData::for_tls_key(b"pubkey", b"nonce").0), expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn bytes_of_a_stranger_are_parsed_without_a_panic(bytes: Vec<u8>) {
            let _ = parse_peer_certificate(&bytes);
        }

        #[test]
        fn a_damaged_certificate_is_parsed_without_a_panic(at: prop::sample::Index, to: u8, cut: prop::sample::Index) {
            let mut der = ours(Some(&evidence()));
            let position = at.index(der.len());
            der[position] = to;
            let _ = parse_peer_certificate(&der);
            der.truncate(cut.index(der.len()));
            prop_assert_eq!(parse_peer_certificate(&der).unwrap_err(), CertificateFault::Malformed);
        }
    }
}
