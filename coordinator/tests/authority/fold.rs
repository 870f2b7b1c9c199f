//! The fold: any history that Coordinators write replays to the same state, and no other order does.

use contrast_coordinator::{event::Event, state::State};
use contrast_store::faults::Medium;
use proptest::prelude::*;

use crate::support::{first_set, manifest, recovery, set, start};

/// What happens to a deployment after its first manifest.
#[derive(Clone, Debug)]
enum Happening {
    Set(u8),
    Restart,
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let one = prop_oneof![any::<u8>().prop_map(Happening::Set), Just(Happening::Restart)];
    proptest::collection::vec(one, 1..8)
}

/// Lets it all happen, and returns the events and the state at the end.
fn live(happenings: &[Happening]) -> (Vec<Event>, State) {
    let medium = Medium::new();
    let mut authority = start(&medium).unwrap();
    authority.set_manifest(first_set(manifest("first"))).unwrap();
    for happening in happenings {
        match happening {
            Happening::Set(name) => {
                authority.set_manifest(set(manifest(&format!("m{name}")), &authority)).unwrap();
            }
            Happening::Restart => {
                authority = start(&medium).unwrap();
                authority.recover(recovery(&authority)).unwrap();
            }
        }
    }
    let active = authority.active().unwrap();
    let events =
        active.history.read(0..u64::MAX).map(|record| Event::decode(&record.unwrap().event).unwrap());
    (events.collect(), active.state.clone())
}

fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Option<State> {
    let mut state = State::default();
    events.into_iter().try_for_each(|event| state.apply(event.clone())).ok().map(|()| state)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn replaying_a_history_gives_the_state_that_was_served(happenings in happenings()) {
        let (events, served) = live(&happenings);
        prop_assert_eq!(fold(&events), Some(served));
    }

    #[test]
    fn a_history_with_an_event_left_out_is_refused(happenings in happenings(), which: prop::sample::Index) {
        let (events, _) = live(&happenings);
        let left_out = which.index(events.len() - 1);
        let rest = events.iter().enumerate().filter(|(index, _)| *index != left_out).map(|(_, event)| event);
        prop_assert_eq!(fold(rest), None);
    }

    #[test]
    fn a_history_with_two_events_swapped_is_refused(happenings in happenings(), which: prop::sample::Index) {
        let (mut events, _) = live(&happenings);
        let first = which.index(events.len() - 1);
        events.swap(first, first + 1);
        prop_assert_eq!(fold(&events), None);
    }
}

#[test]
fn an_event_that_does_not_fit_leaves_the_state_as_it_was() {
    let (events, _) = live(&[Happening::Set(1)]);
    let mut state = fold(&events[..2]).unwrap();
    let before = state.clone();
    assert!(state.apply(events[0].clone()).is_err(), "the first manifest cannot come twice");
    assert!(state.apply(events[1].clone()).is_err(), "neither can the first CA generation");
    assert_eq!(state, before);
}
