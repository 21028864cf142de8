//! Clients that go the whole way, each with a file of its own, some with a death.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use client::{
    Error, Reporter,
    crash::{CrashPoints, Step},
    kept::Kept,
    report::{Measurement, Settings, State, Terms, When},
    transport::Transport,
};
use clock::{Busy, Clock};

use super::{
    CHANNEL, EPOCHS, Measured, begins,
    population::{CLIENTS, Population, Values, below, names},
};
use crate::system::CollectorRules;

/// How long a client that died stays dead.
const DEAD: TimeDelta = TimeDelta::minutes(4);

/// Of so many clients one dies after each step of a measurement.
const DIES_OF: usize = 5;

/// A client, ready to live.
pub(super) struct Client {
    name: String,
    seed: u64,
    path: PathBuf,
    threshold: u32,
    dies_after: Option<Step>,
    /// When it measures what.
    plan: Vec<Planned>,
}

/// One measurement of a client.
struct Planned {
    at: DateTime<Utc>,
    values: Values,
}

/// All of them.
pub(super) fn of(
    population: &Population,
    rules: &CollectorRules,
    start: DateTime<Utc>,
    folder: &Path,
) -> Vec<Client> {
    let client = |number: usize| {
        let name = format!("client {number}");
        let mut plan = Vec::new();
        for epoch in 0..EPOCHS {
            let from = begins(rules, epoch).max(start);
            // Not at the end: the epoch shall last until the randomness is there.
            let hours = (begins(rules, epoch + 1) - from).num_hours() - 2;
            for (place, values) in population.of_client(epoch, number).enumerate() {
                let step = format!("measures {place} in epoch {epoch}");
                let hour = below(population.seed(), &name, &step, hours);
                plan.push(Planned {
                    at: from + TimeDelta::hours(1 + hour),
                    values,
                });
            }
        }
        plan.sort_by_key(|planned| planned.at);
        let steps = Step::OF_MEASUREMENTS.into_iter().enumerate();
        let mut dying = steps.filter(|(place, _)| number % DIES_OF == *place);
        Client {
            seed: population.seed(),
            path: folder.join(format!("{name}.json")),
            name,
            threshold: rules.k,
            dies_after: dying.next().map(|(_, step)| step),
            plan,
        }
    };
    (0..CLIENTS).map(client).collect()
}

impl Client {
    /// What it is told when it starts.
    pub(super) fn settings(
        &self,
        randomness: &Arc<dyn Transport>,
        collect: &Arc<dyn Transport>,
        clock: &Clock,
    ) -> Settings {
        let (is_over, dies_after) = (AtomicBool::new(false), self.dies_after);
        let dies = move |step| dies_after == Some(step) && !is_over.swap(true, Ordering::SeqCst);
        Settings {
            name: self.name.clone(),
            seed: self.seed,
            randomness: Arc::clone(randomness),
            collect: Arc::clone(collect),
            clock: clock.clone(),
            crash_points: CrashPoints::new(dies),
        }
    }

    /// Measures and sends, and says what the system must show for it.
    pub(super) async fn live(self, settings: Settings, busy: Busy) -> anyhow::Result<Measured> {
        let mut measured = Measured::default();
        let mut outside = Some(busy);
        let state = loop {
            let kept = Kept::open(&self.path).context("a client's file")?;
            let mut reporter = Reporter::start(settings.clone(), kept);
            // The client counts as running from here on, by its own guard.
            drop(outside.take());
            match self.go_on(&mut reporter).await {
                Ok(()) => break Kept::<State>::read(&self.path)?,
                Err(Error::Crashed(crashed)) => {
                    measured.crashes += 1;
                    if crashed.0 == Step::ReportSent {
                        repeats(reporter.state(), &mut measured);
                    }
                    let mut dead = settings.clock.busy();
                    drop(reporter);
                    dead.sleep(DEAD).await;
                    outside = Some(dead);
                }
                Err(error) => return Err(error).with_context(|| self.name.clone()),
            }
        };
        measured.sent = state.settled.get("taken").copied().unwrap_or_default();
        Ok(measured)
    }

    async fn go_on(&self, reporter: &mut Reporter) -> Result<(), Error> {
        let terms = Terms {
            channel: Some(CHANNEL.to_owned()),
            instance: None,
            threshold: self.threshold,
        };
        let made = usize::try_from(reporter.state().made).unwrap_or(usize::MAX);
        for Planned { at, values, .. } in self.plan.iter().skip(made) {
            reporter.send(Some(*at)).await?;
            let measurement = Measurement::new(names().into_iter().zip(values))
                .expect("the population has names and short values");
            let when = When::NextEpoch;
            reporter.measure(&measurement, &terms, when).await?;
        }
        reporter.send(None).await
    }
}

/// What was sent when the client died comes again: within minutes, so that the aggregator reads both together and can
/// tell, also where it opens nothing.
fn repeats(state: &State, measured: &mut Measured) {
    let sent = state.reports.iter().filter(|report| report.attempts > 0);
    let repeated = u64::try_from(sent.count()).unwrap_or(u64::MAX);
    *measured.planted.entry("duplicate").or_default() += repeated;
}
