//! Quotes and collateral whose form is right. Parsers do not verify, so signatures over quotes and JSON are zeros.

use std::{
    error::Error,
    time::{Duration, UNIX_EPOCH},
};

use contrast_attestation::{
    collateral::{Address, Bundle, Item},
    tdx::{CollateralParts, Document, EnclaveReport, Header, Quote, TdReport, Tdx15Fields},
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, IsCa,
    KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SerialNumber, date_time_ymd,
};
use serde_json::{Value, json};

pub(crate) fn write_seeds() -> Result<(), Box<dyn Error>> {
    for (name, version, tdx_1_5) in [("version-4", 4, false), ("version-5", 5, false), ("tdx-1-5", 5, true)] {
        let quote = quote(version, tdx_1_5);
        super::write("tdx_quote", name, &quote.encode())?;
        super::write("tdx_document", name, &Document { quote, extra_bytes: Vec::new() }.encode())?;
    }
    let parts = collateral()?;
    let bundle = bundle(&parts)?.encode()?;
    super::write("collateral", "collateral", &serde_json::to_vec(&parts)?)?;
    super::write("collateral", "bundle", &bundle)
}

fn quote(version: u16, tdx_1_5: bool) -> Quote {
    Quote {
        header: Header {
            version,
            qe_svn: [0; 2],
            pce_svn: [0; 2],
            qe_vendor_id: [0x93; 16],
            user_data: [9; 20],
        },
        body: TdReport {
            tee_tcb_svn: [5; 16],
            mr_seam: [1; 48],
            mr_signer_seam: [0; 48],
            seam_attributes: [0; 8],
            td_attributes: (1_u64 << 28).to_le_bytes(),
            xfam: [0xE7, 2, 6, 0, 0, 0, 0, 0],
            mr_td: [2; 48],
            mr_config_id: [3; 48],
            mr_owner: [0; 48],
            mr_owner_config: [0; 48],
            rtmrs: [[4; 48], [5; 48], [6; 48], [0; 48]],
            report_data: [7; 64],
            tdx_1_5: tdx_1_5.then_some(Tdx15Fields { tee_tcb_svn_2: [5; 16], mr_service_td: [0; 48] }),
        },
        signature: [0; 64],
        attestation_key: [8; 64],
        qe_report: EnclaveReport {
            cpu_svn: [5; 16],
            misc_select: 0,
            reserved1: [0; 28],
            attributes: [0x11; 16],
            mr_enclave: [9; 32],
            reserved2: [0; 32],
            mr_signer: [10; 32],
            reserved3: [0; 96],
            isv_prod_id: 2,
            isv_svn: 4,
            reserved4: [0; 60],
            report_data: [11; 64],
        },
        qe_report_signature: [0; 64],
        qe_auth_data: (0..32).collect(),
        pck_chain: b"certificates\0".to_vec(),
    }
}

fn collateral() -> Result<CollateralParts, Box<dyn Error>> {
    let key = || KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256);
    let root = CertifiedIssuer::self_signed(authority("Intel SGX Root CA"), key()?)?;
    let pck_ca = CertifiedIssuer::signed_by(authority("Intel SGX PCK Platform CA"), key()?, &root)?;
    let signer = authority("Intel SGX TCB Signing").signed_by(&key()?, &root)?;
    let signers = [signer.pem(), root.pem()].concat();
    Ok(CollateralParts {
        pck_crl_issuer_chain: [pck_ca.pem(), root.pem()].concat(),
        root_ca_crl: list().signed_by(&root)?.der().to_vec(),
        pck_crl: list().signed_by(&pck_ca)?.der().to_vec(),
        tcb_info_issuer_chain: signers.clone(),
        tcb_info: tcb_info().to_string(),
        tcb_info_signature: vec![0; 64],
        qe_identity_issuer_chain: signers,
        qe_identity: qe_identity().to_string(),
        qe_identity_signature: vec![0; 64],
    })
}

fn bundle(parts: &CollateralParts) -> Result<Bundle, Box<dyn Error>> {
    let mut bundle = Bundle::default();
    let body = json!({ "tcbInfo": parts.tcb_info, "signature": "00" }).to_string().into_bytes();
    let chain = Some(parts.tcb_info_issuer_chain.clone());
    for (address, issuer_chain, body) in [
        (Address::IntelRootRevocationList, None, parts.root_ca_crl.clone()),
        (Address::IntelTcbInfo([0x50, 0x80, 0x6F, 0, 0, 0]), chain, body),
    ] {
        let fetched = UNIX_EPOCH + Duration::from_secs(1_750_000_000);
        bundle.add(Item { address, fetched, issuer_chain, body })?;
    }
    Ok(bundle)
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn list() -> CertificateRevocationListParams {
    CertificateRevocationListParams {
        this_update: date_time_ymd(2025, 6, 1),
        next_update: date_time_ymd(2025, 8, 1),
        crl_number: SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    }
}

fn tcb_info() -> Value {
    let svns = [0; 16].map(|svn: u8| json!({ "svn": svn }));
    json!({
        "id": "TDX", "version": 3,
        "issueDate": "2025-06-01T00:00:00Z", "nextUpdate": "2025-08-01T00:00:00Z",
        "fmspc": "50806F000000", "pceId": "0000", "tcbType": 0, "tcbEvaluationDataNumber": 17,
        "tdxModule": module(json!({})),
        "tdxModuleIdentities": [module(json!({ "id": "TDX_01", "tcbLevels": [level()] }))],
        "tcbLevels": [{
            "tcb": { "sgxtcbcomponents": svns, "pcesvn": 13, "tdxtcbcomponents": svns },
            "tcbDate": "2024-03-13T00:00:00Z", "tcbStatus": "UpToDate",
        }],
    })
}

fn qe_identity() -> Value {
    json!({
        "id": "TD_QE", "version": 2,
        "issueDate": "2025-06-01T00:00:00Z", "nextUpdate": "2025-08-01T00:00:00Z",
        "tcbEvaluationDataNumber": 17,
        "miscselect": "00000000", "miscselectMask": "FFFFFFFF",
        "attributes": "11000000000000000000000000000000",
        "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000",
        "mrsigner": "DC".repeat(32), "isvprodid": 2, "tcbLevels": [level()],
    })
}

fn level() -> Value {
    json!({ "tcb": { "isvsvn": 4 }, "tcbDate": "2024-03-13T00:00:00Z", "tcbStatus": "UpToDate" })
}

/// `base` with what TCB info says about a TDX module.
fn module(base: Value) -> Value {
    let mut module = json!({
        "mrsigner": "00".repeat(48), "attributes": "00".repeat(8), "attributesMask": "FF".repeat(8),
    });
    if let (Some(fields), Value::Object(more)) = (module.as_object_mut(), base) {
        fields.extend(more);
    }
    module
}
