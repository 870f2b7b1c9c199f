//! One simulated processor: its endorsement key and what it is made of.

use std::{path::Path, sync::Arc};

use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use sha2::{Digest, Sha256, Sha384};

use super::{EndorsementTemplate, Hierarchy, ReportBuilder, SimulatedAttester, SimulatorError, files};
use crate::{
    ReportData,
    snp::{
        Endorsements, GuestPolicy, PlatformInfo, Product, SigningKey, TcbParts, TrustAnchor,
        certificate::Certificate, endorsement::EndorsementKey, signature,
    },
};

/// A secure processor made of software. Cheap to clone.
#[derive(Clone)]
pub struct Processor(Arc<Parts>);

struct Parts {
    product: Product,
    key: EcdsaKeyPair,
    endorsements: Endorsements,
    chip_id: [u8; 64],
    tcb: TcbParts,
}

impl Processor {
    /// Makes a Genoa processor and writes its keys and certificates into `dir`, which is made if need be.
    /// Takes a second or two.
    ///
    /// # Errors
    /// If `dir` holds a processor already or cannot be written.
    pub fn init(dir: &Path) -> Result<Self, SimulatorError> {
        Self::init_as(dir, Product::Genoa)
    }

    /// [`Processor::init`] for any product line.
    ///
    /// # Errors
    /// If `dir` holds a processor already or cannot be written.
    pub fn init_as(dir: &Path, product: Product) -> Result<Self, SimulatorError> {
        files::create_dir(dir)?;
        let hierarchy = Hierarchy::generate(product)?;
        let pkcs8 = new_key()?;
        let processor = Self::with_key(&hierarchy, &pkcs8)?;
        hierarchy.save(dir)?;
        files::write(dir, files::VCEK_KEY, pkcs8.as_ref())?;
        files::write(dir, files::VCEK, &processor.0.endorsements.vcek)?;
        Ok(processor)
    }

    /// A processor below `hierarchy` that is not written anywhere.
    ///
    /// # Errors
    /// If the cryptographic library cannot make its key or certificate.
    pub fn new(hierarchy: &Hierarchy) -> Result<Self, SimulatorError> {
        Self::with_key(hierarchy, &new_key()?)
    }

    /// Opens the processor that [`Processor::init`] wrote into `dir`.
    ///
    /// # Errors
    /// If there is none, or its files do not belong together.
    pub fn open(dir: &Path) -> Result<Self, SimulatorError> {
        let pkcs8 = files::read(dir, files::VCEK_KEY)?;
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &pkcs8)
            .map_err(|_| SimulatorError::Key { path: dir.join(files::VCEK_KEY) })?;
        let certificate = |name| files::read(dir, name).map(|bytes| bytes.to_vec());
        let endorsements = Endorsements {
            vcek: certificate(files::VCEK)?,
            ask: certificate(files::ASK)?,
            ark: certificate(files::ARK)?,
            ..Endorsements::default()
        };
        Self::from_parts(key, endorsements).ok_or_else(|| SimulatorError::Chain { dir: dir.to_owned() })
    }

    fn with_key(hierarchy: &Hierarchy, pkcs8: &impl AsRef<[u8]>) -> Result<Self, SimulatorError> {
        let unusable = || SimulatorError::Crypto("make a P-384 key");
        let product = hierarchy.product();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, pkcs8.as_ref())
            .map_err(|_| unusable())?;
        let spki: aws_lc_rs::encoding::PublicKeyX509Der<'_> =
            key.public_key().as_der().map_err(|_| unusable())?;
        // The identifier of a chip must be unique, not secret: a digest of its public key is.
        let mut hardware_id = sha2::Sha512::digest(spki.as_ref()).to_vec();
        if product == Product::Turin {
            hardware_id.truncate(8);
        }
        let template =
            EndorsementTemplate::new(product, firmware_version(product), hardware_id, spki.as_ref().to_vec());
        let endorsements = Endorsements {
            vcek: hierarchy.issue(&template)?,
            ask: hierarchy.ask().to_vec(),
            ark: hierarchy.ark().to_vec(),
            ..Endorsements::default()
        };
        Self::from_parts(key, endorsements).ok_or_else(unusable)
    }

    /// Everything else about a processor is written in its certificate.
    fn from_parts(key: EcdsaKeyPair, endorsements: Endorsements) -> Option<Self> {
        let certificate = Certificate::parse(&endorsements.vcek).ok()?;
        let root = Certificate::parse(&endorsements.ark).ok()?.common_name().ok()?;
        let product = Product::from_name(root.strip_prefix("ARK-")?)?;
        let facts = EndorsementKey::read(&certificate, SigningKey::Vcek, product).ok()?;
        if facts.public_key != key.public_key().as_ref() {
            return None;
        }
        let mut chip_id = [0; 64];
        chip_id.iter_mut().zip(facts.hardware_id?).for_each(|(to, from)| *to = from);
        Some(Self(Arc::new(Parts { product, key, endorsements, chip_id, tcb: facts.tcb })))
    }

    /// Makes evidence of a guest that was launched on this processor with `host_data`.
    #[must_use]
    pub fn attester(&self, host_data: [u8; 32]) -> SimulatedAttester {
        SimulatedAttester::new(self.clone(), host_data)
    }

    /// A report as this processor would sign it, to be changed before it does. For tests of verifiers.
    #[must_use]
    pub fn report_builder(&self, host_data: [u8; 32], report_data: ReportData) -> ReportBuilder<'_> {
        ReportBuilder::new(self, host_data, report_data)
    }

    /// Trust in this processor's root, and in no other.
    #[must_use]
    pub fn trust_anchor(&self) -> TrustAnchor {
        TrustAnchor::Simulated { root_digest: self.root_digest() }
    }

    /// SHA-256 of the ARK certificate.
    #[must_use]
    pub fn root_digest(&self) -> [u8; 32] {
        Sha256::digest(&self.0.endorsements.ark).into()
    }

    /// The product line that is simulated.
    #[must_use]
    pub fn product(&self) -> Product {
        self.0.product
    }

    /// `CHIP_ID` in reports.
    #[must_use]
    pub fn chip_id(&self) -> [u8; 64] {
        self.0.chip_id
    }

    /// The firmware's version: current, committed, reported and launch TCB.
    #[must_use]
    pub fn tcb(&self) -> TcbParts {
        self.0.tcb
    }

    /// The public half of its endorsement key, as DER SubjectPublicKeyInfo. `None` if it cannot be encoded.
    #[must_use]
    pub fn public_key(&self) -> Option<Vec<u8>> {
        let spki: aws_lc_rs::encoding::PublicKeyX509Der<'_> = self.0.key.public_key().as_der().ok()?;
        Some(spki.as_ref().to_vec())
    }

    /// Its certificates.
    #[must_use]
    pub fn endorsements(&self) -> &Endorsements {
        &self.0.endorsements
    }

    /// The launch digest of every guest: there is no firmware to measure, so it is one constant for each root.
    #[must_use]
    pub fn measurement(&self) -> [u8; 48] {
        Sha384::new()
            .chain_update("Contrast simulated guest, not confidential")
            .chain_update(self.root_digest())
            .finalize()
            .into()
    }

    /// The policy that every guest is launched with.
    #[must_use]
    pub fn guest_policy(&self) -> GuestPolicy {
        GuestPolicy { smt: true, ..GuestPolicy::default() }
    }

    /// The host's configuration.
    #[must_use]
    pub fn platform_info(&self) -> PlatformInfo {
        PlatformInfo { smt_enabled: true, ..PlatformInfo::default() }
    }

    /// Signs the part of a report before its signature.
    pub(super) fn sign(&self, signed: &[u8]) -> Result<[u8; 512], SimulatorError> {
        let failed = || SimulatorError::Crypto("sign with a P-384 key");
        let fixed = self.0.key.sign(&SystemRandom::new(), signed).map_err(|_| failed())?;
        let fixed: &[u8; 96] = fixed.as_ref().try_into().map_err(|_| failed())?;
        Ok(signature::encode(fixed))
    }
}

fn new_key() -> Result<aws_lc_rs::pkcs8::Document, SimulatorError> {
    EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &SystemRandom::new())
        .map_err(|_| SimulatorError::Crypto("make a P-384 key"))
}

/// Plausible numbers; nothing depends on them.
fn firmware_version(product: Product) -> TcbParts {
    match product {
        Product::Milan => TcbParts { bootloader: 4, tee: 0, snp: 24, microcode: 219, fmc: None },
        Product::Genoa => TcbParts { bootloader: 10, tee: 0, snp: 24, microcode: 84, fmc: None },
        Product::Turin => TcbParts { bootloader: 1, tee: 1, snp: 4, microcode: 75, fmc: Some(1) },
    }
}
