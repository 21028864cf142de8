//! The command line of the aggregator.

use std::{
    ffi::OsString,
    io::{Write as _, stderr, stdout},
    iter,
    time::{Duration, Instant},
};

use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use secrecy::ExposeSecret as _;
use service_kit::{
    config::command_line_of,
    outbox::{self, Ran},
    shutdown::{self, Shutdown},
    telemetry,
};

use super::{
    assembly::{self, LINE},
    config::{self, Config},
    doctor,
    failures::Reach,
    serving::repeat,
    store, summary,
    worker::{Parts, Worker},
};
use crate::Deps;

/// What the command line is called.
const NAME: &str = "star-collector aggregate";

/// How soon to look again whether another process has published.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Turn the messages of a channel into measurements.
///
/// A run reads the channel's topic to its end, opens what at least k clients agree on, and publishes it. Several
/// processes share the partitions. Whatever dies, each message counts once.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// The channel. The settings must be this one's, or nothing is run: each channel has a file of its own.
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// One run, as without --every.
    #[arg(long, conflicts_with = "every")]
    once: bool,
    /// Leave fewer new messages than this for a later run. The same as --limits-lag-min.
    #[arg(long, value_name = "MESSAGES")]
    lag_min: Option<u64>,
    /// The most messages of one batch. The same as --limits-batch-messages.
    #[arg(long, value_name = "MESSAGES")]
    batch_messages: Option<u64>,
    /// Run again so long after each run, until the order to stop comes: 90s, 15m, 1h. Without it, there is one run.
    #[arg(long, value_name = "TIME", value_parser = interval)]
    every: Option<Duration>,
    /// Print what a run did as one line of JSON, not as a table.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Command {
    /// Look at everything that the aggregator needs, and say in one line each what is right or what to do.
    ///
    /// The channel with its current epoch, the database and the role's privileges, tables, the event log's file or
    /// brokers and what the access list allows, how far was read and published. It changes nothing, may run beside the
    /// aggregator, and ends with 1 if something is wrong.
    Doctor {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make the tables, or bring them up to date, as the role of `database.owner_url`.
    Migrate,
    /// Measurements that wait to be published.
    #[command(subcommand)]
    Outbox(Outbox),
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Outbox {
    /// Begin a new life of the outbox: mandatory after the database or the event log was restored.
    ///
    /// Know before: a database that was set back reads again what it had read since the backup, and reports it again. What
    /// was published since then stands on the topic twice. Stop all aggregators first.
    NewGeneration,
}

/// Runs the command line.
pub async fn program(arguments: Vec<OsString>) -> anyhow::Result<()> {
    program_with(arguments, Deps::system()).await
}

/// Runs the command line with another calendar, or with fault points.
pub async fn program_with(arguments: Vec<OsString>, deps: Deps) -> anyhow::Result<()> {
    let words = iter::once(NAME.into()).chain(arguments);
    let (cli, mut sources) = command_line_of::<Cli>(config::SERVICE, config::DEFAULTS, words)?;
    for (setting, value) in [
        ("limits.lag_min", cli.lag_min),
        ("limits.batch_messages", cli.batch_messages),
    ] {
        if let Some(value) = value {
            sources = sources.set(setting, value.to_string());
        }
    }
    let config: Config = sources.load()?;
    if let Some(channel) = &cli.channel {
        config.channel.must_be(channel)?;
    }
    match cli.command {
        None => work(&cli, &config, deps).await,
        Some(Command::Doctor { json }) => doctor::examine(&config, &deps.clock).await.print(json),
        Some(Command::Migrate) => {
            store::migrate(config.database.migrate_url()).await?;
            Ok(writeln!(stdout(), "the tables are up to date")?)
        }
        Some(Command::Outbox(Outbox::NewGeneration)) => new_generation(&config).await,
    }
}

async fn new_generation(config: &Config) -> anyhow::Result<()> {
    let store = store::open(config.database.url.expose_secret()).await?;
    let log = config.open_log().await?;
    let published = outbox::new_generation(&*store.outbox(), &*log, LINE).await?;
    store.close().await;
    log.close().await;
    Ok(writeln!(
        stdout(),
        "the log has {published} records of the old generation"
    )?)
}

/// One run, or one after the other.
async fn work(cli: &Cli, config: &Config, deps: Deps) -> anyhow::Result<()> {
    telemetry::init(&config.log_level)?;
    let shutdown = Shutdown::default();
    let told = shutdown.clone();
    let _signal = shutdown.spawn(async move {
        // Without a signal handler the process ends at once, which loses nothing either.
        let _ended = shutdown::signal().await;
        told.begin();
    });
    let parts = assembly::open(config, deps, shutdown).await?;
    // Nothing is lost where nobody reads it.
    let _written = writeln!(stderr(), "{}", summary::announcement(&parts.limits));
    let one = || run(&parts, cli.json);
    match cli.every.filter(|_| !cli.once) {
        None => one().await?,
        Some(every) => repeat(&parts, every, config.admin_listen, one).await?,
    }
    parts.store.close().await;
    parts.log.close().await;
    Ok(())
}

/// One run, and what it did.
async fn run(parts: &Parts, json: bool) -> anyhow::Result<()> {
    let started = Instant::now();
    let memory = parts.limits.memory;
    let bar = progress();
    let shown = bar.clone();
    let worker = Worker::new(
        parts.clone(),
        Box::new(move |position, end| {
            shown.set_length(end);
            shown.set_position(position);
        }),
    );
    let ran = worker.run().await;
    bar.finish_and_clear();
    let published = match &ran {
        Err(error) if error.reach() == Reach::Run => Ok(()),
        // What was reported goes out, whatever else failed.
        Err(_) | Ok(_) => publish(parts).await,
    };
    if let (Err(_), Err(error)) = (&ran, &published) {
        let error = format!("{error:#}");
        tracing::error!(error, "what was reported could not be published");
    }
    let summary = ran?;
    published?;
    let took = started.elapsed();
    let text = if json {
        summary::json(&summary, memory, took)
    } else {
        summary::table(&summary, memory, took)
    };
    writeln!(stdout(), "{text}")?;
    Ok(())
}

/// A bar on a terminal, and nothing elsewhere.
fn progress() -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{wide_bar} {human_pos} of {human_len} messages of the partition",
    );
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Publishes what was reported. While another process does, it is waited for: it may have begun before the last reports.
/// One that died is replaced when its lease is over; one that takes longer publishes the rest, too, or the next run does.
async fn publish(parts: &Parts) -> anyhow::Result<()> {
    let mut relay = assembly::relay(parts);
    let end = Instant::now() + 2 * parts.lease_lasts;
    while relay.run_once().await? == Ran::NotMine && Instant::now() < end {
        tokio::select! {
            () = tokio::time::sleep(LOOK_AGAIN) => {}
            () = parts.shutdown.begun() => break,
        }
    }
    Ok(())
}

/// A time as `90s`, `15m` or `1h`.
fn interval(text: &str) -> Result<Duration, String> {
    let units = [("s", 1), ("m", 60), ("h", 3_600)];
    let found = units.iter().find_map(|(unit, seconds)| {
        let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
        Some(Duration::from_secs(u64::from(number) * seconds))
    });
    let interval = found.unwrap_or_default();
    if interval.is_zero() {
        return Err("a time is a number and s, m or h".to_owned());
    }
    Ok(interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_a_number_and_a_unit() {
        assert_eq!(interval("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(interval("15m"), Ok(Duration::from_mins(15)));
        assert_eq!(interval("1h"), Ok(Duration::from_hours(1)));
        for bad in ["", "h", "0s", "1", "-1h", "1d", "1ä"] {
            assert!(interval(bad).is_err(), "{bad}");
        }
    }
}
