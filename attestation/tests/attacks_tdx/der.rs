//! Intel's extension of PCK certificates, in DER.

use super::world::{FMSPC, Recipe};

/// OID 1.2.840.113741.1.13.1.
pub(crate) const SGX_EXTENSION: &[u64] = &[1, 2, 840, 113_741, 1, 13, 1];
const PREFIX: [u8; 9] = [0x2A, 0x86, 0x48, 0x86, 0xF8, 0x4D, 0x01, 0x0D, 0x01];

pub(crate) fn sgx_extension(recipe: &Recipe) -> Vec<u8> {
    let boolean = |value: bool| element(0x01, &[if value { 0xFF } else { 0 }]);
    let integer = |value: u8| element(0x02, &[value]);
    let octets = |value: &[u8]| element(0x04, value);
    let mut tcb: Vec<Vec<u8>> = Vec::new();
    for (number, svn) in (1..).zip(recipe.cpu_svn) {
        tcb.push(entry(&[2, number], integer(svn)));
    }
    tcb.push(entry(&[2, 17], integer(recipe.pce_svn)));
    tcb.push(entry(&[2, 18], octets(&recipe.cpu_svn)));
    let mut entries = vec![
        entry(&[1], octets(&[0x11; 16])),
        entry(&[2], element(0x30, &tcb.concat())),
        entry(&[3], octets(&recipe.pce_id)),
        entry(&[4], octets(&FMSPC)),
        entry(&[5], element(0x0A, &[recipe.sgx_type])),
    ];
    if let Some(piid) = recipe.piid {
        entries.push(entry(&[6], octets(&piid)));
    }
    if let Some(flags) = recipe.configuration {
        let flags = (1..).zip(flags).map(|(number, value)| entry(&[7, number], boolean(value)));
        entries.push(entry(&[7], element(0x30, &flags.collect::<Vec<_>>().concat())));
    }
    element(0x30, &entries.concat())
}

fn entry(arcs: &[u8], value: Vec<u8>) -> Vec<u8> {
    let name = element(0x06, &[&PREFIX[..], arcs].concat());
    element(0x30, &[name, value].concat())
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let header = match length {
        0..=0x7F => vec![tag, length as u8],
        0x80..=0xFF => vec![tag, 0x81, length as u8],
        _ => [&[tag, 0x82][..], &(length as u16).to_be_bytes()].concat(),
    };
    [&header, content].concat()
}
