//! The pipeline as stateright explores it: which steps are possible, and what each one does.

use stateright::{Model, Property};

use crate::{
    Fault, Scenario, checks, payments, relay, same,
    state::{Consumer, Relay, Set, State, Step},
    tally,
};

/// The pipeline with its clients, perhaps with a fault.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// The clients.
    pub scenario: Scenario,
    /// What is built wrongly.
    pub fault: Fault,
}

/// One step of one process. The numbers are those of the process, of the vote, or of the last offset.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "the module's comment has a table of them")]
pub enum Action {
    Standing { vote: u8 },
    Redeem(usize),
    Record(usize),
    RequestCrash(usize),
    TakeLease(usize),
    Publisher(usize),
    DeletePublished(usize),
    PositionWaiting { relay: usize, order: Vec<u8> },
    Positioned(usize),
    Publish(usize),
    RelayCrash(usize),
    Next { consumer: usize, to: u8 },
    CountVotes(usize),
    ConsumerCrash(usize),
}

impl Pipeline {
    fn client_steps(&self, state: &State, actions: &mut Vec<Action>) {
        if state.requests.iter().any(Option::is_none) {
            actions.extend(self.scenario.votes().map(|vote| Action::Standing { vote }));
        }
    }

    fn request_steps(&self, state: &State, actions: &mut Vec<Action>) {
        for slot in distinct(&state.requests) {
            let Some(request) = payments::at(state, slot) else {
                continue;
            };
            let early = self.fault == Fault::PublishBeforeRedeem;
            actions.push(match request.step {
                Step::Unknown if early => Action::Record(slot),
                Step::Unknown | Step::RecordedFirst => Action::Redeem(slot),
                Step::Inserted(_) | Step::Redeemed => Action::Record(slot),
            });
            actions.push(Action::RequestCrash(slot));
        }
    }

    fn relay_steps(state: &State, actions: &mut Vec<Action>) {
        for slot in distinct(&state.relays) {
            match relay::at(state, slot) {
                Relay::Idle => {
                    if relay::may_take_lease(state) {
                        actions.push(Action::TakeLease(slot));
                    }
                    continue;
                }
                Relay::Leased { .. } => actions.push(Action::Publisher(slot)),
                Relay::Published { .. } => actions.push(Action::DeletePublished(slot)),
                Relay::Deleted { .. } => {
                    let orders = orders(state.waiting).into_iter();
                    let relay = slot;
                    actions.extend(orders.map(|order| Action::PositionWaiting { relay, order }));
                }
                Relay::Placed { .. } => actions.push(Action::Positioned(slot)),
                Relay::Ready { .. } => actions.push(Action::Publish(slot)),
            }
            actions.push(Action::RelayCrash(slot));
        }
    }

    fn consumer_steps(state: &State, actions: &mut Vec<Action>) {
        for slot in distinct(&state.consumers) {
            match tally::at(state, slot) {
                Consumer::Idle => {
                    let consumer = slot;
                    let ends = state.next + 1..=state.log_end;
                    actions.extend(ends.map(|to| Action::Next { consumer, to }));
                }
                Consumer::Applied { .. } | Consumer::Read { .. } => {
                    actions.push(Action::CountVotes(slot));
                    actions.push(Action::ConsumerCrash(slot));
                }
            }
        }
    }
}

impl Model for Pipeline {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::fresh()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.client_steps(state, actions);
        self.request_steps(state, actions);
        Self::relay_steps(state, actions);
        Self::consumer_steps(state, actions);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Standing { vote } => payments::standing(&mut state, vote, self.fault),
            Action::Redeem(slot) => {
                payments::redeem(&mut state, slot, &self.scenario, self.fault);
            }
            Action::Record(slot) => payments::record(&mut state, slot, self.fault),
            Action::RequestCrash(slot) => payments::end(&mut state, slot),
            Action::TakeLease(slot) => relay::take_lease(&mut state, slot),
            Action::Publisher(slot) => relay::publisher(&mut state, slot, self.fault),
            Action::DeletePublished(slot) => relay::delete_published(&mut state, slot),
            Action::PositionWaiting { relay, order } => {
                relay::position_waiting(&mut state, relay, &order);
            }
            Action::Positioned(slot) => relay::positioned(&mut state, slot),
            Action::Publish(slot) => relay::publish(&mut state, slot),
            Action::RelayCrash(slot) => relay::crash(&mut state, slot),
            Action::Next { consumer, to } => tally::next(&mut state, consumer, to),
            Action::CountVotes(slot) => tally::count_votes(&mut state, slot, self.fault),
            Action::ConsumerCrash(slot) => tally::crash(&mut state, slot),
        }
        Some(same::normal(state, self.fault))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        checks::properties()
    }
}

/// The numbers of processes that differ from the one before: of two alike, the first is enough.
fn distinct<T: PartialEq>(processes: &[T; 2]) -> impl Iterator<Item = usize> {
    let [first, second] = processes;
    (0..2).take(if first == second { 1 } else { 2 })
}

/// Every order of `votes`: any may come out of a shuffle.
fn orders(votes: Set) -> Vec<Vec<u8>> {
    let mut orders = vec![Vec::new()];
    for vote in votes.items() {
        orders = orders.iter().flat_map(|order| with(order, vote)).collect();
    }
    orders
}

/// `order` with `vote` in each of its places.
fn with(order: &[u8], vote: u8) -> impl Iterator<Item = Vec<u8>> {
    (0..=order.len()).map(move |place| {
        let mut longer = order.to_vec();
        longer.insert(place, vote);
        longer
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_rows_have_six_orders() {
        let orders = orders(Set(0b10101));

        assert_eq!(orders.len(), 6);
        assert!(orders.iter().all(|order| order.len() == 3));
    }
}
