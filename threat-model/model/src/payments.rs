//! The steps of a request for a vote: look it up, redeem its tokens, record it.

use crate::{
    Fault, Scenario,
    state::{Request, State, Step},
};

/// A vote arrives, and its id is looked up: a known one is answered at once, and nothing changes.
pub(crate) fn standing(state: &mut State, vote: u8, fault: Fault) {
    if state.known.has(vote) && fault != Fault::PublishBeforeRedeem {
        return;
    }
    if let Some(free) = state.requests.iter_mut().find(|slot| slot.is_none()) {
        let step = Step::Unknown;
        *free = Some(Request { vote, step });
    }
}

/// One transaction of challenge-bypass. A refused request ends here.
pub(crate) fn redeem(state: &mut State, slot: usize, scenario: &Scenario, fault: Fault) {
    let Some(Request { vote, step }) = at(state, slot) else {
        return;
    };
    let tokens = scenario.tokens_of(vote);
    let is_spent = |token: usize| tokens >> token & 1 == 1;
    let mut spends = state
        .spent
        .iter_mut()
        .enumerate()
        .filter(|(token, _)| is_spent(*token))
        .map(|(_, spend)| spend);

    let mut of_this = spends.by_ref().collect::<Vec<_>>();
    let first = of_this.iter().all(|spend| spend.is_none());
    let replay = of_this.iter().all(|spend| **spend == Some(vote));
    if first || replay || fault == Fault::ReplayPerToken {
        for spend in &mut of_this {
            spend.get_or_insert(vote);
        }
        if step == Step::RecordedFirst {
            accept(state, slot, vote);
        } else {
            go(state, slot, Step::Redeemed);
        }
    } else {
        end(state, slot);
    }
}

/// One transaction of payments: the vote id, and the outbox row if the id is new. The 200 may leave.
pub(crate) fn record(state: &mut State, slot: usize, fault: Fault) {
    let Some(Request { vote, step }) = at(state, slot) else {
        return;
    };
    if fault == Fault::SerialAtInsert && !state.known.has(vote) {
        return insert_or_commit(state, slot, vote, step);
    }
    if !state.known.has(vote) {
        state.known.add(vote);
        state.waiting.add(vote);
    }
    if fault == Fault::PublishBeforeRedeem {
        go(state, slot, Step::RecordedFirst);
    } else {
        accept(state, slot, vote);
    }
}

/// The faulty form of [`record`], in two steps: the row has its position before it is committed.
fn insert_or_commit(state: &mut State, slot: usize, vote: u8, step: Step) {
    if let Step::Inserted(position) = step {
        state.placed.put(position, vote);
        state.known.add(vote);
        accept(state, slot, vote);
    } else if !inserted(state, vote) {
        // Whoever inserts the same id second waits for the first: it does nothing yet.
        let position = state.counter;
        state.counter += 1;
        go(state, slot, Step::Inserted(position));
    }
}

/// From now on the client may know that the vote will be counted, and it must not be lost.
fn accept(state: &mut State, slot: usize, vote: u8) {
    state.accepted.add(vote);
    end(state, slot);
}

/// Ends the request, whatever became of it.
pub(crate) fn end(state: &mut State, slot: usize) {
    if let Some(cell) = state.requests.get_mut(slot) {
        *cell = None;
    }
}

/// The request of that slot.
pub(crate) fn at(state: &State, slot: usize) -> Option<Request> {
    state.requests.get(slot).copied().flatten()
}

fn go(state: &mut State, slot: usize, step: Step) {
    if let Some(Some(request)) = state.requests.get_mut(slot) {
        request.step = step;
    }
}

fn inserted(state: &State, vote: u8) -> bool {
    let mut requests = state.requests.iter().flatten();
    requests.any(|request| request.vote == vote && matches!(request.step, Step::Inserted(_)))
}
