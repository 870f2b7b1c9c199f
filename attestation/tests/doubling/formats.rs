//! The formats, and what reads them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use contrast_attestation::{
    atls::parse_peer_certificate,
    collateral::{Address, Bundle, Item},
    firmware::Image,
    simulated::Hierarchy,
    snp::{Product, certificate_table, crl, document},
    tdx::{Collateral, Quote, measurement},
};
use rcgen::{CertificateParams, DnType, KeyPair};

use crate::{
    boot_files::{self, Firmware},
    clock::processor_time,
};

/// How much twice the size may cost, in tenths.
const MOST: u32 = 25;
/// Runs of which the cheapest counts. More are made until the ratio is right, as a machine may be disturbed for long.
const RUNS: usize = 40;

/// A format: its name, the smaller size, what makes an input of a size, and what reads it.
type Format = (&'static str, usize, Box<dyn Fn(usize) -> Vec<u8>>, fn(&[u8]));

fn formats() -> Vec<Format> {
    let hierarchy = Hierarchy::generate(Product::Genoa).unwrap();
    let list = move |size| {
        let serials: Vec<u64> = (0..size as u64).map(|number| number << 8).collect();
        hierarchy.revocation_list(&serials, UNIX_EPOCH, SystemTime::now()).unwrap()
    };
    vec![
        ("names in a peer's certificate", 400, Box::new(certificate), |bytes| {
            parse_peer_certificate(bytes).unwrap();
        }),
        ("entries of a revocation list", 10_000, Box::new(list), |bytes| {
            crl::parse(bytes).unwrap();
        }),
        ("items of a bundle", 2000, Box::new(bundle), |bytes| {
            Bundle::parse(bytes).unwrap();
        }),
        ("fields of an SNP document", 1000, Box::new(|size| [0x0A, 0].repeat(size)), |bytes| {
            document::parse(bytes).unwrap_err();
        }),
        ("a table of certificates", 20_000, Box::new(table), |bytes| {
            certificate_table::parse(bytes).unwrap();
        }),
        ("a quote", 20_000, Box::new(|size| vec![5; size]), |bytes| {
            Quote::parse(bytes).unwrap_err();
        }),
        ("collateral", 1 << 20, Box::new(|size| [b"[".repeat(100), vec![b' '; size]].concat()), |bytes| {
            Collateral::parse(bytes).unwrap_err();
        }),
        ("firmware", 4 << 20, Box::new(firmware), |bytes| {
            Image::parse(bytes).unwrap().sev().unwrap();
        }),
        ("sections of a kernel, each of which is the whole", 200_000, Box::new(kernel), |bytes| {
            measurement::rtmr1(bytes, 0, 0).unwrap_err();
        }),
    ]
}

#[test]
fn twice_the_size_costs_at_most_two_and_a_half_times() {
    for (name, size, make, read) in formats() {
        let (one, two) = (make(size), make(2 * size));
        // What takes less than this is not measured, and needs not be.
        let negligible = Duration::from_micros(200);
        let (mut single, mut double) = (Duration::MAX, Duration::MAX);
        for run in 1.. {
            single = single.min(taken(|| read(&one)));
            double = double.min(taken(|| read(&two)));
            if double <= negligible || (run >= 5 && double * 10 <= single * MOST) {
                break;
            }
            assert!(run < RUNS, "{name}: {single:?}, and {double:?} for twice the size");
        }
    }
}

/// What `work` takes on this thread.
fn taken(work: impl FnOnce()) -> Duration {
    let before = processor_time();
    work();
    processor_time() - before
}

/// With many parts of its name.
fn certificate(size: usize) -> Vec<u8> {
    let mut params = CertificateParams::default();
    for number in (0..size as u64).rev() {
        params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 1000 + number]), "name");
    }
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

fn bundle(size: usize) -> Vec<u8> {
    let mut bundle = Bundle::default();
    for number in 0..size as u64 {
        let [_, _, fmspc @ ..] = number.to_be_bytes();
        let address = Address::IntelTcbInfo(fmspc);
        bundle.add(Item { address, fetched: UNIX_EPOCH, issuer_chain: None, body: vec![0; 64] }).unwrap();
    }
    bundle.encode().unwrap()
}

/// 60 entries that point to the same bytes.
fn table(size: usize) -> Vec<u8> {
    let vcek = 0x63da758d_e664_4564_adc5_f4b93be8accd_u128.to_be_bytes();
    let length = u32::try_from(size).unwrap();
    let entry = [&vcek[..], &(61_u32 * 24).to_le_bytes(), &length.to_le_bytes()].concat();
    [entry.repeat(60), vec![0; 24], vec![7; size]].concat()
}

fn firmware(size: usize) -> Vec<u8> {
    Firmware { length: size, tdvf: None, ..Firmware::example() }.build()
}

/// With as many headers of sections as there is room for.
fn kernel(size: usize) -> Vec<u8> {
    const COFF: usize = 0x44;
    const TABLE: usize = 0x2000;
    let mut file = boot_files::kernel();
    file.resize(TABLE, 0);
    let count = (size - TABLE) / 40;
    file[COFF + 2..COFF + 4].copy_from_slice(&u16::try_from(count).unwrap().to_le_bytes());
    let optional = u16::try_from(TABLE - COFF - 20).unwrap();
    file[COFF + 16..COFF + 18].copy_from_slice(&optional.to_le_bytes());
    for _ in 0..count {
        let mut header = [0; 40];
        header[16..20].copy_from_slice(&u32::try_from(size).unwrap().to_le_bytes());
        file.extend(header);
    }
    file.resize(size, 0);
    file
}
