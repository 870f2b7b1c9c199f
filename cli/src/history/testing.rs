//! Histories made by hand, with real keys and certificates.

use std::{collections::BTreeMap, time::SystemTime};

use contrast_manifest::{NO_TRANSITION, transition_hash};
use p384::{
    SecretKey,
    ecdsa::{DerSignature, Signature, SigningKey, signature::hazmat::PrehashSigner},
    pkcs8::EncodePrivateKey,
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P384_SHA384};
use sha2::{Digest, Sha256};

use super::{
    Anchors, Author, CaGeneration, Contents, Event, History, HistoryError, ManifestSet, Proof, Record,
    record::Cause,
};

/// Builds a history event by event.
pub(crate) struct Scribe {
    root: Issuer<'static, KeyPair>,
    signer: SigningKey,
    pub(crate) history: History,
    transition: [u8; 32],
    generation: u64,
}

pub(crate) const NOBODY: Author = Author { proof: Proof::None, key: None };

impl Scribe {
    pub(crate) fn new() -> Self {
        let root_params = params("system:coordinator:root", true);
        let root_key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        let root_ca = root_params.self_signed(&root_key).unwrap().pem().into_bytes();
        let root = Issuer::new(root_params, root_key);
        let secret = SecretKey::from_slice(&[7; 48]).unwrap();
        let signer_key = secret.to_pkcs8_der().unwrap();
        let signer_key = KeyPair::from_pkcs8_der_and_sign_algo(
            &signer_key.as_bytes().to_vec().into(),
            &PKCS_ECDSA_P384_SHA384,
        )
        .unwrap();
        let signer = params("system:coordinator:transitions", false).signed_by(&signer_key, &root).unwrap();
        let anchors = Anchors { root_ca, transition_signer: signer.pem().into_bytes(), mesh_ca: Vec::new() };
        let history = History { anchors, records: Vec::new(), contents: BTreeMap::new() };
        Self { root, signer: SigningKey::from(&secret), history, transition: NO_TRANSITION, generation: 0 }
    }

    /// A history of some manifests, with a recovery at its end.
    pub(crate) fn of(manifests: &[&str]) -> History {
        let mut author = Self::new();
        for manifest in manifests {
            author.set(manifest.as_bytes(), &[b"package policy"]);
        }
        author.recover();
        author.history
    }

    pub(crate) fn set(&mut self, manifest: &[u8], policies: &[&[u8]]) {
        let manifest = self.content(manifest);
        let policies = policies.iter().map(|policy| self.content(policy)).collect();
        let previous = self.transition;
        self.transition = transition_hash(manifest, previous);
        let signature: Signature = self.signer.sign_prehash(&self.transition).unwrap();
        let signature: DerSignature = signature.to_der();
        self.add(Event::ManifestSet(ManifestSet {
            manifest,
            policies,
            author: NOBODY,
            previous,
            transition: self.transition,
            signature: signature.as_bytes().to_vec(),
        }));
        self.start_generation(Cause::ManifestSet);
    }

    pub(crate) fn recover(&mut self) {
        let author = Author { proof: Proof::TlsKey, key: Some([9; 32]) };
        self.add(Event::Recovered { author, transition: self.transition });
        self.start_generation(Cause::Recovery);
    }

    fn start_generation(&mut self, cause: Cause) {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        let ca = params("system:coordinator:intermediate", true);
        let intermediate_ca = ca.signed_by(&key, &self.root).unwrap().pem().into_bytes();
        let mesh_ca = ca.self_signed(&key).unwrap().pem().into_bytes();
        self.history.anchors.mesh_ca.clone_from(&mesh_ca);
        self.generation += 1;
        let Anchors { root_ca, transition_signer, .. } = self.history.anchors.clone();
        let [root_ca, transition_signer] =
            [root_ca, transition_signer].map(|pem| if self.generation == 1 { pem } else { Vec::new() });
        let generation = self.generation;
        let started =
            CaGeneration { generation, cause, intermediate_ca, mesh_ca, root_ca, transition_signer };
        self.add(Event::CaGenerationStarted(started));
    }

    fn content(&mut self, bytes: &[u8]) -> [u8; 32] {
        let digest = Sha256::digest(bytes).into();
        self.history.contents.insert(digest, bytes.to_vec());
        digest
    }

    fn add(&mut self, event: Event) {
        let position = self.history.records.len() as u64;
        let time_unix_ms = 1_800_000_000_000 + i64::try_from(position).unwrap() * 60_000;
        self.history.records.push(Record { position, log_digest: [0; 32], time_unix_ms, event });
    }
}

/// Everything is checked, at a time when the certificates are valid.
pub(crate) fn check(history: &History) -> Result<super::Checked, HistoryError> {
    history.check(Contents::Required, SystemTime::now())
}

fn params(name: &str, authority: bool) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    if authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    params
}
