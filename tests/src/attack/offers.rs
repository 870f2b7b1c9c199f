//! What a stranger may present in a handshake before he has shown anything, as large as the handshake takes it.

use std::{io, net::SocketAddr};

use contrast_attestation::{
    EvidenceType,
    atls::parse_peer_certificate,
    snp::{Document, document},
};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use tokio::io::AsyncReadExt;

use super::{field::Field, stranger::Stranger};

/// Sizes that are tried, in bytes: whatever the limit is, something is just below it. A handshake message has 64 KiB.
const SIZES: [usize; 5] = [4_000, 8_000, 16_000, 32_000, 60_000];
/// Bytes of an extension with a short name and no value, and a bit.
const EXTENSION: usize = 9;
/// Bytes of the same in a table of evidence.
const TABLE_ENTRY: usize = 8;

/// One thing to present, again and again. Cheap to clone.
#[derive(Clone)]
pub(super) struct Offer {
    /// What it is, in words.
    pub(super) what: String,
    stranger: Stranger,
}

impl Offer {
    fn new(what: String, extensions: Vec<CustomExtension>) -> Self {
        let key = KeyPair::generate().expect("keys can be made");
        Self { what, stranger: Stranger::with_certificate(&key, certificate(&key, extensions).into()) }
    }

    /// Presents it, and waits for what the other side makes of it: its settings, an alert, or its end.
    pub(super) async fn make(&self, field: &Field, api: SocketAddr) -> io::Result<()> {
        let mut tls = self.stranger.connect(field, api).await?;
        tls.read_u8().await.map(|_| ())
    }
}

/// Certificates with as many extensions as fit, in all sizes.
pub(super) fn large_certificates() -> Vec<Offer> {
    SIZES.map(|size| Offer::new(format!("a certificate of {} KB", size / 1000), extensions(size))).into()
}

/// Evidence of the server's own platform, with something huge in it, in all sizes.
///
/// # Errors
/// When the server cannot be met.
pub(super) async fn large_evidence(field: &Field) -> io::Result<Vec<Offer>> {
    let witness = Stranger::self_signed();
    witness.connect(field, field.mesh_api()).await?;
    let honest = witness
        .seen()
        .and_then(|certificate| own_evidence(&certificate))
        .ok_or_else(|| io::Error::other("the server presented no evidence of SNP layout"))?;
    let kinds: [(&str, Enlarge); 4] = [
        ("a VCEK certificate", with_large_vcek),
        ("an ASK certificate", with_large_ask),
        ("a revocation list", with_large_list),
        ("a table of certificates", with_large_table),
    ];
    let offers = kinds.iter().flat_map(|(what, enlarge)| {
        SIZES.map(|size| {
            // The certificates that are left as they are need their room, too.
            let document = enlarge(honest.clone(), size - 3_500);
            let oid = EvidenceType::Simulated.oid();
            let extension = CustomExtension::from_oid_content(oid, document);
            Offer::new(format!("evidence with {what} of {} KB", size / 1000), vec![extension])
        })
    });
    Ok(offers.collect())
}

/// Puts something of so many bytes into a document.
type Enlarge = fn(Document, usize) -> Vec<u8>;

fn own_evidence(certificate: &[u8]) -> Option<Document> {
    document::parse(&parse_peer_certificate(certificate).ok()?.evidence()?.document).ok()
}

fn with_large_vcek(mut document: Document, size: usize) -> Vec<u8> {
    document.endorsements.vcek = large_certificate(size);
    document.encode()
}

fn with_large_ask(mut document: Document, size: usize) -> Vec<u8> {
    document.endorsements.ask = large_certificate(size);
    document.encode()
}

fn with_large_list(mut document: Document, size: usize) -> Vec<u8> {
    document.endorsements.revocation_list = large_certificate(size);
    document.encode()
}

/// Messages of protobuf that follow each other are one: field 2, and in it field 7 for each entry of its table.
fn with_large_table(document: Document, size: usize) -> Vec<u8> {
    let mut table = Vec::new();
    for number in 0..u16::try_from(size / TABLE_ENTRY).unwrap_or(u16::MAX) {
        let name = format!("{number:04x}");
        table.extend([0x3a, 6, 0x0a, 4]);
        table.extend_from_slice(name.as_bytes());
    }
    let mut bytes = document.encode();
    bytes.push(0x12);
    prost::encoding::encode_varint(table.len() as u64, &mut bytes);
    bytes.extend_from_slice(&table);
    bytes
}

fn large_certificate(size: usize) -> Vec<u8> {
    certificate(&KeyPair::generate().expect("keys can be made"), extensions(size))
}

fn certificate(key: &KeyPair, extensions: Vec<CustomExtension>) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.custom_extensions = extensions;
    params.self_signed(key).expect("it can be signed").der().to_vec()
}

/// As many different extensions as fit into so many bytes.
fn extensions(size: usize) -> Vec<CustomExtension> {
    // From 128 on, numbers have two bytes; from 16,384 on they have three.
    let numbers = (128..16_384).take(size / EXTENSION);
    numbers.map(|number| CustomExtension::from_oid_content(&[1, 3, number], Vec::new())).collect()
}
