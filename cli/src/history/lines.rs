//! Events as JSON lines: what `history --output json` prints, and what `verify` writes to `history.jsonl`.

use contrast_attestation::EvidenceType;
use contrast_manifest::{SeedConsent, SeedGrounds};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Author, CaGeneration, Event, ManifestSet, Proof, Record, SeedHandedOver, record::Cause};

/// One event on one line, without the line's end.
pub(crate) fn line(record: &Record) -> String {
    // Numbers and strings under fixed names always have a JSON form.
    serde_json::to_string(&Line::from(record)).unwrap_or_default()
}

/// The event that a line stands for.
pub(super) fn read_line(line: &str) -> Result<Record, serde_json::Error> {
    let line: Line = serde_json::from_str(line)?;
    Ok(line.into())
}

/// When an event happened, for people: RFC 3339, to the second.
pub(crate) fn readable_time(time_unix_ms: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(time_unix_ms.div_euclid(1000));
    time.ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| format!("{time_unix_ms} ms"))
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    position: u64,
    /// For people; `time_unix_ms` is what counts.
    #[serde(default)]
    time: String,
    time_unix_ms: i64,
    #[serde(flatten)]
    event: EventForm,
    log_digest: Hash,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all_fields = "camelCase")]
enum EventForm {
    ManifestSet {
        manifest: Hash,
        policies: Vec<Hash>,
        author: AuthorForm,
        previous_transition: Hash,
        transition: Hash,
        #[serde(with = "hex")]
        signature: Vec<u8>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seed_grounds: Option<GroundsForm>,
    },
    CaGenerationStarted {
        generation: u64,
        cause: CauseForm,
        #[serde(with = "text")]
        intermediate_ca: Vec<u8>,
        #[serde(with = "text")]
        mesh_ca: Vec<u8>,
        #[serde(with = "text", default, skip_serializing_if = "Vec::is_empty")]
        root_ca: Vec<u8>,
        #[serde(with = "text", default, skip_serializing_if = "Vec::is_empty")]
        transition_signer: Vec<u8>,
    },
    Recovered {
        author: AuthorForm,
        transition: Hash,
    },
    SeedHandedOver {
        policy: Hash,
        transition: Hash,
        platform: PlatformForm,
        evidence_digest: Hash,
        accepted_by: String,
    },
    SeedConsentGiven {
        consent: SeedConsent,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroundsForm {
    reference_values: Hash,
    coordinators: Vec<Hash>,
}

#[derive(Serialize, Deserialize)]
enum PlatformForm {
    Snp,
    Tdx,
    Simulated,
}

#[derive(Serialize, Deserialize)]
struct AuthorForm {
    proof: ProofForm,
    /// SHA-256 of the public key.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Hash>,
}

#[derive(Serialize, Deserialize)]
enum ProofForm {
    None,
    TlsKey,
    Signature,
}

#[derive(Serialize, Deserialize)]
enum CauseForm {
    ManifestSet,
    Recovery,
}

/// 32 bytes, in hexadecimal.
#[derive(Clone, Copy)]
struct Hash([u8; 32]);

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut hash = [0; 32];
        hex::decode_to_slice(text, &mut hash).map_err(D::Error::custom)?;
        Ok(Self(hash))
    }
}

/// PEM is text.
mod text {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&String::from_utf8_lossy(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        String::deserialize(deserializer).map(String::into_bytes)
    }
}

/// Bytes in hexadecimal.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) use ::hex::{decode_to_slice, encode};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        ::hex::decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl From<&Record> for Line {
    fn from(record: &Record) -> Self {
        let event = match &record.event {
            Event::ManifestSet(set) => EventForm::ManifestSet {
                manifest: Hash(set.manifest),
                policies: set.policies.iter().copied().map(Hash).collect(),
                author: set.author.into(),
                previous_transition: Hash(set.previous),
                transition: Hash(set.transition),
                signature: set.signature.clone(),
                seed_grounds: set.seed_grounds.as_ref().map(GroundsForm::from),
            },
            Event::CaGenerationStarted(started) => EventForm::CaGenerationStarted {
                generation: started.generation,
                cause: match started.cause {
                    Cause::ManifestSet => CauseForm::ManifestSet,
                    Cause::Recovery => CauseForm::Recovery,
                },
                intermediate_ca: started.intermediate_ca.clone(),
                mesh_ca: started.mesh_ca.clone(),
                root_ca: started.root_ca.clone(),
                transition_signer: started.transition_signer.clone(),
            },
            Event::Recovered { author, transition } => {
                EventForm::Recovered { author: (*author).into(), transition: Hash(*transition) }
            }
            Event::SeedHandedOver(handed) => EventForm::SeedHandedOver {
                policy: Hash(handed.policy),
                transition: Hash(handed.transition),
                platform: match handed.platform {
                    EvidenceType::Snp => PlatformForm::Snp,
                    EvidenceType::Tdx => PlatformForm::Tdx,
                    EvidenceType::Simulated => PlatformForm::Simulated,
                },
                evidence_digest: Hash(handed.evidence),
                accepted_by: handed.accepted_by.clone(),
            },
            Event::SeedConsentGiven(consent) => EventForm::SeedConsentGiven { consent: consent.clone() },
        };
        Self {
            position: record.position,
            time: readable_time(record.time_unix_ms),
            time_unix_ms: record.time_unix_ms,
            event,
            log_digest: Hash(record.log_digest),
        }
    }
}

impl From<Line> for Record {
    fn from(line: Line) -> Self {
        let event = match line.event {
            EventForm::ManifestSet {
                manifest,
                policies,
                author,
                previous_transition,
                transition,
                signature,
                seed_grounds,
            } => Event::ManifestSet(ManifestSet {
                manifest: manifest.0,
                policies: policies.into_iter().map(|hash| hash.0).collect(),
                author: author.into(),
                previous: previous_transition.0,
                transition: transition.0,
                signature,
                seed_grounds: seed_grounds.map(SeedGrounds::from),
            }),
            EventForm::CaGenerationStarted {
                generation,
                cause,
                intermediate_ca,
                mesh_ca,
                root_ca,
                transition_signer,
            } => {
                let cause = match cause {
                    CauseForm::ManifestSet => Cause::ManifestSet,
                    CauseForm::Recovery => Cause::Recovery,
                };
                Event::CaGenerationStarted(CaGeneration {
                    generation,
                    cause,
                    intermediate_ca,
                    mesh_ca,
                    root_ca,
                    transition_signer,
                })
            }
            EventForm::Recovered { author, transition } => {
                Event::Recovered { author: author.into(), transition: transition.0 }
            }
            EventForm::SeedHandedOver { policy, transition, platform, evidence_digest, accepted_by } => {
                Event::SeedHandedOver(SeedHandedOver {
                    policy: policy.0,
                    transition: transition.0,
                    platform: match platform {
                        PlatformForm::Snp => EvidenceType::Snp,
                        PlatformForm::Tdx => EvidenceType::Tdx,
                        PlatformForm::Simulated => EvidenceType::Simulated,
                    },
                    evidence: evidence_digest.0,
                    accepted_by,
                })
            }
            EventForm::SeedConsentGiven { consent } => Event::SeedConsentGiven(consent),
        };
        Self {
            position: line.position,
            log_digest: line.log_digest.0,
            time_unix_ms: line.time_unix_ms,
            event,
        }
    }
}

impl From<&SeedGrounds> for GroundsForm {
    fn from(grounds: &SeedGrounds) -> Self {
        let coordinators = grounds.coordinators.iter().copied().map(Hash).collect();
        Self { reference_values: Hash(grounds.reference_values), coordinators }
    }
}

impl From<GroundsForm> for SeedGrounds {
    fn from(grounds: GroundsForm) -> Self {
        let coordinators = grounds.coordinators.into_iter().map(|hash| hash.0).collect();
        Self { reference_values: grounds.reference_values.0, coordinators }
    }
}

impl From<Author> for AuthorForm {
    fn from(author: Author) -> Self {
        let proof = match author.proof {
            Proof::None => ProofForm::None,
            Proof::TlsKey => ProofForm::TlsKey,
            Proof::Signature => ProofForm::Signature,
        };
        Self { proof, key: author.key.map(Hash) }
    }
}

impl From<AuthorForm> for Author {
    fn from(author: AuthorForm) -> Self {
        let proof = match author.proof {
            ProofForm::None => Proof::None,
            ProofForm::TlsKey => Proof::TlsKey,
            ProofForm::Signature => Proof::Signature,
        };
        Self { proof, key: author.key.map(|hash| hash.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::testing::{Scribe, manifest_of};

    #[test]
    fn every_kind_of_event_survives_its_line() {
        let mut scribe = Scribe::new();
        scribe.set(&manifest_of("first", &["package policy"]), &["package policy"]);
        scribe.hand_over("package policy", "simulated-0");
        scribe.consent("package policy");
        scribe.recover();
        for record in scribe.history.records {
            let text = line(&record);
            assert!(!text.contains('\n'));
            assert_eq!(read_line(&text).unwrap(), record);
        }
    }

    #[test]
    fn a_line_that_is_no_event_is_refused() {
        for text in ["", "{}", r#"{"position":0,"timeUnixMs":0,"logDigest":"00","event":"ManifestSet"}"#] {
            assert!(read_line(text).is_err(), "{text}");
        }
    }
}
