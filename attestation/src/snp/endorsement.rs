//! What an endorsement key certificate says about a chip.
//!
//! AMD document 57230, section "Certificate extensions"; object identifiers below 1.3.6.1.4.1.3704.1.

use x509_cert::der::{
    Decode,
    asn1::{Ia5StringRef, ObjectIdentifier, OctetStringRef},
};

use super::{Product, SigningKey, TcbParts, certificate::Certificate};

/// Object identifiers of the extensions.
pub(crate) mod oid {
    use super::ObjectIdentifier;

    pub(crate) const STRUCT_VERSION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.1");
    pub(crate) const PRODUCT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.2");
    pub(crate) const BOOT_LOADER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.1");
    pub(crate) const TEE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.2");
    pub(crate) const SNP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.3");
    pub(crate) const SPL_4: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.4");
    pub(crate) const SPL_5: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.5");
    pub(crate) const SPL_6: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.6");
    pub(crate) const SPL_7: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.7");
    pub(crate) const MICROCODE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.8");
    pub(crate) const FMC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.9");
    pub(crate) const HARDWARE_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.4");
}

/// The facts of a VCEK or VLEK certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct EndorsementKey {
    pub(crate) kind: SigningKey,
    /// `productName`, for example `Milan-B0`.
    pub(crate) product_name: String,
    /// The firmware that the key was derived for.
    pub(crate) tcb: TcbParts,
    /// `hwID`: 64 bytes, 8 on Turin. A VLEK has none.
    pub(crate) hardware_id: Option<Vec<u8>>,
    /// P-384 point, uncompressed.
    pub(crate) public_key: [u8; 97],
}

/// What is missing or malformed, in the words of the specification.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BadExtension(pub(crate) &'static str);

impl EndorsementKey {
    pub(crate) fn read(
        certificate: &Certificate,
        kind: SigningKey,
        product: Product,
    ) -> Result<Self, BadExtension> {
        let number = |id, name| {
            let value = certificate.extension(id).ok_or(BadExtension(name))?;
            u8::from_der(value).map_err(|_| BadExtension(name))
        };
        number(oid::STRUCT_VERSION, "structVersion")?;
        let product_name = certificate
            .extension(oid::PRODUCT_NAME)
            .and_then(|value| Ia5StringRef::from_der(value).ok())
            .ok_or(BadExtension("productName"))?
            .as_str()
            .to_owned();
        for (id, name) in
            [(oid::SPL_4, "spl4"), (oid::SPL_5, "spl5"), (oid::SPL_6, "spl6"), (oid::SPL_7, "spl7")]
        {
            if certificate.extension(id).is_some() && number(id, name)? != 0 {
                return Err(BadExtension(name));
            }
        }
        let tcb = TcbParts {
            bootloader: number(oid::BOOT_LOADER, "blSPL")?,
            tee: number(oid::TEE, "teeSPL")?,
            snp: number(oid::SNP, "snpSPL")?,
            microcode: number(oid::MICROCODE, "ucodeSPL")?,
            fmc: match product {
                Product::Milan | Product::Genoa => None,
                Product::Turin => Some(number(oid::FMC, "fmcSPL")?),
            },
        };
        let hardware_id = match kind {
            SigningKey::Vcek => Some(hardware_id(certificate, product).ok_or(BadExtension("hwID"))?),
            SigningKey::Vlek => None,
        };
        let public_key = certificate.p384_point().ok_or(BadExtension("P-384 public key"))?;
        Ok(Self { kind, product_name, tcb, hardware_id, public_key })
    }

    /// The product line in [`EndorsementKey::product_name`], which can have a stepping after a hyphen.
    pub(crate) fn product(&self) -> Option<Product> {
        Product::from_name(self.product_name.split('-').next()?)
    }
}

/// Is `hardware_id` at the start of a report's chip ID, and nothing after it?
pub(crate) fn names_chip(chip_id: &[u8; 64], hardware_id: &[u8]) -> bool {
    chip_id.strip_prefix(hardware_id).is_some_and(|rest| rest.iter().all(|byte| *byte == 0))
}

/// The chip's identifier. Certificates hold it with and without an OCTET STRING around it.
fn hardware_id(certificate: &Certificate, product: Product) -> Option<Vec<u8>> {
    let length = match product {
        Product::Milan | Product::Genoa => 64,
        Product::Turin => 8,
    };
    let value = certificate.extension(oid::HARDWARE_ID)?;
    if value.len() == length {
        return Some(value.to_vec());
    }
    let inner = <&OctetStringRef>::from_der(value).ok()?.as_bytes();
    (inner.len() == length).then(|| inner.to_vec())
}
