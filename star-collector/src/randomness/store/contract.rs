//! One suite that every engine must pass. Each function takes an empty store.

#![expect(
    clippy::unwrap_used,
    reason = "this is test code, kept in the library so that every engine's tests can call it"
)]

use futures_util::future::join_all;
use messages::encoding::Fixed;

use super::Store;
use crate::randomness::domain::{InstanceName, Position, StateFacts, StoredState};

/// Calls `$run` with the name and the future-making function of each case.
#[macro_export]
macro_rules! randomness_store_contract {
    ($run:path) => {
        $crate::randomness_store_contract!(@cases $run,
            a_key_is_created_once,
            of_many_simultaneous_creators_one_creates,
            a_state_replaces_the_one_it_was_made_from,
            of_many_simultaneous_replacers_one_replaces,
            a_key_never_goes_back,
            instances_have_keys_of_their_own,
        );
    };
    (@cases $run:path, $($case:ident,)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                $run(async |store| $crate::randomness::store::contract::$case(store).await).await;
            }
        )*
    };
}

/// A state that no cipher has seen, as long as a real one.
pub fn state(instance: &str, seed: u8, position: u64) -> StoredState {
    StoredState {
        facts: StateFacts {
            instance: name(instance),
            schedule: "2024-01-01T00:00:00Z/604800s/0-255".to_owned(),
            id: Fixed([seed; 16]),
            position: Position(position),
        },
        data_key: vec![seed; StoredState::DATA_KEY_BYTES],
        state: (0_u8..=255)
            .cycle()
            .map(|byte| byte ^ seed)
            .take(9_000)
            .collect(),
    }
}

fn name(text: &str) -> InstanceName {
    text.parse().unwrap()
}

/// The second one finds the first one's.
pub async fn a_key_is_created_once(store: &dyn Store) {
    let main = name("main");
    assert_eq!(store.state_id(&main).await.unwrap(), None);
    assert_eq!(store.state(&main).await.unwrap(), None);

    let first = state("main", 1, 7);
    assert!(store.create(&first).await.unwrap());
    assert!(!store.create(&state("main", 2, 8)).await.unwrap());

    assert_eq!(store.state_id(&main).await.unwrap(), Some(first.facts.id));
    assert_eq!(store.state(&main).await.unwrap(), Some(first));
    store.check().await.unwrap();
}

/// As when replicas start on an empty store.
pub async fn of_many_simultaneous_creators_one_creates(store: &dyn Store) {
    let states: Vec<_> = (1..9).map(|seed| state("main", seed, 0)).collect();

    let created = join_all(states.iter().map(|state| store.create(state))).await;

    let created: Vec<bool> = created.into_iter().map(Result::unwrap).collect();
    assert_eq!(created.iter().filter(|created| **created).count(), 1);
    let winner = created.iter().position(|created| *created);
    let stored = store.state(&name("main")).await.unwrap();
    assert_eq!(stored.as_ref(), winner.and_then(|place| states.get(place)));
}

/// And only that one: whoever was faster is not undone.
pub async fn a_state_replaces_the_one_it_was_made_from(store: &dyn Store) {
    let [first, second, late] = [(1, 0), (2, 1), (3, 1)].map(|(seed, at)| state("main", seed, at));
    assert!(!store.replace(&first.facts.id, &second).await.unwrap());
    assert!(store.create(&first).await.unwrap());

    assert!(store.replace(&first.facts.id, &second).await.unwrap());
    assert!(!store.replace(&first.facts.id, &late).await.unwrap());

    assert_eq!(store.states().await.unwrap(), [second]);
    store.forget_deleted().await.unwrap();
}

/// As when replicas puncture at the same instant.
pub async fn of_many_simultaneous_replacers_one_replaces(store: &dyn Store) {
    let first = state("main", 1, 0);
    assert!(store.create(&first).await.unwrap());
    let states: Vec<_> = (2..9).map(|seed| state("main", seed, 1)).collect();

    let replaced = join_all(
        states
            .iter()
            .map(|state| store.replace(&first.facts.id, state)),
    )
    .await;

    let replaced = replaced.into_iter().map(Result::unwrap);
    assert_eq!(replaced.filter(|replaced| *replaced).count(), 1);
}

/// Even if a program had a reason to.
pub async fn a_key_never_goes_back(store: &dyn Store) {
    let first = state("main", 1, 5);
    assert!(store.create(&first).await.unwrap());

    let back = store.replace(&first.facts.id, &state("main", 2, 4)).await;
    assert!(back.is_err());
    assert_eq!(store.states().await.unwrap(), std::slice::from_ref(&first));

    let again = state("main", 3, 5);
    assert!(store.replace(&first.facts.id, &again).await.unwrap());
}

/// Names are compared byte by byte.
pub async fn instances_have_keys_of_their_own(store: &dyn Store) {
    let [one, other] = [state("main", 1, 0), state("Main", 1, 0)];
    assert!(store.create(&one).await.unwrap());
    assert!(store.create(&other).await.unwrap());

    let next = state("Main", 2, 1);
    assert!(store.replace(&Fixed([1; 16]), &next).await.unwrap());

    assert_eq!(store.state(&name("main")).await.unwrap(), Some(one));
    assert_eq!(store.state(&name("Main")).await.unwrap(), Some(next));
}
