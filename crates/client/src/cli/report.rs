//! `report`: measurements on the command line.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, bail};
use clap::{Subcommand, value_parser};
use clock::Clock;
use rand::{Rng as _, rngs::OsRng};
use url::Url;

use super::{args::Options, output};
use crate::{
    Pin, Reporter,
    crash::CrashPoints,
    kept::Kept,
    report::{Measurement, Outcome, Settings, Terms, When},
    transport::PinnedHttps,
};

/// `report` with its options.
#[derive(Debug, clap::Args)]
pub struct ReportArgs {
    /// The file of measurements that wait. Keep it: a measurement that is lost is not counted.
    #[arg(
        long,
        global = true,
        env = "WALLET_REPORTS",
        default_value = "reports.json",
        value_name = "FILE"
    )]
    reports: PathBuf,
    #[command(subcommand)]
    command: ReportCommand,
}

/// What can be done with measurements.
#[derive(Debug, Subcommand)]
enum ReportCommand {
    /// Makes the message of a measurement, and keeps it for `report send`.
    ///
    /// The randomness service is asked about blinded points only. In which layer something stands decides who can read
    /// it: a layer is opened when as many clients as the threshold have it and all layers before it, so what is most
    /// common goes first.
    Measure {
        #[command(flatten)]
        network: Network,
        /// A layer's name and value, `platform=linux`, the outermost first. Several times: as many as the channel has.
        #[arg(long = "layer", required = true, value_name = "NAME=VALUE", value_parser = layer)]
        layers: Vec<(String, String)>,
        /// The channel; without it, the one that collect takes messages for that name none.
        #[arg(long, env = "WALLET_CHANNEL", value_name = "NAME")]
        channel: Option<String>,
        /// How many clients must agree before anything opens.
        #[arg(long, env = "WALLET_THRESHOLD", value_name = "CLIENTS", default_value_t = 50, value_parser = value_parser!(u32).range(2..))]
        threshold: u32,
        /// Sends it now. Until its epoch is over, whoever can ask the randomness service may try values against it, and
        /// the time of sending is that of measuring: for tests, and for what older clients do.
        #[arg(long)]
        send_at_once: bool,
    },
    /// Sends each message at a random time of the epoch after its own; runs until all are taken.
    ///
    /// Stop it at any time; the next run goes on, and gives those that were missed another time.
    Send {
        #[command(flatten)]
        network: Network,
    },
    /// Prints what waits and how many were taken, also while another command works with it.
    Status,
}

/// Whom to talk to.
#[derive(Debug, clap::Args)]
struct Network {
    /// Where the randomness service is.
    #[arg(long, env = "WALLET_RANDOMNESS", value_name = "URL")]
    randomness: Url,
    /// The pin of its key, as `pin` prints it.
    #[arg(long, env = "WALLET_RANDOMNESS_PIN", value_name = "PIN")]
    randomness_pin: Pin,
    /// The service's instance; without it, its default one.
    #[arg(long, env = "WALLET_INSTANCE", value_name = "NAME")]
    instance: Option<String>,
    /// Where collect is.
    #[arg(long, env = "WALLET_COLLECT", value_name = "URL")]
    collect: Url,
    /// The pin of collect's key.
    #[arg(long, env = "WALLET_COLLECT_PIN", value_name = "PIN")]
    collect_pin: Pin,
}

/// Does what the command says.
pub(super) async fn run(options: &Options, args: ReportArgs) -> anyhow::Result<()> {
    let ReportArgs { reports, command } = args;
    let unusable = || format!("{} cannot be used", reports.display());
    let start = |network: &Network| {
        let settings = settings(network)?;
        let kept = Kept::open(&reports).with_context(unusable)?;
        anyhow::Ok(Reporter::start(settings, kept))
    };
    match command {
        ReportCommand::Measure {
            network,
            layers,
            channel,
            threshold,
            send_at_once,
        } => {
            let measurement = Measurement::new(layers)?;
            let mut reporter = start(&network)?;
            let terms = Terms {
                channel,
                instance: network.instance,
                threshold,
            };
            if send_at_once {
                output::note(
                    "Sent at once: until its epoch is over, values can be tried against it.",
                );
                let number = reporter.measure(&measurement, &terms, When::Now).await?;
                let outcome = reporter.send_now(number).await?;
                if outcome != Outcome::Taken {
                    bail!("the message is not taken ({outcome})");
                }
            } else {
                let when = When::NextEpoch;
                reporter.measure(&measurement, &terms, when).await?;
                output::note("Kept. `report send` sends it in the next epoch.");
            }
            output::reports(reporter.state(), options.json);
        }
        ReportCommand::Send { network } => {
            let mut reporter = start(&network)?;
            reporter.send(None).await?;
            output::reports(reporter.state(), options.json);
        }
        ReportCommand::Status => {
            let state = Kept::read(&reports).with_context(unusable)?;
            output::reports(&state, options.json);
        }
    }
    Ok(())
}

fn settings(network: &Network) -> anyhow::Result<Settings> {
    let randomness = PinnedHttps::new(network.randomness.clone(), &[network.randomness_pin])?;
    let collect = PinnedHttps::new(network.collect.clone(), &[network.collect_pin])?;
    Ok(Settings {
        name: "reporter".to_owned(),
        // Times that somebody can draw again are no secret: the seed is this process's own.
        seed: OsRng.r#gen(),
        randomness: Arc::new(randomness),
        collect: Arc::new(collect),
        clock: Clock::system(),
        crash_points: CrashPoints::default(),
    })
}

fn layer(text: &str) -> Result<(String, String), String> {
    let layer = text.split_once('=');
    let (name, value) = layer.ok_or("a layer is NAME=VALUE, such as platform=linux")?;
    Ok((name.to_owned(), value.to_owned()))
}
