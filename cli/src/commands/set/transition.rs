//! Where the new manifest belongs in the history, and where it went.

use contrast_manifest::{NO_TRANSITION, transition_hash};
use contrast_proto::userapi::SetManifestResponse;

use super::{super::check, error::SetError};
use crate::{
    arguments::SetOptions,
    coordinator::{Address, Coordinator, CoordinatorError, Extent},
    deployment::Known,
    failure::Failure,
    history::{Checked, Contents, History, setting_table},
    output,
    workspace::Memory,
};

/// Where the new manifest belongs in the history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// At its beginning: a workspace that knows no deployment makes one.
    First,
    /// Right after a transition.
    After([u8; 32]),
    /// At its end, whatever others set since the workspace looked: it knows the transition.
    End(Memory),
}

impl Place {
    /// What the options and the workspace's memory say.
    pub(super) fn of(options: &SetOptions, memory: Option<Memory>) -> Result<Self, SetError> {
        if let (Some(_), Some(Memory { latest, .. })) = (options.join, memory) {
            return Err(SetError::NothingToJoin { known: latest });
        }
        // A signature or a consent holds after one transition; the Coordinator should say so if that is not the latest.
        let follows_one = options.atomic || options.signature.is_some() || options.seed_consent.is_some();
        Ok(match (options.join, memory) {
            (Some(given), _) => Self::after(given),
            (None, Some(memory)) if !follows_one => Self::End(memory),
            (None, memory) => Self::after(given_or_remembered(
                options.latest_transition,
                memory.map(|memory| memory.latest),
            )),
        })
    }

    fn after(transition: [u8; 32]) -> Self {
        if transition == NO_TRANSITION { Self::First } else { Self::After(transition) }
    }

    /// The transition that the manifest must follow; `None`: any.
    pub(super) fn previous(self) -> Option<[u8; 32]> {
        match self {
            Self::First => Some(NO_TRANSITION),
            Self::After(transition) => Some(transition),
            Self::End(_) => None,
        }
    }
}

/// The transition that was given, or the remembered one, or none: that before the first manifest.
pub(crate) fn given_or_remembered(given: Option<[u8; 32]>, remembered: Option<[u8; 32]>) -> [u8; 32] {
    given.or(remembered).unwrap_or(NO_TRANSITION)
}

/// What the workspace knows after an answer, unless the manifest went somewhere else than it should. `None` if the
/// Coordinator does not say which transition it made.
///
/// A Coordinator of this release has refused such a request by itself. Others do not look at what a client remembers, and
/// some not even at what the manifest must follow.
pub(super) async fn learn(
    place: Place,
    known: &Known,
    address: &Address,
    manifest: [u8; 32],
    response: &SetManifestResponse,
) -> Result<Option<Memory>, Failure> {
    let said = response.latest_transition.as_ref();
    let said = said.and_then(|latest| latest.transition_hash.as_slice().try_into().ok());
    match (place, standing(place, manifest, said, response.seed_shares_doc.is_some())) {
        (_, Standing::Known(memory)) => Ok(Some(memory)),
        (Place::First, Standing::Other) => Err(SetError::NotTheFirst.into()),
        (Place::After(transition) | Place::End(Memory { latest: transition, .. }), Standing::Other) => {
            Err(SetError::Elsewhere { source: known.rolled_back(transition) }.into())
        }
        (Place::End(memory), Standing::Open(said)) => look_up(known, memory, address, said).await.map(Some),
        (Place::End(_), Standing::Silent) => {
            output::warning(
                "this Coordinator does not say which transition it made; whether its history has the one that this \
                 workspace knows was not checked.",
            );
            Ok(None)
        }
        (Place::After(transition), Standing::Followed(said)) => {
            Ok(Some(Memory::after_own(known.memory(), transition, said)))
        }
        (_, Standing::Followed(_) | Standing::Open(_) | Standing::Silent) => Ok(None),
    }
}

/// What an answer alone tells.
#[derive(PartialEq, Eq, Debug)]
enum Standing {
    /// The manifest is where it belongs.
    Known(Memory),
    /// It follows the transition that it must follow, and became this one.
    Followed([u8; 32]),
    /// It is not.
    Other,
    /// Only the history tells: others set manifests before this transition.
    Open([u8; 32]),
    /// Nothing more can be known.
    Silent,
}

/// `with_seed_shares`: only the first manifest of a deployment is answered with them.
fn standing(place: Place, manifest: [u8; 32], said: Option<[u8; 32]>, with_seed_shares: bool) -> Standing {
    let after = |transition| transition_hash(manifest, transition);
    let first = after(NO_TRANSITION);
    match (place, said) {
        // A Coordinator that ignores "nothing before" gives itself away by having no seed shares to send.
        (Place::First, _) if !with_seed_shares => Standing::Other,
        (Place::First, Some(said)) if said != first => Standing::Other,
        (Place::First, Some(said)) => Standing::Known(Memory::all_seen(said)),
        (Place::After(_), _) if with_seed_shares => Standing::Other,
        (Place::After(transition), Some(said)) if said != after(transition) => Standing::Other,
        (Place::End(memory), _) if with_seed_shares && memory.latest != first => Standing::Other,
        (Place::End(memory), Some(said)) if said == memory.latest => Standing::Known(memory),
        (Place::End(memory), Some(said)) if said == after(memory.latest) => {
            Standing::Known(Memory::after_own(Some(memory), memory.latest, said))
        }
        (Place::End(_), Some(said)) => Standing::Open(said),
        (Place::After(_), Some(said)) => Standing::Followed(said),
        (_, None) => Standing::Silent,
    }
}

/// Fetches the history and looks for the remembered transition and the new one.
async fn look_up(
    known: &Known,
    memory: Memory,
    address: &Address,
    said: [u8; 32],
) -> Result<Memory, Failure> {
    let asked = fetch(address).await;
    let (history, checked) =
        asked.map_err(|failure| SetError::Unrecognised { reason: failure.sentence() })?;
    known.refuse_other(&history, &checked).map_err(|source| SetError::Elsewhere { source })?;
    if !history.contains(&said) {
        return Err(SetError::Elsewhere { source: known.rolled_back(said) }.into());
    }
    output::warning("others set manifests since this workspace looked last; `contrast verify` names them.");
    Ok(Memory { latest: said, seen: memory.seen })
}

/// What to say where a manifest that had to be the first was refused: who was there before.
pub(super) async fn somebody_was_first(address: &Address, refusal: CoordinatorError) -> Failure {
    // Who has no history to show, locked or older than this program, has said everything in the refusal.
    let Ok((history, checked)) = fetch(address).await else { return refusal.into() };
    let settings = history.settings();
    output::note(&format!("The Coordinator has this history:\n{}", setting_table(&settings).trim_end()));
    SetError::HadToBeFirst { manifests: settings.len(), latest: checked.latest_transition }.into()
}

async fn fetch(address: &Address) -> Result<(History, Checked), Failure> {
    let history = Coordinator::connect(address).await?.history(Extent::EventsOnly).await?;
    check(history, Contents::Absent).await
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn options(arguments: &[&str]) -> SetOptions {
        let line = [&["contrast", "set", "-c", "c", "resources"], arguments].concat();
        match Arguments::try_parse_from(line).unwrap().command {
            Command::Set(options) => options,
            other => panic!("{other:?}"),
        }
    }

    fn place(arguments: &[&str], memory: Option<Memory>) -> Place {
        Place::of(&options(arguments), memory).unwrap()
    }

    const ONE: Memory = Memory { latest: [1; 32], seen: [1; 32] };

    #[test]
    fn an_ordinary_set_is_the_first_or_follows_whatever_there_is() {
        assert_eq!(place(&[], Some(ONE)), Place::End(ONE));
        assert_eq!(place(&[], None), Place::First);
    }

    #[test]
    fn an_atomic_set_follows_the_given_transition_or_the_remembered_one_or_none() {
        let given = "02".repeat(32);
        let explicit = ["--atomic", "--latest-transition", &given];
        assert_eq!(place(&explicit, Some(ONE)), Place::After([2; 32]));
        assert_eq!(place(&explicit, None), Place::After([2; 32]));
        assert_eq!(place(&["--atomic"], Some(ONE)), Place::After([1; 32]));
        assert_eq!(place(&["--atomic"], None), Place::First);
    }

    #[test]
    fn a_set_with_a_signature_follows_the_transition_that_was_signed() {
        assert_eq!(place(&["-s", "file"], Some(ONE)), Place::After([1; 32]));
        let given = "02".repeat(32);
        for more in [&[][..], &["--atomic"]] {
            let explicit = [&["-s", "file", "--latest-transition", &given], more].concat();
            assert_eq!(place(&explicit, Some(ONE)), Place::After([2; 32]));
        }
    }

    #[test]
    fn a_workspace_joins_one_deployment_only() {
        let join = ["--join", &"02".repeat(32)];
        assert_eq!(place(&join, None), Place::After([2; 32]));
        assert!(matches!(Place::of(&options(&join), Some(ONE)), Err(SetError::NothingToJoin { .. })));
        assert_eq!(place(&["--join", &"00".repeat(32)], None), Place::First);
    }

    #[test]
    fn an_answer_without_seed_shares_is_not_that_to_a_first_manifest() {
        let first = transition_hash([5; 32], NO_TRANSITION);
        assert_eq!(standing(Place::First, [5; 32], None, false), Standing::Other);
        assert_eq!(standing(Place::First, [5; 32], Some(first), false), Standing::Other);
        assert_eq!(standing(Place::First, [5; 32], Some([2; 32]), true), Standing::Other);
        assert_eq!(standing(Place::First, [5; 32], None, true), Standing::Silent);
        assert_eq!(
            standing(Place::First, [5; 32], Some(first), true),
            Standing::Known(Memory::all_seen(first))
        );
    }

    #[test]
    fn seed_shares_of_a_new_deployment_are_refused_where_another_is_remembered() {
        let first = transition_hash([5; 32], NO_TRANSITION);
        let own = Place::End(Memory::all_seen(first));
        for (said, shares) in [(Some(first), true), (None, true)] {
            assert_eq!(standing(Place::End(ONE), [5; 32], said, shares), Standing::Other);
            assert_ne!(standing(own, [5; 32], said, shares), Standing::Other);
        }
    }

    #[test]
    fn the_next_transition_is_known_by_its_hash() {
        let next = transition_hash([5; 32], [1; 32]);
        assert_eq!(
            standing(Place::End(ONE), [5; 32], Some(next), false),
            Standing::Known(Memory::all_seen(next))
        );
        assert_eq!(standing(Place::End(ONE), [5; 32], Some([1; 32]), false), Standing::Known(ONE));
        assert_eq!(standing(Place::End(ONE), [5; 32], Some([2; 32]), false), Standing::Open([2; 32]));
        assert_eq!(standing(Place::After([1; 32]), [5; 32], Some([2; 32]), false), Standing::Other);
    }
}
