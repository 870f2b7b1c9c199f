//! Signatures that are none, each told apart from the others.

use contrast_attestation::{Cause, Finding};

use crate::support::*;

/// Order of the group of P-384 (NIST SP 800-186, section 3.2.1.4), as the last 24 of its 48 bytes. The others are FF.
const ORDER_END: [u8; 24] = [
    0xC7, 0x63, 0x4D, 0x81, 0xF4, 0x37, 0x2D, 0xDF, 0x58, 0x1A, 0x0D, 0xB2, 0x48, 0xB0, 0xA7, 0x7A, 0xEC,
    0xEC, 0x19, 0x6A, 0xCC, 0xC5, 0x29, 0x73,
];
/// Where r and s are in the field `SIGNATURE`.
const R: usize = 0;
const S: usize = 72;

/// A number as the field holds it: little endian.
fn order_plus(difference: i8) -> [u8; 48] {
    let mut order = [0xFF; 48];
    order[24..].copy_from_slice(&ORDER_END);
    order[47] = order[47].checked_add_signed(difference).unwrap();
    order.reverse();
    order
}

#[track_caller]
fn refused_for(change: impl FnOnce(&mut [u8; 512]), reason: &str) {
    let mut document = honest().sign().unwrap();
    change(&mut document.report.signature);
    let findings = refused_by(&verifier(reference()), &evidence(&document), &["report field SIGNATURE"]);
    let (field, expected) = ("report field SIGNATURE".to_owned(), "a signature by the VCEK".to_owned());
    assert_eq!(findings, [Finding { cause: Cause::Signature, field, expected, found: reason.to_owned() }]);
}

#[test]
fn a_signature_whose_r_is_zero_is_refused() {
    refused_for(|field| field[R..R + 48].fill(0), "signature component r is zero");
}

#[test]
fn a_signature_whose_s_is_zero_is_refused() {
    refused_for(|field| field[S..S + 48].fill(0), "signature component s is zero");
}

#[test]
fn a_signature_of_zeros_is_refused() {
    refused_for(|field| field.fill(0), "signature component r is zero");
}

#[test]
fn a_signature_whose_r_is_not_below_the_order_is_refused() {
    const REASON: &str = "signature component r is not below the order of P-384";
    refused_for(|field| field[R..R + 48].copy_from_slice(&order_plus(0)), REASON);
    refused_for(|field| field[R..R + 48].copy_from_slice(&order_plus(1)), REASON);
    refused_for(|field| field[R..R + 48].fill(0xFF), REASON);
}

#[test]
fn a_signature_whose_s_is_not_below_the_order_is_refused() {
    const REASON: &str = "signature component s is not below the order of P-384";
    refused_for(|field| field[S..S + 48].copy_from_slice(&order_plus(0)), REASON);
    refused_for(|field| field[S..S + 48].copy_from_slice(&order_plus(1)), REASON);
    refused_for(|field| field[S..S + 48].fill(0xFF), REASON);
}

#[test]
fn the_largest_possible_components_are_well_formed_and_verify_with_no_key() {
    const REASON: &str = "signature does not verify with the key of the endorsement certificate";
    refused_for(|field| field[R..R + 48].copy_from_slice(&order_plus(-1)), REASON);
    refused_for(|field| field[S..S + 48].copy_from_slice(&order_plus(-1)), REASON);
}

#[test]
fn a_signature_with_padding_of_r_or_s_that_is_not_zero_is_refused() {
    for position in [R + 48, R + 71] {
        let reason = "signature component r has bytes other than zero above its 48";
        refused_for(|field| field[position] = 1, reason);
    }
    for position in [S + 48, S + 71] {
        let reason = "signature component s has bytes other than zero above its 48";
        refused_for(|field| field[position] = 1, reason);
    }
}

#[test]
fn a_signature_with_padding_behind_s_that_is_not_zero_is_refused() {
    for position in [S + 72, 300, 511] {
        refused_for(|field| field[position] = 1, "signature has bytes other than zero after its components");
    }
}

#[test]
fn another_signature_algorithm_is_refused() {
    for algorithm in [0, 2, u32::MAX] {
        let findings =
            refused(honest().edit(|report| report.signature_algo = algorithm), &["report field SIGNATURE"]);
        let reason =
            format!("signature algorithm is {algorithm}, but only 1 (ECDSA P-384 with SHA-384) is defined");
        assert_eq!(findings[0].found, reason);
    }
}

#[test]
fn a_signature_over_another_report_is_refused() {
    let mut document = honest().sign().unwrap();
    document.report.report_id[0] ^= 1;
    let findings = refused_by(&verifier(reference()), &evidence(&document), &["report field SIGNATURE"]);
    assert_eq!(findings[0].found, "signature does not verify with the key of the endorsement certificate");
}

#[test]
fn a_signature_field_that_is_a_byte_too_long_or_too_short_is_refused() {
    for length in [0, 511, 513] {
        let document = honest().sign().unwrap();
        let mut signature = document.report.signature.to_vec();
        signature.resize(length, 0);
        // Field 28 of the report, which is field 1 of the document: once more, the last value counts.
        let field = message_field(1, &message_field(28, &signature));
        let reason = format!("document field signature is {length} bytes long, but must be 512");
        unreadable([document.encode(), field].concat(), &reason);
    }
}
