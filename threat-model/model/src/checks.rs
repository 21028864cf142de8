//! What must hold in every state, what must happen in some, and the search itself.

use std::thread;

use stateright::{Checker as _, HasDiscoveries, Model as _, Property};

use crate::{Fault, Pipeline, State};

/// No token counted twice.
pub(crate) const ONCE: &str = "no token is counted twice";
/// No accepted vote lost.
pub(crate) const KEPT: &str = "no accepted vote is lost";
/// No event without redemption.
pub(crate) const REDEEMED: &str = "no event without redemption";
/// Everything can be counted, or the other three would hold of a pipeline that does nothing.
pub(crate) const ALL: &str = "every token can be counted";

/// What a search found.
#[derive(Clone, Debug)]
pub struct Explored {
    /// How many different states there are (as far as the search went).
    pub states: usize,
    /// The longest way from the start that the search took.
    pub depth: usize,
    /// What must hold and did not, with the steps that lead there.
    pub broken: Vec<(&'static str, Vec<String>)>,
    /// Whether every token was counted in some state.
    pub works: bool,
}

/// Visits every state of `pipeline`; one with a fault, until the fault shows.
pub fn explore(pipeline: Pipeline) -> Explored {
    let until = match pipeline.fault {
        Fault::None => HasDiscoveries::AllFailures,
        Fault::NoFencing
        | Fault::OffsetsApart
        | Fault::PublishBeforeRedeem
        | Fault::ReplayPerToken
        | Fault::SerialAtInsert => HasDiscoveries::AnyFailures,
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let search = pipeline.checker().threads(threads).finish_when(until);
    let found = search.spawn_bfs().join();

    let steps = |name| {
        let path = found.discovery(name)?;
        let actions = path.into_actions();
        Some((
            name,
            actions.iter().map(|step| format!("{step:?}")).collect(),
        ))
    };
    Explored {
        states: found.unique_state_count(),
        depth: found.max_depth(),
        broken: [ONCE, KEPT, REDEEMED]
            .into_iter()
            .filter_map(steps)
            .collect(),
        works: found.discovery(ALL).is_some(),
    }
}

pub(crate) fn properties() -> Vec<Property<Pipeline>> {
    vec![
        Property::always(ONCE, |model: &Pipeline, state| {
            (0..8).all(|token| times_counted(model, state, token) <= 1)
        }),
        Property::always(KEPT, |_, state: &State| {
            state.accepted.items().all(|vote| will_count(state, vote))
        }),
        Property::always(REDEEMED, |model, state: &State| {
            state
                .log
                .iter()
                .all(|(_, vote)| was_redeemed(model, state, vote))
        }),
        Property::sometimes(ALL, |model: &Pipeline, state| {
            let all = model.scenario.all_tokens();
            let counted = |token: &u8| times_counted(model, state, *token) == 1;
            (0..8)
                .filter(|token| all >> token & 1 == 1)
                .all(|token| counted(&token))
        }),
    ]
}

/// The effects that contain the token.
fn times_counted(model: &Pipeline, state: &State, token: u8) -> u8 {
    let with_token = |vote: &u8| model.scenario.tokens_of(*vote) >> token & 1 == 1;
    let votes = model.scenario.votes().filter(with_token);
    votes.map(|vote| state.counted(vote)).sum()
}

/// The vote was counted, or stands where somebody will still find it.
fn will_count(state: &State, vote: u8) -> bool {
    let on_its_way = |(offset, event): (u8, u8)| event == vote && offset >= state.next;
    let unpublished = |(place, row): (u8, u8)| {
        row == vote && place >= state.published_to && place >= state.deleted_to
    };
    state.counted(vote) > 0
        || state.waiting.has(vote)
        || state.placed.iter().any(unpublished)
        || state.log.iter().any(on_its_way)
}

/// All tokens of the vote were spent on it.
fn was_redeemed(model: &Pipeline, state: &State, vote: u8) -> bool {
    let tokens = model.scenario.tokens_of(vote);
    let mut spent = (0_u8..).zip(state.spent);
    spent.all(|(token, on)| tokens >> token & 1 == 0 || on == Some(vote))
}
