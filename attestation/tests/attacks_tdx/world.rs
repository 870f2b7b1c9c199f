//! A hierarchy of keys like Intel's, and a platform under it that signs whatever a test wants.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use contrast_attestation::{
    Claims, CollateralSource, Evidence, EvidenceType, Finding, Missing, ReportData, Verifier,
    snp::{Product, SigningKey, TcbParts},
    tdx::{
        Collateral, CollateralParts, Document, EnclaveReport, Header, PckCa, Quote, ReferenceValues,
        TdReport, TdxVerifier, TrustRoot,
    },
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, CustomExtension,
    DnType, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, RevokedCertParams,
    SerialNumber, date_time_ymd,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::der;

/// 2025-07-01.
pub(crate) const NOW: Duration = Duration::from_secs(1_751_328_000);
pub(crate) const HOST_DATA: [u8; 32] = [0xA5; 32];
pub(crate) const REPORT_DATA: ReportData = ReportData([0x3C; 64]);
pub(crate) const PIID: [u8; 16] = [0x77; 16];
pub(crate) const FMSPC: [u8; 6] = [0x50, 0x80, 0x6F, 0, 0, 0];
pub(crate) const QE_SIGNER: [u8; 32] = [0xDC; 32];

/// Serial numbers, by which revocation lists name certificates.
pub(crate) const PCK_CA: u64 = 2;
pub(crate) const TCB_SIGNER: u64 = 3;
pub(crate) const PCK: u64 = 4;

const ROOT_NAME: &str = "Intel SGX Root CA";

/// A year and a month, which begins at midnight on the first.
pub(crate) type Month = (i32, u8);

/// Everything that goes into evidence and collateral, before it is signed. As it is, it is accepted.
pub(crate) struct Recipe {
    pub(crate) pck_ca_name: &'static str,
    pub(crate) tcb_signer_name: &'static str,
    pub(crate) pck_name: &'static str,
    pub(crate) pck_ca_is_authority: bool,
    pub(crate) pck_valid: (Month, Month),
    pub(crate) root_crl_valid: (Month, Month),
    pub(crate) pck_crl_valid: (Month, Month),
    /// Named by the list of the root.
    pub(crate) revoked_by_root: Vec<u64>,
    /// Named by the list of the PCK CA.
    pub(crate) revoked_by_pck_ca: Vec<u64>,
    pub(crate) sgx_type: u8,
    pub(crate) pce_id: [u8; 2],
    pub(crate) cpu_svn: [u8; 16],
    pub(crate) pce_svn: u8,
    pub(crate) piid: Option<[u8; 16]>,
    /// Dynamic platform, cached keys, SMT enabled.
    pub(crate) configuration: Option<[bool; 3]>,
    pub(crate) tcb_info: Value,
    pub(crate) qe_identity: Value,
    pub(crate) header: Header,
    pub(crate) body: TdReport,
    /// Changes the report of the quoting enclave before it is signed.
    pub(crate) qe_report: fn(&mut EnclaveReport),
}

/// Signed evidence and collateral.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) document: Document,
    pub(crate) parts: CollateralParts,
    pub(crate) root: TrustRoot,
    pub(crate) reference: ReferenceValues,
    pub(crate) keys: Arc<Keys>,
}

pub(crate) struct Keys {
    pub(crate) root: KeyPair,
    pub(crate) pck_ca: KeyPair,
    pub(crate) tcb: KeyPair,
    pub(crate) pck: KeyPair,
    pub(crate) attestation: KeyPair,
}

pub(crate) fn honest() -> Recipe {
    let svns = |svns: [u8; 16]| svns.map(|svn| json!({ "svn": svn })).to_vec();
    let level = |svn: u8, pce: u8, module: u8, status: &str, advisories: &[&str]| {
        let mut tdx = [0; 16];
        (tdx[0], tdx[2]) = (module, 2);
        json!({
            "tcb": { "sgxtcbcomponents": svns([svn; 16]), "pcesvn": pce, "tdxtcbcomponents": svns(tdx) },
            "tcbDate": "2024-03-13T00:00:00Z", "tcbStatus": status, "advisoryIDs": advisories,
        })
    };
    let module_level = |isvsvn: u8, status: &str| json!({ "tcb": { "isvsvn": isvsvn }, "tcbDate": "2024-03-13T00:00:00Z", "tcbStatus": status });
    Recipe {
        pck_ca_name: "Intel SGX PCK Platform CA",
        tcb_signer_name: "Intel SGX TCB Signing",
        pck_name: "Intel SGX PCK Certificate",
        pck_ca_is_authority: true,
        pck_valid: ((2025, 1), (2032, 1)),
        root_crl_valid: ((2025, 3), (2026, 3)),
        pck_crl_valid: ((2025, 6), (2025, 8)),
        revoked_by_root: Vec::new(),
        revoked_by_pck_ca: Vec::new(),
        sgx_type: 2,
        pce_id: [0, 0],
        cpu_svn: [5; 16],
        pce_svn: 13,
        piid: Some(PIID),
        configuration: Some([false; 3]),
        tcb_info: json!({
            "id": "TDX", "version": 3,
            "issueDate": "2025-06-01T00:00:00Z", "nextUpdate": "2025-08-01T00:00:00Z",
            "fmspc": hex::encode_upper(FMSPC), "pceId": "0000", "tcbType": 0, "tcbEvaluationDataNumber": 17,
            "tdxModule": module(Value::Null),
            "tdxModuleIdentities": [
                module(json!({ "id": "TDX_01",
                    "tcbLevels": [module_level(5, "UpToDate"), module_level(2, "OutOfDate")] })),
            ],
            "tcbLevels": [
                level(5, 13, 5, "UpToDate", &[]),
                level(2, 5, 5, "OutOfDate", &["INTEL-SA-00106", "INTEL-SA-00837"]),
            ],
        }),
        qe_identity: json!({
            "id": "TD_QE", "version": 2,
            "issueDate": "2025-06-01T00:00:00Z", "nextUpdate": "2025-08-01T00:00:00Z",
            "tcbEvaluationDataNumber": 17,
            "miscselect": "00000000", "miscselectMask": "FFFFFFFF",
            "attributes": "11000000000000000000000000000000",
            "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000",
            "mrsigner": hex::encode_upper(QE_SIGNER), "isvprodid": 2,
            "tcbLevels": [module_level(4, "UpToDate"), module_level(2, "OutOfDate")],
        }),
        header: Header {
            version: 4,
            qe_svn: [0; 2],
            pce_svn: [0; 2],
            qe_vendor_id: dcap_qvl::INTEL_QE_VENDOR_ID,
            user_data: [9; 20],
        },
        body: body(),
        qe_report: |_| (),
    }
}

impl Recipe {
    pub(crate) fn make(&self) -> Made {
        let keys = Keys { root: key(), pck_ca: key(), tcb: key(), pck: key(), attestation: key() };
        let root = CertifiedIssuer::self_signed(authority(ROOT_NAME, 1), &keys.root).unwrap();
        let mut pck_ca = authority(self.pck_ca_name, PCK_CA);
        if !self.pck_ca_is_authority {
            pck_ca.is_ca = IsCa::ExplicitNoCa;
        }
        let pck_ca = CertifiedIssuer::signed_by(pck_ca, &keys.pck_ca, &root).unwrap();
        let tcb = certificate(self.tcb_signer_name, TCB_SIGNER).signed_by(&keys.tcb, &root).unwrap();
        let mut pck = certificate(self.pck_name, PCK);
        pck.not_before = date_time_ymd(self.pck_valid.0.0, self.pck_valid.0.1, 1);
        pck.not_after = date_time_ymd(self.pck_valid.1.0, self.pck_valid.1.1, 1);
        pck.custom_extensions =
            vec![CustomExtension::from_oid_content(der::SGX_EXTENSION, der::sgx_extension(self))];
        let pck = pck.signed_by(&keys.pck, &pck_ca).unwrap();

        let (tcb_info, qe_identity) = (self.tcb_info.to_string(), self.qe_identity.to_string());
        let tcb_chain = [tcb.pem(), root.pem()].concat();
        let parts = CollateralParts {
            pck_crl_issuer_chain: [pck_ca.pem(), root.pem()].concat(),
            root_ca_crl: revocation_list(&root, &self.revoked_by_root, self.root_crl_valid),
            pck_crl: revocation_list(&pck_ca, &self.revoked_by_pck_ca, self.pck_crl_valid),
            tcb_info_issuer_chain: tcb_chain.clone(),
            tcb_info_signature: sign(&keys.tcb, tcb_info.as_bytes()).to_vec(),
            tcb_info,
            qe_identity_issuer_chain: tcb_chain,
            qe_identity_signature: sign(&keys.tcb, qe_identity.as_bytes()).to_vec(),
            qe_identity,
        };
        let chain = [pck.pem(), pck_ca.pem(), root.pem(), "\0".to_owned()].concat();
        let mut made = Made {
            document: Document { quote: self.unsigned(chain.into_bytes()), extra_bytes: Vec::new() },
            parts,
            root: TrustRoot::Other(root.der().to_vec().into()),
            reference: reference(),
            keys: Arc::new(keys),
        };
        made.certify(self.qe_report);
        made.sign();
        made
    }

    fn unsigned(&self, pck_chain: Vec<u8>) -> Quote {
        Quote {
            header: self.header.clone(),
            body: self.body.clone(),
            signature: [0; 64],
            attestation_key: [0; 64],
            qe_report: EnclaveReport {
                cpu_svn: [5; 16],
                misc_select: 0,
                reserved1: [0; 28],
                attributes: 0x11_u128.to_le_bytes(),
                mr_enclave: [0xE5; 32],
                reserved2: [0; 32],
                mr_signer: QE_SIGNER,
                reserved3: [0; 96],
                isv_prod_id: 2,
                isv_svn: 4,
                reserved4: [0; 60],
                report_data: [0; 64],
            },
            qe_report_signature: [0; 64],
            qe_auth_data: (0..32).collect(),
            pck_chain,
        }
    }
}

impl Made {
    /// Lets the quoting enclave vouch for the attestation key.
    pub(crate) fn certify(&mut self, change: fn(&mut EnclaveReport)) {
        let quote = &mut self.document.quote;
        quote.attestation_key = point(&self.keys.attestation);
        let hash =
            Sha256::new().chain_update(quote.attestation_key).chain_update(&quote.qe_auth_data).finalize();
        quote.qe_report.report_data[..32].copy_from_slice(&hash);
        change(&mut quote.qe_report);
        quote.qe_report_signature = sign(&self.keys.pck, &quote.qe_report.encode());
    }

    /// Signs the quote with its attestation key.
    pub(crate) fn sign(&mut self) {
        let quote = &mut self.document.quote;
        quote.signature = sign(&self.keys.attestation, &quote.signed_bytes());
    }

    /// Publishes a revocation list of the same PCK CA that names the PCK.
    pub(crate) fn revoke_pck(&mut self) {
        let Recipe { pck_ca_name, pck_crl_valid, .. } = honest();
        let pck_ca = Issuer::new(authority(pck_ca_name, PCK_CA), &self.keys.pck_ca);
        self.parts.pck_crl = revocation_list(&pck_ca, &[PCK], pck_crl_valid);
    }

    /// Publishes another certificate of a PCK CA, for `key`, and what the root revokes.
    pub(crate) fn publish_pck_ca(&mut self, key: &KeyPair, revoked_by_root: &[u64]) {
        let Recipe { pck_ca_name, root_crl_valid, pck_crl_valid, .. } = honest();
        let root = Issuer::new(authority(ROOT_NAME, 1), &self.keys.root);
        let pck_ca = CertifiedIssuer::signed_by(authority(pck_ca_name, 9), key, &root).unwrap();
        let root_pem = self.parts.pck_crl_issuer_chain.split_inclusive("-----END CERTIFICATE-----\n").nth(1);
        self.parts.pck_crl_issuer_chain = [&pck_ca.pem(), root_pem.unwrap()].concat();
        self.parts.pck_crl = revocation_list(&pck_ca, &[], pck_crl_valid);
        self.parts.root_ca_crl = revocation_list(&root, revoked_by_root, root_crl_valid);
    }

    pub(crate) fn appraise_at(&self, at: Duration) -> Result<Claims, Vec<Finding>> {
        let evidence = Evidence { evidence_type: EvidenceType::Tdx, document: self.document.encode() };
        self.verifier().appraise(&evidence, &REPORT_DATA, SystemTime::UNIX_EPOCH + at).map_err(|rejection| {
            assert!(!rejection.findings.is_empty(), "a rejection must say why");
            rejection.findings
        })
    }

    pub(crate) fn verifier(&self) -> TdxVerifier {
        let collateral = Arc::new(One(Arc::new(Collateral::new(self.parts.clone()).unwrap())));
        TdxVerifier::new("tdx-0", self.reference.clone(), collateral).with_root(self.root.clone())
    }

    #[track_caller]
    pub(crate) fn accepted(&self) -> Claims {
        self.appraise_at(NOW).unwrap()
    }

    /// The evidence must be refused, for a reason in exactly the fields named.
    #[track_caller]
    pub(crate) fn refused(&self, fields: &[&str]) -> Vec<Finding> {
        self.refused_at(NOW, fields)
    }

    #[track_caller]
    pub(crate) fn refused_at(&self, at: Duration, fields: &[&str]) -> Vec<Finding> {
        let findings = self.appraise_at(at).expect_err("the evidence was accepted");
        let found: Vec<_> = findings.iter().map(|finding| finding.field.as_str()).collect();
        assert_eq!(found, fields, "{findings:#?}");
        findings
    }

    /// The evidence must be refused for one reason, which says this.
    #[track_caller]
    pub(crate) fn refused_saying(&self, field: &str, words: &str) {
        let findings = self.refused(&[field]);
        assert!(findings[0].found.contains(words), "{words:?} is not in {:?}", findings[0].found);
    }
}

/// Collateral for whoever asks.
struct One(Arc<Collateral>);

impl CollateralSource for One {
    fn snp_crl(&self, _: Product, _: SigningKey) -> Result<Arc<[u8]>, Missing> {
        Err(Missing::NotConfigured)
    }

    fn snp_vcek(&self, _: Product, _: &[u8; 64], _: TcbParts) -> Result<Arc<[u8]>, Missing> {
        Err(Missing::NotConfigured)
    }

    fn tdx_collateral(&self, _: [u8; 6], _: PckCa) -> Result<Arc<Collateral>, Missing> {
        Ok(self.0.clone())
    }
}

fn reference() -> ReferenceValues {
    let body = body();
    ReferenceValues {
        mr_td: body.mr_td,
        mr_seam: body.mr_seam,
        rtmrs: body.rtmrs,
        xfam: body.xfam,
        minimum_tcb_evaluation_data_number: Some(17),
        allowed_piids: vec![PIID],
        memory_integrity: true,
        smt_disabled: true,
        static_platform: true,
        allowed_host_data: [HOST_DATA].into(),
    }
}

fn body() -> TdReport {
    let mut mr_config_id = [0; 48];
    mr_config_id[..32].copy_from_slice(&HOST_DATA);
    let mut tee_tcb_svn = [0; 16];
    tee_tcb_svn[..3].copy_from_slice(&[5, 1, 2]);
    TdReport {
        tee_tcb_svn,
        mr_seam: [0x5E; 48],
        mr_signer_seam: [0; 48],
        seam_attributes: [0; 8],
        td_attributes: (1_u64 << 28).to_le_bytes(),
        xfam: 0x0006_02E7_u64.to_le_bytes(),
        mr_td: [0x7D; 48],
        mr_config_id,
        mr_owner: [0; 48],
        mr_owner_config: [0; 48],
        rtmrs: [[1; 48], [2; 48], [3; 48], [0; 48]],
        report_data: REPORT_DATA.0,
        tdx_1_5: None,
    }
}

/// `base` with what TCB info says about a TDX module.
fn module(mut base: Value) -> Value {
    base["mrsigner"] = "00".repeat(48).into();
    base["attributes"] = "00".repeat(8).into();
    base["attributesMask"] = "FF".repeat(8).into();
    base
}

fn certificate(name: &str, serial: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from(serial));
    params.not_before = date_time_ymd(2018, 1, 1);
    params.not_after = date_time_ymd(2049, 1, 1);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params
}

fn authority(name: &str, serial: u64) -> CertificateParams {
    let mut params = certificate(name, serial);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn revocation_list(issuer: &Issuer<'_, &KeyPair>, named: &[u64], valid: (Month, Month)) -> Vec<u8> {
    let month = |(year, month): Month| date_time_ymd(year, month, 1);
    let revoked = |serial: &u64| RevokedCertParams {
        serial_number: SerialNumber::from(*serial),
        revocation_time: month(valid.0),
        reason_code: None,
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: month(valid.0),
        next_update: month(valid.1),
        crl_number: SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: named.iter().map(revoked).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(issuer).unwrap().der().to_vec()
}

pub(crate) fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

/// ECDSA P-256 with SHA-256: r and s.
pub(crate) fn sign(key: &KeyPair, message: &[u8]) -> [u8; 64] {
    let signature = signer(key).sign(&SystemRandom::new(), message).unwrap();
    signature.as_ref().try_into().unwrap()
}

/// x and y.
pub(crate) fn point(key: &KeyPair) -> [u8; 64] {
    signer(key).public_key().as_ref()[1..].try_into().unwrap()
}

fn signer(key: &KeyPair) -> EcdsaKeyPair {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key.serialize_der()).unwrap()
}
