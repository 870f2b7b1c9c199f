//! The events of a deployment's history, and their protobuf form.
//!
//! The schema is `proto/proto/events.proto`. When a later schema replaces a form, the older one is
//! read here and lifted to the present one; the rest of the Coordinator knows only this module's types.

mod seed;

use contrast_manifest::{SeedConsent, SeedGrounds};
use contrast_proto::events::v1 as wire;
use prost::Message;

pub use seed::{SeedHandedOver, consent, wire_consent};

/// A SHA-256 digest.
pub type Digest = [u8; 32];

/// Something that happened to the deployment, and when (milliseconds since the Unix epoch).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// The Coordinator's clock at the decision; for readers only, nothing depends on it.
    pub time_unix_ms: i64,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EventKind {
    /// A manifest became the current one.
    ManifestSet(ManifestSet),
    /// A new mesh CA took over.
    CaGenerationStarted(CaGenerationStarted),
    /// A restarted Coordinator was unlocked.
    Recovered(Recovered),
    /// The seed was given to a peer Coordinator.
    SeedHandedOver(SeedHandedOver),
    /// A seed share owner consented to giving it to policies of the current manifest.
    SeedConsentGiven(SeedConsent),
}

/// A manifest became the current one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ManifestSet {
    /// SHA-256 of the manifest's bytes.
    pub manifest: Digest,
    /// SHA-256 of every policy that the manifest refers to, ascending.
    pub policies: Vec<Digest>,
    /// Who set it.
    pub author: Author,
    /// Transition hash before; zeros for the first manifest.
    pub previous: Digest,
    /// Transition hash after.
    pub transition: Digest,
    /// ASN.1 DER ECDSA over `transition` as message digest.
    pub signature: Vec<u8>,
    /// Who could be given the seed by this manifest; `None` in events of older releases.
    pub seed_grounds: Option<SeedGrounds>,
}

/// A new mesh CA took over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaGenerationStarted {
    /// From 1, without gaps.
    pub generation: u64,
    /// Why.
    pub cause: Cause,
    /// PEM of the certificates that it goes by.
    pub certificates: GenerationCertificates,
    /// PEM of the certificates that stay for the life of the deployment; in generation 1 only.
    pub lasting: Option<LastingCertificates>,
}

/// PEM of the certificates of one mesh CA key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GenerationCertificates {
    /// Signed by the root CA.
    pub intermediate_ca: String,
    /// Self-signed; same name and key as the intermediate CA.
    pub mesh_ca: String,
}

/// PEM of the certificates that stay for the life of the deployment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LastingCertificates {
    /// The root CA.
    pub root_ca: String,
    /// Certificate of the transition signing key, signed by the root CA.
    pub transition_signer: String,
}

/// Why a CA generation started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// A manifest was set.
    ManifestSet,
    /// The Coordinator was recovered.
    Recovery,
}

/// A restarted Coordinator was unlocked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recovered {
    /// Who brought the seed.
    pub author: Author,
    /// Latest transition hash at that moment.
    pub transition: Digest,
}

/// Who caused an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Author {
    /// Nobody in particular: the first manifest needs no proof.
    Anyone,
    /// The holder of the TLS client key with this digest (SHA-256 over the owner form of the key).
    TlsKey(Digest),
    /// The holder of the workload owner key with this digest signed the transition.
    Signature(Digest),
}

/// Why stored bytes are not an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Not a protobuf message of the schema.
    #[error("it is not a protobuf event: {0}")]
    NotProtobuf(prost::DecodeError),
    /// A kind of event that this program does not know.
    #[error("it is of a kind that this version does not know; use the version that wrote it, or a newer one")]
    UnknownKind,
    /// A field that every event of that kind has is missing or has a wrong length.
    #[error("its field `{0}` is missing or malformed")]
    Malformed(&'static str),
}

impl Event {
    /// The bytes that are sealed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        wire::Event::from(self.clone()).encode_to_vec()
    }

    /// SHA-256 of every content that the event refers to: a manifest, then its policies.
    pub fn contents(&self) -> impl Iterator<Item = Digest> + use<> {
        let set = match &self.kind {
            EventKind::ManifestSet(set) => Some([&[set.manifest], set.policies.as_slice()].concat()),
            EventKind::CaGenerationStarted(_)
            | EventKind::Recovered(_)
            | EventKind::SeedHandedOver(_)
            | EventKind::SeedConsentGiven(_) => None,
        };
        set.into_iter().flatten()
    }

    /// Reads what [`Event::encode`] wrote, now or in an earlier release.
    ///
    /// # Errors
    /// See [`EventError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, EventError> {
        wire::Event::decode(bytes).map_err(EventError::NotProtobuf)?.try_into()
    }
}

impl From<Event> for wire::Event {
    fn from(event: Event) -> Self {
        let kind = match event.kind {
            EventKind::ManifestSet(set) => wire::event::Kind::ManifestSet(wire::ManifestSet {
                manifest_digest: set.manifest.to_vec(),
                policy_digests: Vec::new(),
                author: Some(set.author.into()),
                previous_transition: set.previous.to_vec(),
                transition: set.transition.to_vec(),
                signature: set.signature,
                policies: set.policies.concat(),
                seed_grounds: seed::wire_grounds(set.seed_grounds),
            }),
            EventKind::CaGenerationStarted(started) => {
                let (root_ca, transition_signer) = match started.lasting {
                    Some(lasting) => (lasting.root_ca.into_bytes(), lasting.transition_signer.into_bytes()),
                    None => Default::default(),
                };
                wire::event::Kind::CaGenerationStarted(wire::CaGenerationStarted {
                    generation: started.generation,
                    cause: match started.cause {
                        Cause::ManifestSet => wire::Cause::ManifestSet.into(),
                        Cause::Recovery => wire::Cause::Recovery.into(),
                    },
                    intermediate_ca: started.certificates.intermediate_ca.into_bytes(),
                    mesh_ca: started.certificates.mesh_ca.into_bytes(),
                    root_ca,
                    transition_signer,
                })
            }
            EventKind::Recovered(recovered) => wire::event::Kind::Recovered(wire::Recovered {
                author: Some(recovered.author.into()),
                transition: recovered.transition.to_vec(),
            }),
            EventKind::SeedHandedOver(handed) => wire::event::Kind::SeedHandedOver(handed.into()),
            EventKind::SeedConsentGiven(consent) => {
                let consent = Some(wire_consent(consent));
                wire::event::Kind::SeedConsentGiven(wire::SeedConsentGiven { consent })
            }
        };
        Self { time_unix_ms: event.time_unix_ms, kind: Some(kind) }
    }
}

impl TryFrom<wire::Event> for Event {
    type Error = EventError;

    fn try_from(event: wire::Event) -> Result<Self, EventError> {
        let kind = match event.kind.ok_or(EventError::UnknownKind)? {
            wire::event::Kind::ManifestSet(set) => EventKind::ManifestSet(set.try_into()?),
            wire::event::Kind::CaGenerationStarted(started) => {
                EventKind::CaGenerationStarted(started.try_into()?)
            }
            wire::event::Kind::Recovered(recovered) => EventKind::Recovered(Recovered {
                author: author(recovered.author)?,
                transition: digest(&recovered.transition, "transition")?,
            }),
            wire::event::Kind::SeedHandedOver(handed) => EventKind::SeedHandedOver(handed.try_into()?),
            wire::event::Kind::SeedConsentGiven(given) => {
                EventKind::SeedConsentGiven(consent(given.consent.ok_or(EventError::Malformed("consent"))?)?)
            }
        };
        Ok(Self { time_unix_ms: event.time_unix_ms, kind })
    }
}

impl TryFrom<wire::ManifestSet> for ManifestSet {
    type Error = EventError;

    fn try_from(set: wire::ManifestSet) -> Result<Self, EventError> {
        Ok(Self {
            manifest: digest(&set.manifest_digest, "manifest_digest")?,
            policies: policies(&set.policies, &set.policy_digests)?,
            author: author(set.author)?,
            previous: digest(&set.previous_transition, "previous_transition")?,
            transition: digest(&set.transition, "transition")?,
            signature: set.signature,
            seed_grounds: seed::grounds(&set.seed_grounds)?,
        })
    }
}

/// In one piece, or in the older form as `separate` fields: never in both, and no manifest is without policies.
fn policies(packed: &[u8], separate: &[Vec<u8>]) -> Result<Vec<Digest>, EventError> {
    match (packed.as_chunks(), separate) {
        (([], []), [_, ..]) => separate.iter().map(|policy| digest(policy, "policy_digests")).collect(),
        ((policies @ [_, ..], []), []) => Ok(policies.to_vec()),
        _ => Err(EventError::Malformed("policies")),
    }
}

impl TryFrom<wire::CaGenerationStarted> for CaGenerationStarted {
    type Error = EventError;

    fn try_from(started: wire::CaGenerationStarted) -> Result<Self, EventError> {
        let cause = match started.cause() {
            wire::Cause::ManifestSet => Cause::ManifestSet,
            wire::Cause::Recovery => Cause::Recovery,
            wire::Cause::Unspecified => return Err(EventError::Malformed("cause")),
        };
        let lasting = if started.root_ca.is_empty() && started.transition_signer.is_empty() {
            None
        } else {
            Some(LastingCertificates {
                root_ca: pem(started.root_ca, "root_ca")?,
                transition_signer: pem(started.transition_signer, "transition_signer")?,
            })
        };
        Ok(Self {
            generation: started.generation,
            cause,
            certificates: GenerationCertificates {
                intermediate_ca: pem(started.intermediate_ca, "intermediate_ca")?,
                mesh_ca: pem(started.mesh_ca, "mesh_ca")?,
            },
            lasting,
        })
    }
}

impl From<Author> for wire::Author {
    fn from(author: Author) -> Self {
        let (proof, key_digest) = match author {
            Author::Anyone => (wire::Proof::None, Vec::new()),
            Author::TlsKey(digest) => (wire::Proof::TlsKey, digest.to_vec()),
            Author::Signature(digest) => (wire::Proof::Signature, digest.to_vec()),
        };
        Self { proof: proof.into(), key_digest }
    }
}

fn author(author: Option<wire::Author>) -> Result<Author, EventError> {
    let author = author.ok_or(EventError::Malformed("author"))?;
    match author.proof() {
        wire::Proof::None => Ok(Author::Anyone),
        wire::Proof::TlsKey => Ok(Author::TlsKey(digest(&author.key_digest, "author.key_digest")?)),
        wire::Proof::Signature => Ok(Author::Signature(digest(&author.key_digest, "author.key_digest")?)),
        wire::Proof::Unspecified => Err(EventError::Malformed("author.proof")),
    }
}

fn digest(bytes: &[u8], field: &'static str) -> Result<Digest, EventError> {
    bytes.try_into().map_err(|_| EventError::Malformed(field))
}

fn pem(bytes: Vec<u8>, field: &'static str) -> Result<String, EventError> {
    String::from_utf8(bytes).map_err(|_| EventError::Malformed(field))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_author() -> impl Strategy<Value = Author> {
        prop_oneof![
            Just(Author::Anyone),
            any::<Digest>().prop_map(Author::TlsKey),
            any::<Digest>().prop_map(Author::Signature)
        ]
    }

    fn any_kind() -> impl Strategy<Value = EventKind> {
        let set = (
            any::<[Digest; 3]>(),
            proptest::collection::vec(any::<Digest>(), 1..30),
            any_author(),
            any::<Vec<u8>>(),
            proptest::option::of((any::<Digest>(), proptest::collection::vec(any::<Digest>(), 1..9))),
        )
            .prop_map(|([manifest, previous, transition], policies, author, signature, grounds)| {
                EventKind::ManifestSet(ManifestSet {
                    manifest,
                    policies,
                    author,
                    previous,
                    transition,
                    signature,
                    seed_grounds: grounds.map(|(reference_values, coordinators)| SeedGrounds {
                        coordinators,
                        reference_values,
                    }),
                })
            });
        let lasting = proptest::option::of(
            ("[a-z]{1,9}", "[a-z]{1,9}")
                .prop_map(|(root_ca, transition_signer)| LastingCertificates { root_ca, transition_signer }),
        );
        let started = (any::<u64>(), any::<bool>(), "[a-z]*", "[a-z]*", lasting).prop_map(
            |(generation, recovery, intermediate_ca, mesh_ca, lasting)| {
                EventKind::CaGenerationStarted(CaGenerationStarted {
                    generation,
                    cause: if recovery { Cause::Recovery } else { Cause::ManifestSet },
                    certificates: GenerationCertificates { intermediate_ca, mesh_ca },
                    lasting,
                })
            },
        );
        let recovered = (any_author(), any::<Digest>())
            .prop_map(|(author, transition)| EventKind::Recovered(Recovered { author, transition }));
        let platform = proptest::sample::select(&contrast_attestation::EvidenceType::ALL[..]);
        let handed_over = (any::<[Digest; 3]>(), platform, any::<String>()).prop_map(
            |([policy, transition, evidence], platform, accepted_by)| {
                EventKind::SeedHandedOver(SeedHandedOver {
                    policy,
                    transition,
                    platform,
                    evidence,
                    accepted_by,
                })
            },
        );
        let consent =
            (any::<[Digest; 2]>(), proptest::collection::vec(any::<Digest>(), 1..9), any::<Vec<u8>>())
                .prop_map(|([transition, owner], policies, signature)| {
                    EventKind::SeedConsentGiven(SeedConsent { transition, policies, owner, signature })
                });
        prop_oneof![set, started, recovered, handed_over, consent]
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_read_back(time_unix_ms: i64, kind in any_kind()) {
            let event = Event { time_unix_ms, kind };
            prop_assert_eq!(Event::decode(&event.encode()), Ok(event));
        }

        #[test]
        fn no_bytes_make_decoding_panic(bytes: Vec<u8>) {
            let _ = Event::decode(&bytes);
        }
    }

    fn two_policies() -> wire::ManifestSet {
        wire::ManifestSet {
            manifest_digest: vec![1; 32],
            author: Some(Author::Anyone.into()),
            previous_transition: vec![2; 32],
            transition: vec![3; 32],
            signature: vec![4; 70],
            policies: [[5; 32], [6; 32]].concat(),
            ..Default::default()
        }
    }

    fn decoded(set: wire::ManifestSet) -> Result<Event, EventError> {
        let kind = Some(wire::event::Kind::ManifestSet(set));
        Event::decode(&wire::Event { time_unix_ms: 1, kind }.encode_to_vec())
    }

    #[test]
    fn policies_in_fields_of_their_own_are_read_as_the_same_event() {
        let older = wire::ManifestSet {
            policies: Vec::new(),
            policy_digests: vec![vec![5; 32], vec![6; 32]],
            ..two_policies()
        };
        let event = decoded(older).unwrap();
        assert_eq!(event.contents().collect::<Vec<_>>(), [[1; 32], [5; 32], [6; 32]]);
        assert_eq!(decoded(two_policies()), Ok(event));
    }

    #[test]
    fn policies_in_both_forms_or_none_or_of_a_wrong_length_are_refused() {
        let with = |policies: Vec<u8>, policy_digests| {
            decoded(wire::ManifestSet { policies, policy_digests, ..two_policies() })
        };
        let malformed = |field| Err(EventError::Malformed(field));
        assert_eq!(with(vec![5; 32], vec![vec![5; 32]]), malformed("policies"));
        assert_eq!(with(vec![], vec![]), malformed("policies"));
        for length in [1, 31, 33, 63] {
            assert_eq!(with(vec![5; length], vec![]), malformed("policies"));
        }
        assert_eq!(with(vec![5; 31], vec![vec![5; 32]]), malformed("policies"));
        assert_eq!(with(vec![], vec![vec![5; 31]]), malformed("policy_digests"));
    }

    #[test]
    fn an_event_of_an_older_release_says_nothing_about_the_seed() {
        let grounds =
            |seed_grounds: Vec<u8>| match decoded(wire::ManifestSet { seed_grounds, ..two_policies() })?.kind
            {
                EventKind::ManifestSet(set) => Ok(set.seed_grounds),
                other => panic!("{other:?}"),
            };
        assert_eq!(grounds(Vec::new()), Ok(None));
        let expected = SeedGrounds { coordinators: vec![[8; 32]], reference_values: [7; 32] };
        assert_eq!(grounds([[7; 32], [8; 32]].concat()), Ok(Some(expected)));
        for length in [1, 32, 63, 65] {
            assert_eq!(grounds(vec![7; length]), Err(EventError::Malformed("seed_grounds")));
        }
    }

    #[test]
    fn an_event_of_an_unknown_kind_says_so() {
        let unknown = [0x7a, 0x00]; // field 15, an empty message
        assert_eq!(Event::decode(&unknown), Err(EventError::UnknownKind));
    }
}
