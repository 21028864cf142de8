//! Which states are one state: what no step can depend on any more is forgotten.
//!
//! Each rule says why it hides nothing. They shrink the state space by orders of magnitude.

use crate::{
    Fault,
    state::{Consumer, Relay, State, Step},
};

/// The one form of all states that behave alike.
pub(crate) fn normal(mut state: State, fault: Fault) -> State {
    give_up(&mut state, fault);
    forget_published(&mut state);
    forget_consumed(&mut state);
    // Processes of a kind are alike: only which of them does what differs.
    state.requests.sort_unstable();
    state.relays.sort_unstable();
    state.consumers.sort_unstable();
    state
}

/// A process whose every next step ends in giving up, with nothing written, has given up.
fn give_up(state: &mut State, fault: Fault) {
    let current = state.lease_epoch;
    for relay in &mut state.relays {
        let doomed = match *relay {
            // Opening a publisher shuts out others, with or without the lease.
            Relay::Idle | Relay::Leased { .. } => false,
            Relay::Published { epoch, .. } | Relay::Deleted { epoch, .. } => epoch != current,
            Relay::Placed { epoch, fenced, .. } | Relay::Ready { epoch, fenced, .. } => {
                fenced && epoch != current
            }
        };
        if doomed {
            *relay = Relay::Idle;
        }
    }
    for consumer in &mut state.consumers {
        let Consumer::Read { from, .. } = *consumer else {
            continue;
        };
        if from != state.next && fault != Fault::OffsetsApart {
            *consumer = Consumer::Idle;
        }
    }
}

/// Positions matter relative to each other: the lowest one that anybody refers to becomes zero.
fn forget_published(state: &mut State) {
    let referred = state.relays.iter().filter_map(|relay| match *relay {
        Relay::Idle | Relay::Leased { .. } => None,
        Relay::Published { to: from, .. }
        | Relay::Deleted { from, .. }
        | Relay::Placed { from, .. }
        | Relay::Ready { from, .. } => Some(from),
    });
    let inserted = state
        .requests
        .iter()
        .filter_map(|request| match request.as_ref()?.step {
            Step::Inserted(position) => Some(position),
            Step::RecordedFirst | Step::Redeemed | Step::Unknown => None,
        });
    let lowest = referred
        .chain(inserted)
        .chain([state.deleted_to])
        .min()
        .unwrap_or(0);
    if lowest == 0 {
        return;
    }
    for relay in &mut state.relays {
        match relay {
            Relay::Idle | Relay::Leased { .. } => {}
            Relay::Published { to: from, .. }
            | Relay::Deleted { from, .. }
            | Relay::Placed { from, .. } => *from -= lowest,
            Relay::Ready { from, batch, .. } => {
                *from -= lowest;
                *batch >>= lowest;
            }
        }
    }
    state.placed.shift(lowest);
    state.deleted_to -= lowest;
    state.published_to -= lowest;
    state.counter -= lowest;
    for request in state.requests.iter_mut().flatten() {
        if let Step::Inserted(position) = &mut request.step {
            *position -= lowest;
        }
    }
}

/// Offsets likewise: the lowest one that is still to be read becomes zero.
fn forget_consumed(state: &mut State) {
    let referred = state
        .consumers
        .iter()
        .filter_map(|consumer| match *consumer {
            Consumer::Idle => None,
            Consumer::Read { from, .. } => Some(from),
            Consumer::Applied { to } => Some(to),
        });
    let lowest = referred.chain([state.next]).min().unwrap_or(0);
    for consumer in &mut state.consumers {
        match consumer {
            Consumer::Idle => {}
            Consumer::Read { from, to } => {
                *from -= lowest;
                *to -= lowest;
            }
            Consumer::Applied { to } => *to -= lowest,
        }
    }
    state.log.shift(lowest);
    state.log_end -= lowest;
    state.next -= lowest;
}
