//! Bytes that are not a quote, or could be read in two ways.

use contrast_attestation::tdx::{Document, DocumentError, Quote, QuoteError, TdReport, document};
use prost::Message;

use crate::{current, world::*};

const BODY_TYPE: usize = 48;
const BODY_SIZE: usize = 50;
/// Where the length of the signed data of a version 4 quote is.
const SIGNED_DATA_SIZE: usize = 48 + TdReport::LEN;
/// Where the type of the outer certification data is.
const CERTIFICATION_TYPE: usize = SIGNED_DATA_SIZE + 4 + 64 + 64;
const CERTIFICATION_SIZE: usize = CERTIFICATION_TYPE + 2;
const AUTH_DATA_SIZE: usize = CERTIFICATION_SIZE + 4 + 384 + 64;

fn version_4() -> Vec<u8> {
    honest().make().document.quote.encode()
}

fn version_5() -> Vec<u8> {
    let mut recipe = honest();
    recipe.header.version = 5;
    recipe.body.tdx_1_5 = Some(current());
    recipe.make().document.quote.encode()
}

fn with(mut quote: Vec<u8>, position: usize, bytes: &[u8]) -> Vec<u8> {
    quote[position..position + bytes.len()].copy_from_slice(bytes);
    quote
}

#[track_caller]
fn refused(quote: &[u8], error: QuoteError) {
    assert_eq!(Quote::parse(quote), Err(error));
}

#[test]
fn both_versions_are_read_as_they_were_written() {
    for bytes in [version_4(), version_5()] {
        assert_eq!(Quote::parse(&bytes).unwrap().encode(), bytes);
    }
}

#[test]
fn unknown_versions_key_types_and_tees_are_refused() {
    for version in [0, 1, 2, 3, 6, u16::MAX] {
        refused(&with(version_4(), 0, &version.to_le_bytes()), QuoteError::Version(version));
    }
    refused(&with(version_4(), 2, &[3, 0]), QuoteError::AttestationKeyType(3));
    refused(&with(version_4(), 4, &[0, 0, 0, 0]), QuoteError::TeeType(0));
    refused(&with(version_4(), 4, &[0x81, 0, 0, 1]), QuoteError::TeeType(0x0100_0081));
}

#[test]
fn versions_and_body_types_cannot_be_confused() {
    // An enclave, TDX 1.5 with extensions, nothing.
    for body_type in [0, 1, 4, u16::MAX] {
        let quote = with(version_5(), BODY_TYPE, &body_type.to_le_bytes());
        refused(&quote, QuoteError::BodyType(body_type));
    }
    let size = |expected, found| QuoteError::BodySize { expected, found };
    refused(&with(version_5(), BODY_TYPE, &[2, 0]), size(584, 648));
    refused(&with(version_5(), BODY_SIZE, &584_u32.to_le_bytes()), size(648, 584));
    refused(&with(version_5(), BODY_SIZE, &u32::MAX.to_le_bytes()), size(648, u32::MAX));
    // Each read as the other.
    assert!(Quote::parse(&with(version_4(), 0, &[5, 0])).is_err());
    assert!(Quote::parse(&with(version_5(), 0, &[4, 0])).is_err());
}

#[test]
fn huge_lengths_are_refused_without_reading_beyond_the_end() {
    for position in [SIGNED_DATA_SIZE, CERTIFICATION_SIZE] {
        for size in [u32::MAX, 1 << 31, 0x7FFF_FFFF, 100_000] {
            refused(&with(version_4(), position, &size.to_le_bytes()), QuoteError::Ended);
        }
    }
    refused(&with(version_4(), AUTH_DATA_SIZE, &[0xFF, 0xFF]), QuoteError::Ended);
    refused(&with(version_4(), AUTH_DATA_SIZE + 2 + 32 + 2, &[0xFF; 4]), QuoteError::Ended);
    let long = vec![4; Quote::MAX_LEN + 1];
    refused(&long, QuoteError::TooLong { found: long.len() });
    let document = document::parse(&long);
    assert_eq!(document, Err(QuoteError::TooLong { found: long.len() }.into()));
}

#[test]
fn trailing_bytes_are_refused_in_every_part() {
    let trailing = |part| QuoteError::Trailing { part, length: 1 };
    refused(&[version_4(), vec![0]].concat(), trailing("quote"));
    refused(&[version_5(), vec![0]].concat(), trailing("quote"));
    // A byte more in a part, and in the parts around it.
    let longer = |quote: Vec<u8>, sizes: &[usize]| {
        let mut quote = [quote, vec![0]].concat();
        for position in sizes {
            let size = u32::from_le_bytes(quote[*position..position + 4].try_into().unwrap()) + 1;
            quote = with(quote, *position, &size.to_le_bytes());
        }
        quote
    };
    refused(&longer(version_4(), &[SIGNED_DATA_SIZE]), trailing("QE report certification data"));
    refused(
        &longer(version_4(), &[SIGNED_DATA_SIZE, CERTIFICATION_SIZE]),
        trailing("PCK certificate chain data"),
    );
}

#[test]
fn quotes_that_are_endorsed_in_another_way_are_refused() {
    // Certificates without a QE report; an encrypted platform ID instead of certificates.
    let outer = QuoteError::CertificationDataType { expected: 6, found: 5 };
    refused(&with(version_4(), CERTIFICATION_TYPE, &[5, 0]), outer);
    let inner = QuoteError::CertificationDataType { expected: 5, found: 3 };
    refused(&with(version_4(), AUTH_DATA_SIZE + 2 + 32, &[3, 0]), inner);
}

#[test]
fn quotes_that_are_cut_anywhere_are_refused() {
    for quote in [version_4(), version_5()] {
        for length in 0..quote.len() {
            assert_eq!(Quote::parse(&quote[..length]), Err(QuoteError::Ended), "{length} bytes");
        }
    }
}

#[test]
fn documents_that_are_no_documents_are_refused() {
    let honest = honest().make().document.encode();
    for bytes in
        [&[][..], b"garbage", &[0xFF; 64], &honest[..honest.len() / 2], &[&honest[..], &[0xFF]].concat()]
    {
        assert!(document::parse(bytes).is_err());
    }
    // A version 4 quote travels as a message, and in no other way.
    assert!(matches!(document::parse(&version_4()), Err(DocumentError::Encoding(_))));
}

/// The outer part of the message, to write what a document cannot hold.
#[derive(Clone, PartialEq, Message)]
struct Outer {
    #[prost(bytes = "vec", tag = "1")]
    header: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    body: Vec<u8>,
    #[prost(uint32, tag = "3")]
    signed_data_size: u32,
    #[prost(bytes = "vec", tag = "4")]
    signed_data: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    extra_bytes: Vec<u8>,
}

#[test]
fn messages_with_missing_foreign_or_contradictory_fields_are_refused() {
    let document = honest().make().document;
    let outer = Outer::decode(&document.encode()[..]).unwrap();
    let parse = |outer: &Outer| document::parse(&outer.encode_to_vec());
    assert_eq!(parse(&outer).unwrap(), document);

    let size = Outer { signed_data_size: u32::MAX, ..outer.clone() };
    assert!(matches!(parse(&size), Err(DocumentError::Size { field: "signed_data_size", .. })));
    // Field 1 of the header once more: the last value counts. A version 5 quote has no message.
    let version = Outer { header: [&outer.header[..], &[0x08, 5]].concat(), ..outer.clone() };
    assert_eq!(parse(&version), Err(DocumentError::Version(5)));
    let tee = Outer { header: [&outer.header[..], &[0x18, 0]].concat(), ..outer.clone() };
    assert_eq!(parse(&tee), Err(QuoteError::TeeType(0).into()));
    // A fifth RTMR, and one that is too short.
    let fifth = Outer { body: [&outer.body[..], &[0x5A, 1, 0]].concat(), ..outer.clone() };
    assert_eq!(parse(&fifth), Err(DocumentError::RtmrCount(5)));
    let report_data = Outer { body: [&outer.body[..], &[0x62, 1, 0]].concat(), ..outer.clone() };
    assert_eq!(
        parse(&report_data),
        Err(DocumentError::Length { field: "report_data", expected: 64, found: 1 })
    );
    for missing in [
        Outer { header: vec![], ..outer.clone() },
        Outer { body: vec![], ..outer.clone() },
        Outer { signed_data: vec![], ..outer.clone() },
    ] {
        assert!(parse(&missing).is_err());
    }
}

#[test]
fn extra_bytes_have_no_meaning() {
    let mut made = honest().make();
    made.document.extra_bytes = b"collateral, says the attester".to_vec();
    made.accepted();
}

#[test]
fn what_the_platform_leaves_behind_a_quote_is_not_part_of_it() {
    for quote in [version_4(), version_5()] {
        let padded = [quote.clone(), vec![0; 70]].concat();
        let document = Document::from_platform(&padded).unwrap();
        assert_eq!(document.quote.encode(), quote);
        assert!(document.extra_bytes.is_empty());
        assert_eq!(document::parse(&document.encode()).unwrap(), document);
    }
}
