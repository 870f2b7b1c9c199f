//! Lengths that lie, through an appraisal: nothing is read or allocated beyond what was sent.

use std::{sync::LazyLock, time::SystemTime};

use contrast_attestation::{Evidence, EvidenceType, Verifier, tdx::Quote};

use crate::{current, world::*};

static VERSION_4: LazyLock<Made> = LazyLock::new(|| honest().make());

/// The only reason must be the document, told in these words.
#[track_caller]
fn refused_for(document: Vec<u8>, reason: &str) {
    let evidence = Evidence { evidence_type: EvidenceType::Tdx, document };
    let now = SystemTime::UNIX_EPOCH + NOW;
    let findings = VERSION_4.verifier().appraise(&evidence, &REPORT_DATA, now).unwrap_err().findings;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].field, "attestation document");
    assert_eq!(findings[0].expected, "a well-formed TDX quote");
    assert_eq!(findings[0].found, reason);
}

fn encoding(reason: &str) -> String {
    let words = "document is not a protobuf message of type tdx.QuoteV4: failed to decode Protobuf message";
    format!("{words}: {reason}")
}

/// A version 4 document, and one more number inside it: the last value of a field counts, and a message that occurs
/// twice is merged.
fn with_number(path: &[u8], value: u32) -> Vec<u8> {
    let [messages @ .., field] = path else { unreachable!("a path to a number") };
    let mut digits = value;
    let mut bytes = vec![field << 3];
    while digits >= 0x80 {
        bytes.push(digits as u8 | 0x80);
        digits >>= 7;
    }
    bytes.push(digits as u8);
    for message in messages.iter().rev() {
        bytes = [&[message << 3 | 2, bytes.len() as u8], &bytes[..]].concat();
    }
    [VERSION_4.document.encode(), bytes].concat()
}

/// Where the message repeats lengths of the quote.
const SIGNED_DATA_SIZE: &[u8] = &[3];
const CERTIFICATION_SIZE: &[u8] = &[4, 3, 2];
const AUTH_DATA_SIZE: &[u8] = &[4, 3, 3, 3, 1];
const CHAIN_SIZE: &[u8] = &[4, 3, 3, 4, 2];

#[test]
fn a_huge_length_in_a_document_is_refused() {
    let quote = &VERSION_4.document.quote;
    let chain = quote.pck_chain.len();
    let certification = 384 + 64 + 2 + quote.qe_auth_data.len() + 2 + 4 + chain;
    for value in [u32::MAX, 1 << 31, 0x7FFF_FFFF, 0] {
        for (path, field, found) in [
            (CHAIN_SIZE, "pck_certificate_chain_data.size", chain),
            (CERTIFICATION_SIZE, "certification_data.size", certification),
            (SIGNED_DATA_SIZE, "signed_data_size", 64 + 64 + 2 + 4 + certification),
        ] {
            let reason = format!("document field {field} declares {value} bytes, but there are {found}");
            refused_for(with_number(path, value), &reason);
        }
    }
}

#[test]
fn a_huge_length_of_authentication_data_in_a_document_is_refused() {
    for value in [u32::MAX, 0x1_0000] {
        let reason = format!("document field parsed_data_size has value {value}, which a quote cannot hold");
        refused_for(with_number(AUTH_DATA_SIZE, value), &reason);
    }
    for value in [0, 31, 33, 0xFFFF] {
        let reason = format!("document field parsed_data_size declares {value} bytes, but there are 32");
        refused_for(with_number(AUTH_DATA_SIZE, value), &reason);
    }
}

#[test]
fn a_huge_length_of_a_protobuf_field_is_refused() {
    let honest = VERSION_4.document.encode();
    // Header, body, signed data and extra bytes: of 4 GiB, and of 2 to the power of 63 bytes.
    for (field, name) in [(1, "header"), (2, "td_quote_body"), (4, "signed_data"), (5, "extra_bytes")] {
        for length in
            [&[0xFF, 0xFF, 0xFF, 0xFF, 0x0F][..], &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1]]
        {
            let document = [&honest[..], &[field << 3 | 2], length].concat();
            refused_for(document, &encoding(&format!("QuoteV4.{name}: buffer underflow")));
        }
    }
}

#[test]
fn a_document_longer_than_any_quote_is_refused() {
    for first in [4, 5] {
        let mut long = vec![0; Quote::MAX_LEN + 1];
        long[0] = first;
        refused_for(long, "quote is 65537 bytes long, but no quote is longer than 65536");
    }
}

#[test]
fn a_huge_length_in_a_version_5_quote_is_refused() {
    let with = |position: usize, length: u32| {
        let mut quote = version_5();
        quote[position..position + 4].copy_from_slice(&length.to_le_bytes());
        quote
    };
    for length in [u32::MAX, 1 << 31] {
        // Of the body, behind header and body type, and of the signed data behind the body.
        let reason = format!("quote declares a body of {length} bytes, but one of its type has 648");
        refused_for(with(48 + 2, length), &reason);
        refused_for(with(48 + 2 + 4 + 648, length), "quote ends in the middle of a field");
    }
}

#[test]
fn a_document_with_trailing_bytes_is_refused() {
    refused_for([version_5(), vec![0]].concat(), "1 bytes follow the end of the quote");
    refused_for([VERSION_4.document.encode(), vec![0]].concat(), &encoding("invalid tag value: 0"));
}

#[test]
fn a_version_that_is_not_known_is_refused() {
    // Version 5 has a form of its own, and no other does.
    for version in [0, 1, 2, 3, 5, 6, u32::MAX] {
        let reason = format!("document is a tdx.QuoteV4 message with a quote of version {version}");
        refused_for(with_number(&[1, 1], version), &reason);
    }
    let mut quote = version_5();
    quote[0] = 6;
    refused_for(quote, &encoding("invalid wire type value: 6"));
}

fn version_5() -> Vec<u8> {
    let mut recipe = honest();
    recipe.header.version = 5;
    recipe.body.tdx_1_5 = Some(current());
    recipe.make().document.encode()
}
