//! A model of the way a vote takes, explored over its whole state space.
//!
//! Three programs take part, and each may crash, pause, repeat and be overtaken between any two of
//! its steps: payments redeems tokens and records the vote; its relay gives outbox rows positions and
//! publishes them, under a lease that another process may take at any time; tally consumes. The clients
//! do whatever they like with their tokens: every grouping, again and again, two requests at a time.
//!
//! # Which action is which function
//!
//! | Action | Where | What one step of it does |
//! |---|---|---|
//! | `Standing` | payments, `Intake::take` and `votes::Store::standing` | a vote arrives, for the first time or again; a known one is answered at once |
//! | `Redeem` | payments, `Intake::redeem`: challenge-bypass, `POST /v4/redemptions` | one transaction: first, replay or refused |
//! | `Record` | payments, `votes::Store::record` | one transaction: vote id and outbox row; the 200 may leave |
//! | `TakeLease` | `outbox::Outbox::take_lease` | another process becomes the relay, in its next epoch |
//! | `Publisher` | `event_log::EventLog::publisher` and `position` | shuts out the publisher before it, asks how far it came |
//! | `PositionWaiting` | `outbox::Outbox::position_waiting` | checks the lease, shuffles, gives positions |
//! | `Positioned` | `outbox::Outbox::positioned` | reads a batch |
//! | `Publish` | `event_log::Publisher::publish` | records and position, both or neither |
//! | `DeletePublished` | `outbox::Outbox::delete_published` | checks the lease, deletes below the watermark |
//! | `Next` | `event_log::Consumer::next` | a consumer reads from the stored offset |
//! | `CountVotes` | tally, `Store::count_votes` | one transaction: effect and offset |
//! | `…Crash` | | the process forgets what it had in memory |
//!
//! A lost answer is a step that took place and a crash of its caller. A pause is any other order of
//! steps. Messages cannot be overtaken by anything but each other, since each is a transaction.
//!
//! # What is simpler than the code
//!
//! * The consumer's table of event ids is left out: it is a second net, for restores, and would
//!   hide a fault in the first.
//! * The publisher is the weaker of the two engines' (Apache Kafka's): it shuts out older ones and does not
//!   compare positions; the embedded log does both.
//! * One key, one topic with one partition. Expiry and revocation only refuse more.
//! * The lease may be taken at any time, three times in all: real time plays no part.

mod checks;
mod payments;
mod pipeline;
mod relay;
mod rules;
mod same;
mod scenario;
mod state;
mod tally;

pub use checks::{Explored, explore};
pub use pipeline::{Action, Pipeline};
pub use rules::Fault;
pub use scenario::{Scenario, ScenarioError};
pub use state::State;
