//! No byte of accepted evidence, or of the collateral that it is judged with, is without effect.

use std::{sync::LazyLock, time::SystemTime};

use contrast_attestation::{
    Evidence, EvidenceType, Verifier,
    tdx::{Collateral, CollateralParts},
};
use proptest::prelude::*;

use crate::{current, world::*};

/// Quotes of version 4, of version 5, and of version 5 with the body of TDX 1.5.
static HONEST: LazyLock<[Made; 3]> = LazyLock::new(|| {
    [(4, None), (5, None), (5, Some(current()))].map(|(version, tdx_1_5)| {
        let mut recipe = honest();
        recipe.header.version = version;
        recipe.body.tdx_1_5 = tdx_1_5;
        let made = recipe.make();
        made.accepted();
        made
    })
});

fn is_refused(made: &Made, document: Vec<u8>) -> bool {
    let evidence = Evidence { evidence_type: EvidenceType::Tdx, document };
    made.verifier().appraise(&evidence, &REPORT_DATA, SystemTime::UNIX_EPOCH + NOW).is_err()
}

/// Every byte with another bit; the property test below tries the others.
fn flip_each(made: &Made) {
    let honest = made.document.encode();
    for position in 0..honest.len() {
        let mut document = honest.clone();
        document[position] ^= 1 << (position % 8);
        assert!(is_refused(made, document), "byte {position} of {} has no effect", honest.len());
    }
}

#[test]
fn flipping_any_byte_of_a_version_4_quote_makes_the_appraisal_fail() {
    flip_each(&HONEST[0]);
}

#[test]
fn flipping_any_byte_of_a_version_5_quote_makes_the_appraisal_fail() {
    flip_each(&HONEST[1]);
}

#[test]
fn flipping_any_byte_of_a_quote_with_the_body_of_tdx_1_5_makes_the_appraisal_fail() {
    flip_each(&HONEST[2]);
}

/// A part of collateral: its name, and how one byte of it is changed.
type Part = (&'static str, fn(&mut CollateralParts) -> Bytes<'_>);

enum Bytes<'a> {
    Text(&'a mut String),
    Binary(&'a mut Vec<u8>),
}

const PARTS: [Part; 9] = [
    ("pck_crl_issuer_chain", |parts| Bytes::Text(&mut parts.pck_crl_issuer_chain)),
    ("root_ca_crl", |parts| Bytes::Binary(&mut parts.root_ca_crl)),
    ("pck_crl", |parts| Bytes::Binary(&mut parts.pck_crl)),
    ("tcb_info_issuer_chain", |parts| Bytes::Text(&mut parts.tcb_info_issuer_chain)),
    ("tcb_info", |parts| Bytes::Text(&mut parts.tcb_info)),
    ("tcb_info_signature", |parts| Bytes::Binary(&mut parts.tcb_info_signature)),
    ("qe_identity_issuer_chain", |parts| Bytes::Text(&mut parts.qe_identity_issuer_chain)),
    ("qe_identity", |parts| Bytes::Text(&mut parts.qe_identity)),
    ("qe_identity_signature", |parts| Bytes::Binary(&mut parts.qe_identity_signature)),
];

impl Bytes<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Text stays text: all of it is ASCII.
    fn change(self, position: usize, change: u8) {
        match self {
            Self::Text(text) => {
                let mut bytes = std::mem::take(text).into_bytes();
                bytes[position] ^= change & 0x7F;
                *text = String::from_utf8(bytes).unwrap();
            }
            Self::Binary(bytes) => bytes[position] ^= change,
        }
    }
}

/// Refused as collateral, or with the evidence.
fn is_refused_with(parts: CollateralParts) -> bool {
    let changed = Made { parts, ..HONEST[0].clone() };
    Collateral::new(changed.parts.clone()).is_err() || changed.appraise_at(NOW).is_err()
}

#[test]
fn flipping_any_byte_of_the_collateral_makes_the_appraisal_fail() {
    for (name, part) in PARTS {
        let length = part(&mut HONEST[0].parts.clone()).len();
        assert_ne!(length, 0, "{name}");
        for position in 0..length {
            let mut parts = HONEST[0].parts.clone();
            part(&mut parts).change(position, 1 << (position % 7));
            assert!(is_refused_with(parts), "byte {position} of {length} of {name} has no effect");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn evidence_with_any_change_is_refused(
        version in 0..3_usize, position in any::<prop::sample::Index>(), change in 1_u8..
    ) {
        let made = &HONEST[version];
        let mut document = made.document.encode();
        let position = position.index(document.len());
        document[position] ^= change;
        prop_assert!(is_refused(made, document), "byte {position} has no effect");
    }

    #[test]
    fn collateral_with_any_change_is_refused(
        part in 0..PARTS.len(), position in any::<prop::sample::Index>(), change in 1_u8..0x80
    ) {
        let (name, part) = PARTS[part];
        let mut parts = HONEST[0].parts.clone();
        let position = position.index(part(&mut parts).len());
        part(&mut parts).change(position, change);
        prop_assert!(is_refused_with(parts), "byte {position} of {name} has no effect");
    }

    #[test]
    fn collateral_in_json_with_any_change_says_the_same_or_is_refused(
        position in any::<prop::sample::Index>(), change in 1_u8..
    ) {
        let honest = &HONEST[0].parts;
        let mut json = serde_json::to_vec(honest).unwrap();
        let position = position.index(json.len());
        json[position] ^= change;
        // A digit of hex may be of another case.
        if let Ok(collateral) = Collateral::parse(&json) && collateral.parts() != honest {
            prop_assert!(is_refused_with(collateral.parts().clone()), "byte {position} has no effect");
        }
    }
}
