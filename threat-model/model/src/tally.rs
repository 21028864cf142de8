//! The steps of tally's consumers.

use crate::{
    Fault,
    state::{Consumer, State},
};

/// The consumer of that slot.
pub(crate) fn at(state: &State, slot: usize) -> Consumer {
    let consumer = state.consumers.get(slot).copied();
    consumer.unwrap_or(Consumer::Idle)
}

/// Reads from the stored offset up to `to`.
pub(crate) fn next(state: &mut State, slot: usize, to: u8) {
    let from = state.next;
    go(state, slot, Consumer::Read { from, to });
}

/// One transaction: the effect of the batch and the offset. Who finds the offset moved drops the batch.
pub(crate) fn count_votes(state: &mut State, slot: usize, fault: Fault) {
    match at(state, slot) {
        Consumer::Idle => {}
        Consumer::Read { from, to } if fault == Fault::OffsetsApart => {
            apply(state, from, to);
            go(state, slot, Consumer::Applied { to });
        }
        Consumer::Read { from, to } => {
            if state.next == from {
                apply(state, from, to);
                state.next = to;
            }
            go(state, slot, Consumer::Idle);
        }
        Consumer::Applied { to } => {
            state.next = state.next.max(to);
            go(state, slot, Consumer::Idle);
        }
    }
}

/// The process dies.
pub(crate) fn crash(state: &mut State, slot: usize) {
    go(state, slot, Consumer::Idle);
}

fn apply(state: &mut State, from: u8, to: u8) {
    for vote in (from..to).filter_map(|offset| state.log.at(offset)) {
        if let Some(times) = state.counted.get_mut(usize::from(vote)) {
            // Twice is wrong already; more would only make more states.
            *times = (*times + 1).min(2);
        }
    }
}

fn go(state: &mut State, slot: usize, next: Consumer) {
    if let Some(consumer) = state.consumers.get_mut(slot) {
        *consumer = next;
    }
}
