//! Evidence of an SNP guest: its report, and what endorses it.

use std::{fs::File, io, path::PathBuf, sync::Arc};

use contrast_sev_guest::ExtendedReport;
use sev::firmware::guest::Firmware;

use super::{
    CpuId, Document, Endorsements, Product, Report, SignerInfo, SigningKey, TcbParts, TrustAnchor,
    certificate_table, chain, roots,
};
use crate::{
    AttestError, Attester, CollateralSource, Evidence, EvidenceType, ReportData,
    configfs_tsm::{Blobs, ConfigfsTsm},
};

/// Longest revocation list that goes out with evidence, in bytes. AMD's have some hundred. With a longer one the evidence
/// would be refused as too long, and a verifier can get the list itself.
const MAX_ATTACHED_LIST: usize = 24 << 10;

/// Makes evidence of the guest that the program runs in.
pub(crate) struct SnpIssuer {
    pub(crate) reports: Reports,
    /// What the guest sees of its processor: a report of version 2 does not tell.
    pub(crate) cpuid: Option<CpuId>,
    pub(crate) collateral: Arc<dyn CollateralSource>,
}

/// Where reports come from.
pub(crate) enum Reports {
    /// The kernel's common interface.
    Configfs(ConfigfsTsm),
    /// The device at this path, which kernels before 6.7 have alone. The host's certificates come with the report where they
    /// can be had.
    Device(PathBuf),
}

impl Attester for SnpIssuer {
    fn evidence_type(&self) -> EvidenceType {
        EvidenceType::Snp
    }

    fn attest(&self, report_data: &ReportData) -> Result<Evidence, AttestError> {
        let document = self.document(self.reports.request(report_data)?)?;
        if document.report.report_data != report_data.0 {
            return Err(AttestError::OtherReportData);
        }
        Ok(Evidence { evidence_type: EvidenceType::Snp, document: document.encode() })
    }
}

impl Reports {
    fn request(&self, report_data: &ReportData) -> Result<Blobs, AttestError> {
        match self {
            Self::Configfs(configfs) => configfs.report(report_data),
            Self::Device(path) => {
                let failed = |source| AttestError::Io { path: path.clone(), source };
                let device = File::open(path).map_err(failed)?;
                match contrast_sev_guest::extended_report(&device, &report_data.0) {
                    Ok(ExtendedReport { report, certificates }) => {
                        Ok(Blobs { report, added_by_host: certificates })
                    }
                    Err(error) => {
                        tracing::debug!(%error, "requesting a report without the host's certificates");
                        plain_report(report_data).map_err(failed)
                    }
                }
            }
        }
    }
}

/// A report alone.
fn plain_report(report_data: &ReportData) -> io::Result<Blobs> {
    const VMPL: u32 = 0;
    let report =
        Firmware::open()?.get_report(None, Some(report_data.0), Some(VMPL)).map_err(io::Error::other)?;
    Ok(Blobs { report, added_by_host: Vec::new() })
}

impl SnpIssuer {
    fn document(&self, blobs: Blobs) -> Result<Document, AttestError> {
        // Some kernels append the certificate table, which is not part of the report.
        let report = Report::parse(blobs.report.get(..Report::LENGTH).unwrap_or(&blobs.report))?;
        let product = report.cpuid.or(self.cpuid).and_then(Product::from_cpuid);
        let endorsements = match product {
            Some(product) => self.endorsements(&report, product, &blobs.added_by_host),
            None => Endorsements::default(),
        };
        // From version 3 on, the report itself names the processor.
        let product = product.filter(|_| report.cpuid.is_none());
        Ok(Document { report, endorsements, product })
    }

    /// What can be had at once. Evidence is good without it: a verifier can get its own.
    fn endorsements(&self, report: &Report, product: Product, table: &[u8]) -> Endorsements {
        let mut endorsements = certificate_table::parse(table).unwrap_or_else(|error| {
            tracing::warn!(%error, "ignoring the certificates that the host offers");
            Endorsements::default()
        });
        let Ok(signer) = SignerInfo::from_bits(report.signer_info) else { return Endorsements::default() };
        if !endorse(&endorsements, report, signer.signing_key, product) {
            // A wrong certificate is worse than none, which a verifier replaces.
            endorsements = Endorsements {
                vcek: self.vcek_at_hand(report, signer.signing_key, product),
                revocation_list: endorsements.revocation_list,
                ..Endorsements::default()
            };
        }
        if endorsements.vcek.is_empty() && endorsements.vlek.is_empty() {
            return Endorsements::default();
        }
        let amd = roots::amd(product);
        fill(&mut endorsements.ask, amd.above(signer.signing_key));
        fill(&mut endorsements.ark, amd.ark);
        match self.collateral.snp_crl(product, signer.signing_key) {
            // The host's list is the last choice: the host may like an old one.
            Ok(list) => endorsements.revocation_list = list.to_vec(),
            Err(missing) => tracing::debug!(%missing, "no revocation list to attach"),
        }
        if endorsements.revocation_list.len() > MAX_ATTACHED_LIST {
            tracing::warn!(
                bytes = endorsements.revocation_list.len(),
                "the revocation list is too long to be attached"
            );
            endorsements.revocation_list.clear();
        }
        endorsements
    }

    fn vcek_at_hand(&self, report: &Report, signing_key: SigningKey, product: Product) -> Vec<u8> {
        let Ok(tcb) = TcbParts::decode(product, report.reported_tcb) else { return Vec::new() };
        if signing_key != SigningKey::Vcek || report.chip_id == [0; 64] {
            return Vec::new();
        }
        match self.collateral.snp_vcek(product, &report.chip_id, tcb) {
            Ok(vcek) => vcek.to_vec(),
            Err(missing) => {
                tracing::debug!(%missing, "no certificate of the chip to attach");
                Vec::new()
            }
        }
    }
}

/// Are these the certificates of the key that signed the report?
fn endorse(endorsements: &Endorsements, report: &Report, signing_key: SigningKey, product: Product) -> bool {
    let tcb = TcbParts::decode(product, report.reported_tcb);
    let chain = chain::verify(endorsements, signing_key, product, TrustAnchor::Amd);
    matches!((chain, tcb), (Ok(chain), Ok(tcb)) if chain.endorsement.tcb == tcb)
}

fn fill(field: &mut Vec<u8>, certificate: &[u8]) {
    if field.is_empty() {
        field.extend_from_slice(certificate);
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::LazyLock};

    use super::*;
    use crate::{
        Missing, NoCollateral,
        simulated::{Hierarchy, Processor},
        snp::ReportError,
        tdx::{Collateral, PckCa},
    };

    /// Has a list and a certificate, whoever asks.
    struct Something;

    impl CollateralSource for Something {
        fn snp_crl(&self, _: Product, kind: SigningKey) -> Result<Arc<[u8]>, Missing> {
            Ok(Arc::from(format!("list for {kind}s").into_bytes()))
        }

        fn snp_vcek(&self, _: Product, _: &[u8; 64], _: TcbParts) -> Result<Arc<[u8]>, Missing> {
            Ok(Arc::from(*b"vcek"))
        }

        fn tdx_collateral(&self, _: [u8; 6], _: PckCa) -> Result<Arc<Collateral>, Missing> {
            Err(Missing::NotConfigured)
        }
    }

    fn issuer(collateral: impl CollateralSource + 'static) -> SnpIssuer {
        let device = Path::new("/nowhere").to_owned();
        let cpuid = Some(Product::Genoa.typical_cpuid());
        SnpIssuer { reports: Reports::Device(device), cpuid, collateral: Arc::new(collateral) }
    }

    /// Making RSA keys takes seconds.
    static PROCESSOR: LazyLock<Processor> =
        LazyLock::new(|| Processor::new(&Hierarchy::generate(Product::Genoa).unwrap()).unwrap());

    fn report(version: u32) -> Report {
        let report = PROCESSOR.report_builder([1; 32], ReportData([2; 64])).sign().unwrap().report;
        match version {
            2 => Report { version, cpuid: None, mitigations: None, ..report },
            _ => report,
        }
    }

    fn blobs(report: &Report, added_by_host: &[u8]) -> Blobs {
        Blobs { report: report.to_bytes().to_vec(), added_by_host: added_by_host.to_vec() }
    }

    #[test]
    fn a_report_goes_out_alone_if_there_is_nothing_to_endorse_it() {
        let report = report(3);
        let document = issuer(NoCollateral).document(blobs(&report, &[])).unwrap();
        assert_eq!(document, Document { report, endorsements: Endorsements::default(), product: None });
    }

    #[test]
    fn only_a_report_that_does_not_name_its_processor_goes_out_with_a_product() {
        let report = report(2);
        let named = issuer(NoCollateral).document(blobs(&report, &[])).unwrap();
        assert_eq!(named.product, Some(Product::Genoa));
        let unknown = SnpIssuer { cpuid: None, ..issuer(NoCollateral) };
        assert_eq!(unknown.document(blobs(&report, &[])).unwrap().product, None);
    }

    #[test]
    fn what_is_at_hand_is_attached_below_amds_published_certificates() {
        let endorsements = issuer(Something).document(blobs(&report(3), &[])).unwrap().endorsements;
        let amd = roots::amd(Product::Genoa);
        assert_eq!(
            (endorsements.vcek.as_slice(), endorsements.revocation_list.as_slice()),
            (&b"vcek"[..], &b"list for VCEKs"[..])
        );
        assert_eq!((endorsements.ask.as_slice(), endorsements.ark.as_slice()), (amd.ask, amd.ark));
    }

    #[test]
    fn certificates_of_the_host_that_do_not_endorse_the_report_are_left_out() {
        // A VCEK that is none, in the form of "SNP Extended Guest Request".
        let guid = 0x63da758d_e664_4564_adc5_f4b93be8accd_u128.to_be_bytes();
        let table = [&guid[..], &48_u32.to_le_bytes(), &4_u32.to_le_bytes(), &[0; 24], b"none"].concat();
        assert_eq!(certificate_table::parse(&table).unwrap().vcek, b"none");
        let endorsements = issuer(NoCollateral).document(blobs(&report(3), &table)).unwrap().endorsements;
        assert_eq!(endorsements, Endorsements::default());
    }

    #[test]
    fn what_follows_the_report_is_cut_off_and_a_short_report_is_refused() {
        let report = report(3);
        let mut long = blobs(&report, &[]);
        long.report.extend([1; 4000]);
        assert_eq!(issuer(NoCollateral).document(long).unwrap().report, report);
        let mut short = blobs(&report, &[]);
        short.report.pop();
        let error = issuer(NoCollateral).document(short).unwrap_err();
        assert!(matches!(error, AttestError::Report(ReportError::Length(1183))), "{error}");
    }

    #[test]
    fn a_platform_that_gives_an_all_zero_report_is_an_error_that_says_so() {
        for added in [0, 1, 4000] {
            let blobs = Blobs { report: vec![0; Report::LENGTH + added], added_by_host: Vec::new() };
            let error = issuer(NoCollateral).document(blobs).unwrap_err();
            assert!(matches!(error, AttestError::Report(ReportError::Version(0))), "{error}");
        }
    }

    #[test]
    fn a_device_that_does_not_exist_is_an_error_that_names_it() {
        let error = issuer(NoCollateral).attest(&ReportData([0; 64])).err().unwrap();
        assert!(error.to_string().contains("/nowhere"), "{error}");
    }
}
