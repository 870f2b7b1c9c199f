//! Histories made by hand, with real keys and certificates.

use std::{collections::BTreeMap, time::SystemTime};

use contrast_attestation::EvidenceType;
use contrast_manifest::{ManifestDocument, NO_TRANSITION, SeedConsent, SeedGrounds, transition_hash};
use p384::{
    SecretKey,
    ecdsa::{DerSignature, Signature, SigningKey, signature::hazmat::PrehashSigner},
    pkcs8::EncodePrivateKey,
};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PKCS_ECDSA_P384_SHA384,
};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    Anchors, Author, CaGeneration, Contents, Event, History, HistoryError, ManifestSet, Proof, Record,
    SeedHandedOver, record::Cause,
};

/// Builds a history event by event.
pub(crate) struct Scribe {
    root: Issuer<'static, KeyPair>,
    secret: SecretKey,
    pub(crate) history: History,
    transition: [u8; 32],
    generation: u64,
    one_key_for_all: bool,
}

pub(crate) const NOBODY: Author = Author { proof: Proof::None, key: None };

impl Scribe {
    pub(crate) fn new() -> Self {
        let root_params = params("system:coordinator:root", true);
        let root_key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        let root_ca = root_params.self_signed(&root_key).unwrap().pem().into_bytes();
        let root = Issuer::new(root_params, root_key);
        let anchors = Anchors { root_ca, transition_signer: Vec::new(), mesh_ca: Vec::new() };
        let history = History { anchors, records: Vec::new(), contents: BTreeMap::new() };
        let secret = SecretKey::from_slice(&[7; 48]).unwrap();
        let mut scribe =
            Self { root, secret, history, transition: NO_TRANSITION, generation: 0, one_key_for_all: false };
        scribe.replace_signer("system:coordinator:transitions", false);
        scribe
    }

    /// Another certificate for the key that signs transitions.
    pub(crate) fn replace_signer(&mut self, name: &str, authority: bool) {
        self.replace_signer_by(&params(name, authority));
    }

    /// One for these purposes.
    pub(crate) fn replace_signer_for(&mut self, purposes: &[ExtendedKeyUsagePurpose]) {
        let mut params = params("system:coordinator:transitions", false);
        params.extended_key_usages = purposes.to_vec();
        self.replace_signer_by(&params);
    }

    fn replace_signer_by(&mut self, params: &CertificateParams) {
        let certificate = params.signed_by(&self.signer_key(), &self.root).unwrap();
        self.history.anchors.transition_signer = certificate.pem().into_bytes();
    }

    /// From here on, mesh CAs have the key that signs transitions.
    pub(crate) fn use_the_signers_key_for_the_mesh_ca(&mut self) {
        self.one_key_for_all = true;
    }

    fn signer_key(&self) -> KeyPair {
        let der = self.secret.to_pkcs8_der().unwrap().as_bytes().to_vec();
        KeyPair::from_pkcs8_der_and_sign_algo(&der.into(), &PKCS_ECDSA_P384_SHA384).unwrap()
    }

    /// A history of some manifests, told apart by a label, with a recovery at its end.
    pub(crate) fn of(manifests: &[&str]) -> History {
        let mut author = Self::new();
        for manifest in manifests {
            author.set(&manifest_of(manifest, &["package policy"]), &["package policy"]);
        }
        author.recover();
        author.history
    }

    /// A new certificate of the root CA, for the same key.
    pub(crate) fn renewed_root_ca(&self) -> Vec<u8> {
        let params = params("system:coordinator:root", true);
        params.self_signed(self.root.key()).unwrap().pem().into_bytes()
    }

    pub(crate) fn set(&mut self, manifest: &str, policies: &[&str]) {
        let document = ManifestDocument::parse(manifest.as_bytes().to_vec());
        let manifest = self.content(manifest.as_bytes());
        let policies = policies.iter().map(|policy| self.content(policy.as_bytes())).collect();
        let previous = self.transition;
        self.transition = transition_hash(manifest, previous);
        let signature: Signature = SigningKey::from(&self.secret).sign_prehash(&self.transition).unwrap();
        let signature: DerSignature = signature.to_der();
        self.add(Event::ManifestSet(ManifestSet {
            manifest,
            policies,
            author: NOBODY,
            previous,
            transition: self.transition,
            signature: signature.as_bytes().to_vec(),
            seed_grounds: document.ok().as_ref().map(SeedGrounds::of),
        }));
        self.start_generation(Cause::ManifestSet);
    }

    pub(crate) fn recover(&mut self) {
        let author = Author { proof: Proof::TlsKey, key: Some([9; 32]) };
        self.add(Event::Recovered { author, transition: self.transition });
        self.start_generation(Cause::Recovery);
    }

    /// Gives the seed to a peer.
    pub(crate) fn hand_over(&mut self, policy: &str, accepted_by: &str) {
        self.add(Event::SeedHandedOver(SeedHandedOver {
            policy: Sha256::digest(policy).into(),
            transition: self.transition,
            platform: EvidenceType::Simulated,
            evidence: [6; 32],
            accepted_by: accepted_by.to_owned(),
        }));
    }

    /// Consent of nobody who may give it.
    pub(crate) fn consent(&mut self, policy: &str) {
        self.add(Event::SeedConsentGiven(SeedConsent {
            transition: self.transition,
            policies: vec![Sha256::digest(policy).into()],
            owner: [5; 32],
            signature: vec![4; 512],
        }));
    }

    fn start_generation(&mut self, cause: Cause) {
        let key = match self.one_key_for_all {
            true => self.signer_key(),
            false => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap(),
        };
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

/// A valid manifest of some policies.
pub(crate) fn manifest_of(label: &str, policies: &[&str]) -> String {
    let entries: serde_json::Map<_, _> = policies
        .iter()
        .map(|policy| {
            (hex::encode(Sha256::digest(policy)), json!({ "SANs": [label], "Role": "coordinator" }))
        })
        .collect();
    let simulated = json!({
        "Root": "00".repeat(32), "ProductName": "Milan", "TrustedMeasurement": "00".repeat(48),
        "MinimumTCB": { "BootloaderVersion": 0, "TEEVersion": 0, "SNPVersion": 0, "MicrocodeVersion": 0 },
        "GuestPolicy": { "SMT": true },
    });
    json!({ "Policies": entries, "ReferenceValues": { "simulated": [simulated] } }).to_string()
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
