//! What the fuzz targets do with an input: one function for each format that comes from outside.
//!
//! A target must not panic, and checks what is true of every input that is accepted. The inputs in `seeds` are
//! simulated; `cargo run --package contrast-fuzz --example seeds` makes them anew. The tests below give each of them
//! to its target, so that the targets stay true without a fuzzer, too.

mod certificate_table;
mod image;
mod node_installer;
mod policy;
mod resources;
mod runtime;
#[cfg(any(feature = "engine", test))]
mod sealed_record;
mod service_mesh;
mod volume_header;

use std::time::UNIX_EPOCH;

pub use certificate_table::{certificate_table, write_certificate_table};
use contrast_attestation::{
    NoCollateral,
    atls::parse_peer_certificate,
    collateral::Bundle,
    firmware::{Image, TdvfContent},
    snp::{self, InspectionRoot, Report, crl, document},
    tdx::{self, Collateral, Quote, TrustRoot, measurement},
};
use contrast_manifest::{Audience, ManifestDocument};
pub use image::{image_layer, image_manifest, image_reference};
pub use node_installer::containerd_configuration;
pub use policy::agent_request;
pub use resources::resource_edit;
pub use runtime::{runtime_call, runtime_configuration};
#[cfg(any(feature = "engine", test))]
pub use sealed_record::sealed_record;
pub use service_mesh::mesh_annotation;
pub use volume_header::volume_header;

/// An SNP attestation report: what is accepted is kept byte for byte.
///
/// # Panics
/// If a report that parses is not written back as it was.
pub fn snp_report(bytes: &[u8]) {
    if let Ok(report) = Report::parse(bytes) {
        assert_eq!(report.to_bytes(), bytes);
    }
}

/// An attestation document: what is accepted says the same after it was written and read again, and can be looked at.
///
/// # Panics
/// If it does not.
pub fn snp_document(bytes: &[u8]) {
    if let Ok(read) = document::parse(bytes) {
        for root in [InspectionRoot::Amd, InspectionRoot::OfTheEvidence] {
            let _ = snp::inspect(&read, root, &NoCollateral, UNIX_EPOCH);
        }
        assert_eq!(document::parse(&read.encode()), Ok(read));
    }
}

/// A TDX quote as hardware makes it: what is accepted is kept byte for byte.
///
/// # Panics
/// If a quote that parses is not written back as it was.
pub fn tdx_quote(bytes: &[u8]) {
    if let Ok(quote) = Quote::parse(bytes) {
        assert_eq!(quote.encode(), bytes);
    }
}

/// A TDX quote as it travels: what is accepted says the same after it was written and read again, and can be looked
/// at.
///
/// # Panics
/// If it does not.
pub fn tdx_document(bytes: &[u8]) {
    if let Ok(read) = tdx::document::parse(bytes) {
        let _ = tdx::inspect(&read.quote, &TrustRoot::Intel, &NoCollateral, UNIX_EPOCH);
        assert_eq!(tdx::document::parse(&read.encode()), Ok(read));
    }
}

/// What Intel publishes about platforms, or a bundle: its parts are enough to make it again.
///
/// # Panics
/// If they are not.
pub fn collateral(bytes: &[u8]) {
    if let Ok(collateral) = Collateral::parse(bytes) {
        let again = Collateral::new(collateral.parts().clone());
        assert_eq!(again.ok().map(|again| *again.digest()), Some(*collateral.digest()));
    }
    if let Ok(bundle) = Bundle::parse(bytes) {
        let again = bundle.encode().ok().and_then(|bytes| Bundle::parse(&bytes).ok());
        assert_eq!(again, Some(bundle));
    }
}

/// A revocation list of an AMD root key: serial numbers are in the one form in which they are compared.
///
/// # Panics
/// If one has a leading zero.
pub fn revocation_list(bytes: &[u8]) {
    if let Ok(list) = crl::parse(bytes) {
        let _ = (list.this_update(), list.next_update());
        assert!(list.serials().iter().all(|serial| serial.len() <= 1 || serial.first() != Some(&0)));
    }
}

/// An OVMF image: sections lie where a guest has memory, and what they are filled with fills them.
///
/// # Panics
/// If they do not, or it does not.
pub fn firmware(bytes: &[u8]) {
    const FOUR_GIB: u64 = 1 << 32;
    let Ok(image) = Image::parse(bytes) else { return };
    assert_eq!(image.address() + image.bytes().len() as u64, FOUR_GIB);
    if let Ok(sev) = image.sev() {
        let total: u64 = sev.sections.iter().map(|section| section.pages.length()).sum();
        assert!(sev.ap_eip != 0 && sev.hash_table != Some(0) && total <= FOUR_GIB);
    }
    if let Ok(sections) = image.tdvf() {
        let total: u64 = sections.iter().map(|section| section.pages.length()).sum();
        assert!(total <= FOUR_GIB);
        for section in sections {
            if let TdvfContent::Extended(content) | TdvfContent::Added(content) = section.content {
                assert_eq!(content.len() as u64, section.pages.length());
            }
        }
    }
}

/// A kernel that a TD boots: what QEMU overwrites in it makes no difference.
///
/// # Panics
/// If it does.
pub fn kernel(bytes: &[u8]) {
    if let Ok(register) = measurement::rtmr1(bytes, 0x8000_0000, 1) {
        let mut other = bytes.to_vec();
        // Address and length of the initrd.
        other.iter_mut().skip(0x218).take(8).for_each(|byte| *byte = !*byte);
        assert_eq!(measurement::rtmr1(&other, 0x8000_0000, 1), Ok(register));
    }
}

/// A peer's certificate, and the document in it: the bytes are kept as they are.
///
/// # Panics
/// If they are not.
pub fn peer_certificate(bytes: &[u8]) {
    if let Ok(certificate) = parse_peer_certificate(bytes) {
        assert_eq!(*certificate.der, *bytes);
        let _ = certificate.owner_key_der();
        if let Some(evidence) = certificate.evidence() {
            snp_document(&evidence.document);
            tdx_document(&evidence.document);
        }
    }
}

/// A manifest: the bytes are kept as they are, and every error can be shown.
///
/// # Panics
/// If they are not, or it cannot.
pub fn manifest(bytes: &[u8]) {
    match ManifestDocument::parse(bytes) {
        Ok(document) => {
            assert_eq!(**document.bytes(), *bytes);
            let _ = document.manifest().verifiers(Audience::AnyPod);
            let _ = document.manifest().verifiers(Audience::Coordinator);
        }
        Err(errors) => assert!(!errors.to_string().is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use contrast_image::{Config, Document};

    use super::*;

    type Target = fn(&[u8]);

    /// Every target that has a file in `targets`.
    const TARGETS: &[(&str, Target)] = &[
        ("agent_request", agent_request),
        ("certificate_table", certificate_table),
        ("collateral", collateral),
        ("containerd_configuration", containerd_configuration),
        ("firmware", firmware),
        ("image_layer", image_layer),
        ("image_manifest", image_manifest),
        ("image_reference", image_reference),
        ("kernel", kernel),
        ("manifest", manifest),
        ("mesh_annotation", mesh_annotation),
        ("peer_certificate", peer_certificate),
        ("resource_edit", resource_edit),
        ("revocation_list", revocation_list),
        ("runtime_call", runtime_call),
        ("runtime_configuration", runtime_configuration),
        ("sealed_record", sealed_record),
        ("snp_document", snp_document),
        ("snp_report", snp_report),
        ("tdx_document", tdx_document),
        ("tdx_quote", tdx_quote),
        ("volume_header", volume_header),
    ];

    fn files(folder: &str) -> Vec<std::path::PathBuf> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    }

    fn seeds(target: &str) -> Vec<Vec<u8>> {
        files(&format!("seeds/{target}")).into_iter().map(|path| fs::read(path).unwrap()).collect()
    }

    #[test]
    fn every_target_is_in_the_list() {
        let targets = files("targets");
        let names: Vec<_> = targets.iter().map(|path| path.file_stem().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }

    #[test]
    fn every_seed_and_every_cut_of_it_passes_its_target() {
        for (name, target) in TARGETS {
            let seeds = seeds(name);
            assert!(!seeds.is_empty(), "{name}");
            for seed in seeds {
                target(&seed);
                for length in (0..seed.len()).step_by(1 + seed.len() / 64) {
                    target(&seed[..length]);
                }
            }
        }
    }

    /// Otherwise a fuzzer would only ever see the first refusal.
    #[test]
    fn each_parser_accepts_a_seed() {
        assert!(seeds("snp_report").iter().any(|seed| Report::parse(seed).is_ok()));
        assert!(seeds("snp_document").iter().any(|seed| document::parse(seed).is_ok()));
        let tables = seeds("certificate_table");
        assert!(tables.iter().all(|seed| snp::certificate_table::parse(seed).is_ok()));
        assert!(tables.iter().any(|seed| !snp::certificate_table::parse(seed).unwrap().vlek.is_empty()));
        assert!(seeds("tdx_quote").iter().all(|seed| Quote::parse(seed).is_ok()));
        assert!(seeds("tdx_document").iter().all(|seed| tdx::document::parse(seed).is_ok()));
        assert!(seeds("collateral").iter().any(|seed| Collateral::parse(seed).is_ok()));
        assert!(seeds("collateral").iter().any(|seed| Bundle::parse(seed).is_ok()));
        assert!(seeds("revocation_list").iter().all(|seed| crl::parse(seed).is_ok()));
        assert!(seeds("firmware").iter().all(|seed| Image::parse(seed).is_ok()));
        assert!(seeds("firmware").iter().any(|seed| Image::parse(seed).unwrap().sev().is_ok()));
        assert!(seeds("firmware").iter().any(|seed| Image::parse(seed).unwrap().tdvf().is_ok()));
        assert!(seeds("kernel").iter().all(|seed| measurement::rtmr1(seed, 0, 0).is_ok()));
        let documents = seeds("image_manifest");
        assert!(
            documents
                .iter()
                .all(|seed| Document::parse(seed, None).is_ok() || Config::parse(seed, 1).is_ok())
        );
        assert!(
            seeds("image_reference").iter().all(|seed| {
                std::str::from_utf8(seed).unwrap().parse::<contrast_image::Reference>().is_ok()
            })
        );
        let headers = seeds("volume_header");
        assert!(headers.iter().any(|seed| contrast_initializer::volume::header::check(seed).is_ok()));
        assert!(
            headers.iter().any(|seed| contrast_initializer::volume::header::check_metadata(seed).is_ok())
        );
        let requests = seeds("agent_request");
        assert!(requests.iter().all(|seed| {
            contrast_policy::request::read_batch(std::str::from_utf8(seed).unwrap()).is_ok()
        }));
        for seed in seeds("runtime_call") {
            let words = std::str::from_utf8(&seed).unwrap().split('\n').map(Into::into).collect::<Vec<_>>();
            assert!(contrast_simulated_runtime::command_line::CommandLine::read(&words).is_ok());
        }
        for seed in seeds("runtime_configuration") {
            let read = contrast_simulated_runtime::configuration::Configuration::parse(&seed).unwrap();
            assert!(read.role().is_ok());
        }
        let read = |seed: &Vec<u8>| contrast_node_installer::containerd::Document::parse(seed).is_ok();
        assert!(seeds("containerd_configuration").iter().all(read));
        let manifests = seeds("manifest");
        let valid = manifests.iter().filter(|seed| ManifestDocument::parse(seed.as_slice()).is_ok());
        assert_eq!(valid.count(), 2);
        let certificates = seeds("peer_certificate");
        let mut read = certificates.iter().filter_map(|seed| parse_peer_certificate(seed).ok());
        assert!(read.any(|certificate| certificate.evidence().is_some()));
    }
}
