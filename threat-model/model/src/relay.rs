//! The steps of the outbox's relay.

use crate::{
    Fault,
    state::{LEASE_EPOCHS, Relay, State},
};

/// The relay of that slot.
pub(crate) fn at(state: &State, slot: usize) -> Relay {
    state.relays.get(slot).copied().unwrap_or(Relay::Idle)
}

/// Whether another process may become the relay once more.
pub(crate) fn may_take_lease(state: &State) -> bool {
    state.lease_epoch < LEASE_EPOCHS
}

/// Another process becomes the relay. Who was it before may not know yet.
pub(crate) fn take_lease(state: &mut State, slot: usize) {
    state.lease_epoch += 1;
    let epoch = state.lease_epoch;
    go(state, slot, Relay::Leased { epoch });
}

/// Opens a publisher, which shuts out the one before, and asks how far it came.
pub(crate) fn publisher(state: &mut State, slot: usize, fault: Fault) {
    let Relay::Leased { epoch } = at(state, slot) else {
        return;
    };
    if fault != Fault::NoFencing {
        for relay in &mut state.relays {
            relay.fence();
        }
    }
    let to = state.published_to;
    let fenced = false;
    go(state, slot, Relay::Published { epoch, fenced, to });
}

/// Deletes what was published; without the lease, gives up.
pub(crate) fn delete_published(state: &mut State, slot: usize) {
    let Relay::Published { epoch, fenced, to } = at(state, slot) else {
        return;
    };
    if epoch != state.lease_epoch {
        return go(state, slot, Relay::Idle);
    }
    state.deleted_to = state.deleted_to.max(to);
    let from = to;
    go(
        state,
        slot,
        Relay::Deleted {
            epoch,
            fenced,
            from,
        },
    );
}

/// Gives the waiting rows the next positions, in the order of `order`; without the lease, gives up.
pub(crate) fn position_waiting(state: &mut State, slot: usize, order: &[u8]) {
    let Relay::Deleted {
        epoch,
        fenced,
        from,
    } = at(state, slot)
    else {
        return;
    };
    if epoch != state.lease_epoch {
        return go(state, slot, Relay::Idle);
    }
    for vote in order {
        state.placed.put(state.counter, *vote);
        state.counter += 1;
    }
    state.waiting.0 = 0;
    go(
        state,
        slot,
        Relay::Placed {
            epoch,
            fenced,
            from,
        },
    );
}

/// Reads the rows from `from` on. With none, there is nothing to do but to wait for more.
pub(crate) fn positioned(state: &mut State, slot: usize) {
    let Relay::Placed {
        epoch,
        fenced,
        from,
    } = at(state, slot)
    else {
        return;
    };
    let lowest = from.max(state.deleted_to);
    let rows = state.placed.iter().filter(|(place, _)| *place >= lowest);
    let batch = rows.fold(0, |batch, (place, _)| batch | 1 << place);
    let next = if batch == 0 {
        Relay::Deleted {
            epoch,
            fenced,
            from,
        }
    } else {
        Relay::Ready {
            epoch,
            fenced,
            from,
            batch,
        }
    };
    go(state, slot, next);
}

/// Writes the records and moves the position; a publisher that was shut out gives up.
pub(crate) fn publish(state: &mut State, slot: usize) {
    let Relay::Ready {
        epoch,
        fenced,
        batch,
        ..
    } = at(state, slot)
    else {
        return;
    };
    if fenced {
        return go(state, slot, Relay::Idle);
    }
    let mut to = state.published_to;
    for (place, vote) in state
        .placed
        .iter()
        .filter(|(place, _)| batch >> place & 1 == 1)
    {
        state.log.put(state.log_end, vote);
        state.log_end += 1;
        to = to.max(place + 1);
    }
    state.published_to = to;
    go(state, slot, Relay::Published { epoch, fenced, to });
}

/// The process dies, or its lease is lost and it knows.
pub(crate) fn crash(state: &mut State, slot: usize) {
    go(state, slot, Relay::Idle);
}

fn go(state: &mut State, slot: usize, next: Relay) {
    if let Some(relay) = state.relays.get_mut(slot) {
        *relay = next;
    }
}
