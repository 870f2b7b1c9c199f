//! Keys and certificates in the form of AMD's hierarchy: ARK, ASK and endorsement keys.
//!
//! AMD "Versioned Chip Endorsement Key (VCEK) Certificate and KDS Interface Specification" (document 57230).

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair as _, RSA_PSS_SHA384, RsaKeyPair},
};
use x509_cert::{
    der::{Encode, asn1::ObjectIdentifier, flagset::FlagSet, oid::AssociatedOid},
    ext::pkix::{BasicConstraints, KeyUsage, KeyUsages},
};
use zeroize::Zeroizing;

use super::{SimulatorError, der, files};
use crate::snp::{Product, SigningKey, TcbParts, certificate::Certificate, endorsement::oid};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// A root key and a signing key below it, with certificates.
pub struct Hierarchy {
    product: Product,
    ark: Authority,
    ask: Authority,
}

struct Authority {
    key: RsaKeyPair,
    certificate: Vec<u8>,
}

/// What an endorsement key certificate shall say.
#[derive(Clone, Debug)]
pub struct EndorsementTemplate {
    /// VCEK or VLEK.
    pub kind: SigningKey,
    /// `productName`, for example `Genoa-B1`.
    pub product_name: String,
    /// Security version numbers.
    pub tcb: TcbParts,
    /// `hwID`; left out if empty.
    pub hardware_id: Vec<u8>,
    /// DER SubjectPublicKeyInfo of a P-384 key.
    pub public_key: Vec<u8>,
    /// First moment of validity.
    pub not_before: SystemTime,
    /// Last moment of validity.
    pub not_after: SystemTime,
}

impl EndorsementTemplate {
    /// A certificate as AMD issues it: valid for seven years, here from yesterday.
    #[must_use]
    pub fn new(product: Product, tcb: TcbParts, hardware_id: Vec<u8>, public_key: Vec<u8>) -> Self {
        let not_before = SystemTime::now() - DAY;
        Self {
            kind: SigningKey::Vcek,
            product_name: format!("{product}-B0"),
            tcb,
            hardware_id,
            public_key,
            not_before,
            not_after: not_before + 7 * 365 * DAY,
        }
    }
}

impl Hierarchy {
    /// Makes two RSA keys of 4096 bits, which takes a second or two.
    ///
    /// # Errors
    /// If the cryptographic library cannot make them.
    pub fn generate(product: Product) -> Result<Self, SimulatorError> {
        let generate =
            || RsaKeyPair::generate(KeySize::Rsa4096).map_err(|_| SimulatorError::Crypto("make an RSA key"));
        let (ark_key, ask_key) = (generate()?, generate()?);
        let root_name = format!("ARK-{product}");
        let ark = authority(&root_name, &ark_key, &root_name, &ark_key)?;
        let ask = authority(&format!("SEV-{product}"), &ask_key, &root_name, &ark_key)?;
        Ok(Self {
            product,
            ark: Authority { key: ark_key, certificate: ark },
            ask: Authority { key: ask_key, certificate: ask },
        })
    }

    /// Reads the keys that [`Hierarchy::save`] wrote.
    ///
    /// # Errors
    /// If a file is missing or damaged.
    pub fn open(dir: &Path) -> Result<Self, SimulatorError> {
        let load = |key: &str, certificate: &str| {
            let pkcs8 = files::read(dir, key)?;
            let key =
                RsaKeyPair::from_pkcs8(&pkcs8).map_err(|_| SimulatorError::Key { path: dir.join(key) })?;
            Ok::<_, SimulatorError>(Authority { key, certificate: files::read(dir, certificate)?.to_vec() })
        };
        let ark = load(files::ARK_KEY, files::ARK)?;
        let ask = load(files::ASK_KEY, files::ASK)?;
        let product = Certificate::parse(&ask.certificate)
            .and_then(|certificate| certificate.common_name())
            .ok()
            .and_then(|name| Product::from_name(name.strip_prefix("SEV-")?))
            .ok_or_else(|| SimulatorError::Chain { dir: dir.to_owned() })?;
        Ok(Self { product, ark, ask })
    }

    /// Writes keys and certificates into `dir`, readable by their owner only.
    ///
    /// # Errors
    /// If a file exists already or cannot be written.
    pub fn save(&self, dir: &Path) -> Result<(), SimulatorError> {
        for (authority, key, certificate) in
            [(&self.ark, files::ARK_KEY, files::ARK), (&self.ask, files::ASK_KEY, files::ASK)]
        {
            let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> =
                authority.key.as_der().map_err(|_| SimulatorError::Crypto("encode an RSA key"))?;
            files::write(dir, key, &Zeroizing::new(pkcs8.as_ref().to_vec()))?;
            files::write(dir, certificate, &authority.certificate)?;
        }
        Ok(())
    }

    pub(super) fn root_name(&self) -> String {
        format!("ARK-{}", self.product)
    }

    /// Appends algorithm and signature to what the root signs.
    pub(super) fn sign_with_root(&self, signed: Vec<u8>) -> Result<Vec<u8>, SimulatorError> {
        signed_by(&self.ark.key, &signed)
    }

    /// The product line.
    #[must_use]
    pub fn product(&self) -> Product {
        self.product
    }

    /// Root certificate in DER.
    #[must_use]
    pub fn ark(&self) -> &[u8] {
        &self.ark.certificate
    }

    /// Certificate of the key that signs VCEK certificates, in DER.
    #[must_use]
    pub fn ask(&self) -> &[u8] {
        &self.ask.certificate
    }

    /// Certificate of the key that signs VLEK certificates, in DER. It is the key of the ASK under the other
    /// name.
    ///
    /// # Errors
    /// If the cryptographic library cannot sign.
    pub fn asvk(&self) -> Result<Vec<u8>, SimulatorError> {
        let (name, issuer) = (format!("SEV-VLEK-{}", self.product), format!("ARK-{}", self.product));
        authority(&name, &self.ask.key, &issuer, &self.ark.key)
    }

    /// Issues an endorsement key certificate in DER, signed with the key of ASK and ASVK.
    ///
    /// # Errors
    /// If a date cannot be encoded or the cryptographic library cannot sign.
    pub fn issue(&self, template: &EndorsementTemplate) -> Result<Vec<u8>, SimulatorError> {
        let tcb = &template.tcb;
        let number = |id, value: u8| der::extension(id, false, &der::integer(value.into()));
        let mut extensions = vec![
            number(oid::STRUCT_VERSION, 1),
            der::extension(oid::PRODUCT_NAME, false, &der::ia5_string(&template.product_name)),
            number(oid::BOOT_LOADER, tcb.bootloader),
            number(oid::TEE, tcb.tee),
            number(oid::SNP, tcb.snp),
            number(oid::SPL_4, 0),
            number(oid::SPL_5, 0),
            number(oid::SPL_6, 0),
            number(oid::SPL_7, 0),
            number(oid::MICROCODE, tcb.microcode),
        ];
        extensions.extend(tcb.fmc.map(|fmc| number(oid::FMC, fmc)));
        if !template.hardware_id.is_empty() {
            extensions.push(der::extension(oid::HARDWARE_ID, false, &template.hardware_id));
        }
        let issuer = match template.kind {
            SigningKey::Vcek => format!("SEV-{}", self.product),
            SigningKey::Vlek => format!("SEV-VLEK-{}", self.product),
        };
        let to_be_signed = ToBeSigned {
            // AMD numbers VCEK certificates 0, all of them.
            serial: 0,
            subject: &format!("SEV-{}", template.kind),
            public_key: &template.public_key,
            issuer: &issuer,
            validity: (template.not_before, template.not_after),
            extensions: &extensions,
        };
        to_be_signed.sign(&self.ask.key)
    }
}

/// A certificate for a key that may sign certificates and revocation lists, valid for 25 years.
fn authority(
    subject: &str,
    key: &RsaKeyPair,
    issuer: &str,
    issuer_key: &RsaKeyPair,
) -> Result<Vec<u8>, SimulatorError> {
    let constraints = BasicConstraints { ca: true, path_len_constraint: None }.to_der();
    let usage: FlagSet<KeyUsages> = KeyUsages::KeyCertSign | KeyUsages::CRLSign;
    let (Ok(constraints), Ok(usage)) = (constraints, KeyUsage(usage).to_der()) else {
        return Err(SimulatorError::Crypto("encode a certificate"));
    };
    let algorithm = der::sequence(&[&der::object_identifier(RSA_ENCRYPTION), &[0x05, 0x00]]);
    let not_before = SystemTime::now() - DAY;
    let to_be_signed = ToBeSigned {
        serial: if subject == issuer { 0x01_0000 } else { 0x01_0001 },
        subject,
        public_key: &der::sequence(&[&algorithm, &der::bit_string(key.public_key().as_ref())]),
        issuer,
        validity: (not_before, not_before + 25 * 365 * DAY),
        extensions: &[
            der::extension(BasicConstraints::OID, true, &constraints),
            der::extension(KeyUsage::OID, true, &usage),
        ],
    };
    to_be_signed.sign(issuer_key)
}

struct ToBeSigned<'a> {
    serial: u64,
    subject: &'a str,
    /// DER SubjectPublicKeyInfo.
    public_key: &'a [u8],
    issuer: &'a str,
    validity: (SystemTime, SystemTime),
    /// DER, one each.
    extensions: &'a [Vec<u8>],
}

impl ToBeSigned<'_> {
    /// The certificate in DER (RFC 5280, section 4.1).
    fn sign(&self, issuer_key: &RsaKeyPair) -> Result<Vec<u8>, SimulatorError> {
        const VERSION_3: u64 = 2;
        let (not_before, not_after) = self.validity;
        let signed = der::sequence(&[
            &der::explicit(0, &der::integer(VERSION_3)),
            &der::integer(self.serial),
            &der::RSASSA_PSS_SHA384,
            &der::name(self.issuer),
            &der::validity(not_before, not_after).ok_or(SimulatorError::Validity)?,
            &der::name(self.subject),
            self.public_key,
            &der::explicit(3, &der::sequence(&[&self.extensions.concat()])),
        ]);
        signed_by(issuer_key, &signed)
    }
}

/// A certificate or revocation list from the part that is signed.
fn signed_by(key: &RsaKeyPair, signed: &[u8]) -> Result<Vec<u8>, SimulatorError> {
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PSS_SHA384, &SystemRandom::new(), signed, &mut signature)
        .map_err(|_| SimulatorError::Crypto("sign with an RSA key"))?;
    Ok(der::sequence(&[signed, &der::RSASSA_PSS_SHA384, &der::bit_string(&signature)]))
}

#[cfg(test)]
mod tests;
