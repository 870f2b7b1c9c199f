//! What each policy asks of clients, and the keys that they may come with.

use std::sync::Arc;

use contrast_attestation::atls::{
    CertificateFault, ClientKey, ClientPolicy, Connector, HandshakeError, Identity,
};
use rcgen::{KeyPair, PublicKeyData as _, SignatureAlgorithm};
use rustls::{
    SupportedProtocolVersion,
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};

use crate::parts::*;

const BOTH: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// A stranger that always presents `certificate`.
fn presenting(version: &'static SupportedProtocolVersion, certificate: Arc<CertifiedKey>) -> Stranger {
    Stranger::new(ORDINARY, &[version], move |_| Some(Arc::clone(&certificate)))
}

#[tokio::test]
async fn any_usual_kind_of_key_will_do_where_certificates_are_optional() {
    let kinds: [&SignatureAlgorithm; 4] = [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ECDSA_P521_SHA512,
        &rcgen::PKCS_ED25519,
    ];
    for version in BOTH {
        for kind in kinds {
            let key = KeyPair::generate_for(kind).unwrap();
            let stranger = presenting(version, certified(&key, &[]));
            let (accepted, _stream) = encounter(&acceptor(), ClientPolicy::Optional, &stranger).await;
            let certificate = accepted.unwrap().peer.certificate.unwrap();
            assert_eq!(*certificate.spki_der, *key.subject_public_key_info(), "{kind:?}");
        }
    }
}

#[tokio::test]
async fn an_owner_is_known_by_the_key_it_connects_with() {
    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let rsa = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa4096).unwrap();
    let rsa_public = aws_lc_rs::signature::KeyPair::public_key(&rsa).as_ref().to_vec();
    let owners = [
        (ClientKey::from_pkcs8_der(p384.serialized_der()).unwrap(), p384.subject_public_key_info()),
        (ClientKey::from_pkcs1_der(&pkcs1(&rsa)).unwrap(), rsa_public),
    ];
    for (key, public) in owners {
        let connector = Connector::new(Identity::Key(key), None, verifiers()).with_timeout(PATIENCE);
        let (accepted, connected) = meet(&acceptor(), ClientPolicy::Optional, &connector).await;
        let certificate = accepted.unwrap().peer.certificate.unwrap();
        assert_eq!(certificate.owner_key_der(), Some(public.as_slice()));
        connected.unwrap();
    }
}

/// The PKCS#1 form of a key, cut out of its PKCS#8 form: the octet string at the end.
fn pkcs1(key: &aws_lc_rs::rsa::KeyPair) -> Vec<u8> {
    let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> = aws_lc_rs::encoding::AsDer::as_der(key).unwrap();
    // SEQUENCE (4), version (3), algorithm (15), OCTET STRING header (4).
    pkcs8.as_ref()[26..].to_vec()
}

#[tokio::test]
async fn no_certificate_is_fine_only_where_it_is_optional() {
    for version in BOTH {
        let stranger = Stranger::new(ORDINARY, &[version], |_| None);
        let (accepted, _stream) = encounter(&acceptor(), ClientPolicy::Optional, &stranger).await;
        let peer = accepted.unwrap().peer;
        assert!(peer.certificate.is_none() && peer.appraisal.is_none());

        let (accepted, _stream) =
            encounter(&acceptor(), ClientPolicy::Appraise(verifiers()), &stranger).await;
        assert!(matches!(accepted, Err(HandshakeError::NoCertificate)));
    }
}

#[tokio::test]
async fn a_certificate_without_its_key_is_refused_by_either_policy() {
    let (theirs, mine) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let (stolen, own) = (certified(&theirs, &[]), certified(&mine, &[]));
    let certificate = Arc::new(CertifiedKey::new(stolen.cert.clone(), Arc::clone(&own.key)));
    for version in BOTH {
        for policy in [ClientPolicy::Optional, ClientPolicy::Appraise(verifiers())] {
            let stranger = presenting(version, Arc::clone(&certificate));
            let (accepted, _stream) = encounter(&acceptor(), policy, &stranger).await;
            assert!(matches!(accepted, Err(HandshakeError::Tls(rustls::Error::InvalidCertificate(_)))));
        }
    }
}

#[tokio::test]
async fn validity_counts_only_where_clients_are_appraised() {
    let key = KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let expired = params.self_signed(&key).unwrap();
    let expired =
        Arc::new(CertifiedKey::new(vec![expired.der().clone()], Arc::clone(&certified(&key, &[]).key)));

    let stranger = presenting(&TLS13, Arc::clone(&expired));
    let (accepted, _stream) = encounter(&acceptor(), ClientPolicy::Optional, &stranger).await;
    assert!(accepted.unwrap().peer.certificate.is_some());
    let (accepted, _stream) = encounter(&acceptor(), ClientPolicy::Appraise(verifiers()), &stranger).await;
    assert!(matches!(accepted, Err(HandshakeError::Certificate(CertificateFault::Expired { .. }))));
}
