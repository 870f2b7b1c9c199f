//! From an endorsement key up to a pinned root.
//!
//! VCEK ← ASK ← ARK, or VLEK ← ASVK ← ARK. The ARK is never taken on anybody's word: its digest is pinned.

use std::{
    fmt,
    sync::{Arc, LazyLock},
    time::SystemTime,
};

use sha2::{Digest, Sha256};

use super::{
    Product, SigningKey,
    certificate::{Certificate, CertificateError},
    document::Endorsements,
    endorsement::{BadExtension, EndorsementKey},
    memo::Memo,
    roots,
};

/// Whose root key a verifier trusts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TrustAnchor {
    /// The root key that AMD published for the product line.
    Amd,
    /// The root key of one simulated processor. Evidence under it proves nothing about hardware.
    Simulated {
        /// SHA-256 of the ARK certificate in DER.
        root_digest: [u8; 32],
    },
}

/// A certificate's place in the chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Root,
    Intermediate(SigningKey),
    Endorsement(SigningKey),
}

/// A chain whose signatures, names and extensions are right. Dates are judged at each use.
pub(crate) struct VerifiedChain {
    pub(crate) endorsement: EndorsementKey,
    /// First and last moment of each certificate, root first.
    pub(crate) validity: [(Place, SystemTime, SystemTime); 3],
    /// Serial numbers as a revocation list of the root may name them, root first.
    pub(crate) serials: [(Place, Vec<u8>); 3],
    pub(crate) root: Certificate,
    /// SHA-256 of the root certificate.
    pub(crate) root_digest: [u8; 32],
}

impl VerifiedChain {
    /// The certificates that are not valid now, with their first and last moment.
    pub(crate) fn out_of_date(
        &self,
        now: SystemTime,
    ) -> impl Iterator<Item = &(Place, SystemTime, SystemTime)> {
        self.validity.iter().filter(move |(_, not_before, not_after)| now < *not_before || now > *not_after)
    }
}

/// Why certificates are not a chain. One reason: what is above a broken link has no meaning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum ChainError {
    /// Neither sent nor known.
    Missing(Place),
    Malformed(Place, CertificateError),
    /// SHA-256 of the root that was sent.
    ForeignRoot {
        expected: [u8; 32],
        found: [u8; 32],
    },
    CommonName {
        place: Place,
        expected: String,
        found: String,
    },
    /// The issuer's name is not the subject of the certificate above.
    Issuer(Place),
    NotAnAuthority(Place),
    Signature(Place),
    Extension(SigningKey, BadExtension),
}

/// Verified chains by the hash of their certificates and of what was asked of them. A program sees as many
/// chains as there are chips in its deployment; an entry takes some 4 KiB.
static VERIFIED: LazyLock<Memo<Arc<VerifiedChain>>> = LazyLock::new(|| Memo::new(1024));

/// Verifies the chain of the key `kind` of a processor of line `product`.
pub(crate) fn verify(
    endorsements: &Endorsements,
    kind: SigningKey,
    product: Product,
    anchor: TrustAnchor,
) -> Result<Arc<VerifiedChain>, ChainError> {
    let chain = Chain::complete(endorsements, kind, product, anchor)?;
    chain.is_rooted()?;
    VERIFIED.get_or_try(chain.digest(), || chain.verify().map(Arc::new))
}

struct Chain<'a> {
    ark: &'a [u8],
    intermediate: &'a [u8],
    endorsement: &'a [u8],
    root_digest: [u8; 32],
    kind: SigningKey,
    product: Product,
}

impl<'a> Chain<'a> {
    /// Adds what the attester did not send and the program knows.
    fn complete(
        sent: &'a Endorsements,
        kind: SigningKey,
        product: Product,
        anchor: TrustAnchor,
    ) -> Result<Self, ChainError> {
        let (known_ark, known_intermediate) = match anchor {
            TrustAnchor::Simulated { .. } => (&[][..], &[][..]),
            TrustAnchor::Amd => {
                let amd = roots::amd(product);
                (amd.ark, amd.above(kind))
            }
        };
        let root_digest = match anchor {
            TrustAnchor::Simulated { root_digest } => root_digest,
            TrustAnchor::Amd => Sha256::digest(known_ark).into(),
        };
        Ok(Self {
            ark: present(&sent.ark, known_ark, Place::Root)?,
            intermediate: present(&sent.ask, known_intermediate, Place::Intermediate(kind))?,
            endorsement: present(sent.of(kind), &[], Place::Endorsement(kind))?,
            root_digest,
            kind,
            product,
        })
    }

    fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.root_digest);
        hash.update(self.product.name());
        hash.update(self.kind.name());
        for certificate in [self.ark, self.intermediate, self.endorsement] {
            hash.update(certificate.len().to_le_bytes());
            hash.update(certificate);
        }
        hash.finalize().into()
    }

    /// The first check, as it is the cheapest: it comes before all that is sent is hashed.
    fn is_rooted(&self) -> Result<(), ChainError> {
        let (expected, found) = (self.root_digest, Sha256::digest(self.ark).into());
        if found == expected { Ok(()) } else { Err(ChainError::ForeignRoot { expected, found }) }
    }

    fn verify(&self) -> Result<VerifiedChain, ChainError> {
        let (kind, product) = (self.kind, self.product);
        // The digest pins every byte of the root, its signature on itself included.
        let root = parse(self.ark, Place::Root, &format!("ARK-{product}"))?;
        let prefix = if kind == SigningKey::Vcek { "SEV-" } else { "SEV-VLEK-" };
        let place = Place::Intermediate(kind);
        let intermediate = parse(self.intermediate, place, &format!("{prefix}{product}"))?;
        issued_by(&intermediate, &root, place)?;
        let place = Place::Endorsement(kind);
        let leaf = parse(self.endorsement, place, &format!("SEV-{kind}"))?;
        issued_by(&leaf, &intermediate, place)?;
        let endorsement = EndorsementKey::read(&leaf, kind, product)
            .map_err(|extension| ChainError::Extension(kind, extension))?;
        let chain = [
            (Place::Root, &root),
            (Place::Intermediate(kind), &intermediate),
            (Place::Endorsement(kind), &leaf),
        ];
        Ok(VerifiedChain {
            endorsement,
            validity: chain.map(|(place, certificate)| {
                let (not_before, not_after) = certificate.validity();
                (place, not_before, not_after)
            }),
            serials: chain.map(|(place, certificate)| (place, certificate.serial().to_vec())),
            root,
            root_digest: self.root_digest,
        })
    }
}

fn present<'a>(sent: &'a [u8], known: &'a [u8], place: Place) -> Result<&'a [u8], ChainError> {
    match (sent, known) {
        ([], []) => Err(ChainError::Missing(place)),
        ([], known) => Ok(known),
        (sent, _) => Ok(sent),
    }
}

fn parse(der: &[u8], place: Place, expected: &str) -> Result<Certificate, ChainError> {
    let malformed = |error| ChainError::Malformed(place, error);
    let certificate = Certificate::parse(der).map_err(malformed)?;
    let found = certificate.common_name().map_err(malformed)?;
    if found != expected {
        return Err(ChainError::CommonName { place, expected: expected.to_owned(), found });
    }
    Ok(certificate)
}

fn issued_by(certificate: &Certificate, issuer: &Certificate, place: Place) -> Result<(), ChainError> {
    if certificate.issuer() != issuer.subject() {
        return Err(ChainError::Issuer(place));
    }
    if !issuer.is_authority() {
        return Err(ChainError::NotAnAuthority(place.above()));
    }
    if !certificate.is_signed_by(issuer) {
        return Err(ChainError::Signature(place));
    }
    Ok(())
}

impl Place {
    pub(crate) fn above(self) -> Self {
        match self {
            Self::Endorsement(kind) => Self::Intermediate(kind),
            Self::Intermediate(_) | Self::Root => Self::Root,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Root => "ARK",
            Self::Intermediate(SigningKey::Vcek) => "ASK",
            Self::Intermediate(SigningKey::Vlek) => "ASVK",
            Self::Endorsement(SigningKey::Vcek) => "VCEK",
            Self::Endorsement(SigningKey::Vlek) => "VLEK",
        })
    }
}
