//! What there is to fetch, and where vendors publish it.
//!
//! AMD document 57230, section "KDS interface"; Intel "API Documentation: Provisioning Certification Service
//! for ECDSA attestation", version 4.

use std::fmt;

use crate::snp::{Product, SigningKey, TcbParts};
use crate::tdx::PckCa;

const KDS: &str = "https://kdsintf.amd.com";
const PCS: &str = "https://api.trustedservices.intel.com";
const INTEL_CERTIFICATES: &str = "https://certificates.trustedservices.intel.com";

/// One thing that a vendor publishes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Address {
    /// Revocation list of a product line's root key, in DER. There are two, at the distribution points that the
    /// certificates below the root name: ASK and ARK one of them, the ASVK the other. The root signs both.
    AmdRevocationList {
        /// The product line.
        product: Product,
        /// The endorsement key whose chain the list is for.
        kind: SigningKey,
    },
    /// Certificate of one chip's VCEK for one TCB version, in DER.
    AmdChipKey {
        /// The product line.
        product: Product,
        /// `CHIP_ID` of the report. Turin uses the first eight bytes of it.
        chip_id: [u8; 64],
        /// The reported TCB.
        tcb: TcbParts,
    },
    /// TDX TCB information of a processor family, by its FMSPC. Signed JSON.
    IntelTcbInfo([u8; 6]),
    /// Identity of the TD quoting enclave. Signed JSON.
    IntelQeIdentity,
    /// Revocation list of a PCK certificate authority, in DER.
    IntelPckRevocationList(PckCa),
    /// Revocation list of Intel's root key, in DER.
    IntelRootRevocationList,
}

/// How long an item serves before it is asked for again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keep {
    /// It never changes.
    Forever,
    /// It changes: always ask, and use what is kept only when that fails.
    Fallback,
}

/// A text that is not the URL of something that is fetched.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is not the address of any known collateral")]
pub struct UnknownAddress(pub String);

impl Address {
    /// The vendor's URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}{}", self.origin(), self.path())
    }

    /// Reads what [`Address::url`] writes.
    ///
    /// # Errors
    /// If the text is anything else.
    pub fn from_url(url: &str) -> Result<Self, UnknownAddress> {
        let read = || {
            if let Some(path) = url.strip_prefix(KDS) {
                return read_kds(path);
            }
            if let Some(fmspc) = url.strip_prefix(PCS).and_then(|path| path.strip_prefix(TCB_INFO)) {
                let mut bytes = [0; 6];
                hex::decode_to_slice(fmspc, &mut bytes).ok()?;
                return Some(Self::IntelTcbInfo(bytes));
            }
            let fixed = [
                Self::IntelQeIdentity,
                Self::IntelPckRevocationList(PckCa::Platform),
                Self::IntelPckRevocationList(PckCa::Processor),
                Self::IntelRootRevocationList,
            ];
            fixed.into_iter().find(|address| address.url() == url)
        };
        // The way back keeps out other spellings of the same thing.
        read()
            .filter(|address: &Self| address.url() == url)
            .ok_or_else(|| UnknownAddress(url.chars().take(200).collect()))
    }

    /// What appraising SNP evidence of a product line needs, whichever chip it is from.
    ///
    /// The list for VLEKs is not among it, although it is required for evidence signed by one. Only clouds that
    /// share keys between chips have any, and AMD's service answers once in ten seconds: everybody else would
    /// wait that much longer at each start. The first VLEK that comes asks for it, and from then on it is renewed.
    #[must_use]
    pub fn needed_for_snp(product: Product) -> Vec<Self> {
        vec![Self::AmdRevocationList { product, kind: SigningKey::Vcek }]
    }

    /// What appraising TDX evidence always needs. TCB info comes on top: it depends on the platform.
    #[must_use]
    pub fn needed_for_tdx() -> Vec<Self> {
        let lists = [PckCa::Platform, PckCa::Processor].map(Self::IntelPckRevocationList);
        [Self::IntelQeIdentity, Self::IntelRootRevocationList].into_iter().chain(lists).collect()
    }

    /// Scheme and host.
    pub(crate) fn origin(&self) -> &'static str {
        match self {
            Self::AmdRevocationList { .. } | Self::AmdChipKey { .. } => KDS,
            Self::IntelRootRevocationList => INTEL_CERTIFICATES,
            Self::IntelTcbInfo(_) | Self::IntelQeIdentity | Self::IntelPckRevocationList(_) => PCS,
        }
    }

    /// Path and query.
    pub(crate) fn path(&self) -> String {
        match self {
            Self::AmdRevocationList { product, kind: SigningKey::Vcek } => format!("{VCEK}{product}/crl"),
            Self::AmdRevocationList { product, kind: SigningKey::Vlek } => format!("{VLEK}{product}/crl"),
            Self::AmdChipKey { product, chip_id, tcb } => {
                let TcbParts { bootloader, tee, snp, microcode, fmc } = tcb;
                let (chip, _) = chip_id.split_at(chip_id_length(*product));
                let fmc = fmc.map(|fmc| format!("fmcSPL={fmc}&")).unwrap_or_default();
                let versions =
                    format!("{fmc}blSPL={bootloader}&teeSPL={tee}&snpSPL={snp}&ucodeSPL={microcode}");
                format!("{VCEK}{product}/{}?{versions}", hex::encode(chip))
            }
            Self::IntelTcbInfo(fmspc) => format!("{TCB_INFO}{}", hex::encode(fmspc)),
            Self::IntelQeIdentity => "/tdx/certification/v4/qe/identity".to_owned(),
            Self::IntelPckRevocationList(PckCa::Platform) => format!("{PCK_CRL}platform&encoding=der"),
            Self::IntelPckRevocationList(PckCa::Processor) => format!("{PCK_CRL}processor&encoding=der"),
            Self::IntelRootRevocationList => "/IntelSGXRootCA.der".to_owned(),
        }
    }

    /// The header that carries the issuer's certificates, as PEM in percent encoding.
    pub(crate) fn issuer_chain_header(&self) -> Option<&'static str> {
        match self {
            Self::IntelTcbInfo(_) => Some("TCB-Info-Issuer-Chain"),
            Self::IntelQeIdentity => Some("SGX-Enclave-Identity-Issuer-Chain"),
            Self::IntelPckRevocationList(_) => Some("SGX-PCK-CRL-Issuer-Chain"),
            Self::AmdRevocationList { .. } | Self::AmdChipKey { .. } | Self::IntelRootRevocationList => None,
        }
    }

    pub(crate) fn keep(&self) -> Keep {
        match self {
            Self::AmdChipKey { .. } => Keep::Forever,
            Self::AmdRevocationList { .. }
            | Self::IntelTcbInfo(_)
            | Self::IntelQeIdentity
            | Self::IntelPckRevocationList(_)
            | Self::IntelRootRevocationList => Keep::Fallback,
        }
    }

    /// More bytes than this are not read. Some ten times what is seen in practice.
    pub(crate) fn max_length(&self) -> usize {
        match self {
            Self::AmdChipKey { .. } => 16 << 10,
            Self::IntelTcbInfo(_) | Self::IntelQeIdentity => 512 << 10,
            Self::AmdRevocationList { .. }
            | Self::IntelPckRevocationList(_)
            | Self::IntelRootRevocationList => 2 << 20,
        }
    }

    /// AMD's service answers one request per ten seconds.
    pub(crate) fn is_paced(&self) -> bool {
        self.origin() == KDS
    }
}

/// In words, for messages: `revocation list of ARK-Genoa for VCEKs`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AmdRevocationList { product, kind } => {
                write!(f, "revocation list of ARK-{product} for {kind}s")
            }
            Self::AmdChipKey { product, chip_id, tcb } => {
                let (start, _) = chip_id.split_at(8);
                write!(f, "VCEK certificate of {product} chip {}… at {tcb}", hex::encode(start))
            }
            Self::IntelTcbInfo(fmspc) => write!(f, "TDX TCB info of FMSPC {}", hex::encode(fmspc)),
            Self::IntelQeIdentity => f.write_str("TD quoting enclave identity"),
            Self::IntelPckRevocationList(PckCa::Platform) => {
                f.write_str("revocation list of PCK Platform CA")
            }
            Self::IntelPckRevocationList(PckCa::Processor) => {
                f.write_str("revocation list of PCK Processor CA")
            }
            Self::IntelRootRevocationList => f.write_str("revocation list of Intel SGX Root CA"),
        }
    }
}

const VCEK: &str = "/vcek/v1/";
const VLEK: &str = "/vlek/v1/";
const TCB_INFO: &str = "/tdx/certification/v4/tcb?fmspc=";
const PCK_CRL: &str = "/sgx/certification/v4/pckcrl?ca=";

fn chip_id_length(product: Product) -> usize {
    match product {
        Product::Milan | Product::Genoa => 64,
        Product::Turin => 8,
    }
}

/// A path of AMD's service.
fn read_kds(path: &str) -> Option<Address> {
    let vcek = path.strip_prefix(VCEK).map(|rest| (SigningKey::Vcek, rest));
    let (kind, rest) = vcek.or_else(|| Some((SigningKey::Vlek, path.strip_prefix(VLEK)?)))?;
    let (product, rest) = rest.split_once('/')?;
    let product = Product::from_name(product)?;
    if rest == "crl" {
        return Some(Address::AmdRevocationList { product, kind });
    }
    // Certificates of VLEKs are not published. Reading one as that of a VCEK would not survive the way back.
    let (chip, query) = rest.split_once('?')?;
    let mut chip_id = [0; 64];
    hex::decode_to_slice(chip, chip_id.get_mut(..chip_id_length(product))?).ok()?;
    let version = |name: &str| {
        let pair =
            query.split('&').find(|pair| pair.strip_prefix(name).is_some_and(|it| it.starts_with('=')))?;
        pair.split_once('=')?.1.parse::<u8>().ok()
    };
    let tcb = TcbParts {
        bootloader: version("blSPL")?,
        tee: version("teeSPL")?,
        snp: version("snpSPL")?,
        microcode: version("ucodeSPL")?,
        fmc: version("fmcSPL"),
    };
    Some(Address::AmdChipKey { product, chip_id, tcb })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chip_key(product: Product, fmc: Option<u8>) -> Address {
        let mut chip_id = [0; 64];
        chip_id[..8].copy_from_slice(&[0xAB; 8]);
        let tcb = TcbParts { bootloader: 9, tee: 0, snp: 23, microcode: 72, fmc };
        Address::AmdChipKey { product, chip_id, tcb }
    }

    #[test]
    fn addresses_are_those_of_the_vendors() {
        for (kind, url) in [
            (SigningKey::Vcek, "https://kdsintf.amd.com/vcek/v1/Milan/crl"),
            (SigningKey::Vlek, "https://kdsintf.amd.com/vlek/v1/Milan/crl"),
        ] {
            assert_eq!(Address::AmdRevocationList { product: Product::Milan, kind }.url(), url);
        }
        assert_eq!(
            chip_key(Product::Turin, Some(1)).url(),
            "https://kdsintf.amd.com/vcek/v1/Turin/abababababababab?fmcSPL=1&blSPL=9&teeSPL=0&snpSPL=23&ucodeSPL=72"
        );
        let genoa = chip_key(Product::Genoa, None).url();
        assert!(genoa.contains(&format!("/Genoa/abababababababab{}?blSPL=9&", "0".repeat(112))), "{genoa}");
        assert_eq!(
            Address::IntelTcbInfo([0xB0, 0xC0, 0x6F, 0, 0, 0]).url(),
            "https://api.trustedservices.intel.com/tdx/certification/v4/tcb?fmspc=b0c06f000000"
        );
        assert_eq!(
            Address::IntelPckRevocationList(PckCa::Platform).url(),
            "https://api.trustedservices.intel.com/sgx/certification/v4/pckcrl?ca=platform&encoding=der"
        );
    }

    #[test]
    fn every_address_survives_its_url() {
        let mut all = vec![
            chip_key(Product::Turin, Some(1)),
            chip_key(Product::Genoa, None),
            Address::IntelTcbInfo([1, 2, 3, 4, 5, 6]),
            Address::IntelQeIdentity,
            Address::IntelPckRevocationList(PckCa::Platform),
            Address::IntelPckRevocationList(PckCa::Processor),
            Address::IntelRootRevocationList,
        ];
        for kind in [SigningKey::Vcek, SigningKey::Vlek] {
            all.extend(Product::ALL.map(|product| Address::AmdRevocationList { product, kind }));
        }
        for address in all {
            assert_eq!(Address::from_url(&address.url()), Ok(address));
        }
    }

    #[test]
    fn other_urls_and_other_spellings_are_refused() {
        for url in [
            "",
            "http://kdsintf.amd.com/vcek/v1/Milan/crl",
            "https://kdsintf.amd.com/vcek/v1/Rome/crl",
            "https://kdsintf.amd.com/vlek/v1/Rome/crl",
            "https://kdsintf.amd.com/vlek/v1/Turin/abababababababab?fmcSPL=1&blSPL=9&teeSPL=0&snpSPL=23&ucodeSPL=72",
            "https://kdsintf.amd.com.example.org/vcek/v1/Milan/crl",
            "https://kdsintf.amd.com/vcek/v1/Turin/abababababababab?blSPL=09&teeSPL=0&snpSPL=23&ucodeSPL=72",
            "https://kdsintf.amd.com/vcek/v1/Turin/ABABABABABABABAB?blSPL=9&teeSPL=0&snpSPL=23&ucodeSPL=72",
            "https://api.trustedservices.intel.com/tdx/certification/v4/tcb?fmspc=b0c0",
        ] {
            assert!(Address::from_url(url).is_err(), "{url}");
        }
    }
}
