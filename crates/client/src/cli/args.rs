//! What stands on the command line, or in the environment.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum, value_parser};
use messages::{FundingSource, publisher::Publisher, vote_text::VoteType};
use url::Url;
use uuid::Uuid;

use super::report::ReportArgs;
use crate::{Pin, Profile};

/// What stands below the help.
pub const STEPS: &str = "First `buy`, then `vote`; each goes on where it stopped, however it stopped. \
                         `status` may be asked at any time.\nWhat is the same in each call may stand \
                         in the environment, under the names that the help of a command shows.";

/// A wallet's command with its options.
#[derive(Debug, clap::Args)]
#[command(after_help = STEPS)]
pub struct Args {
    /// The options.
    #[command(flatten)]
    pub options: Options,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command of a wallet takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The wallet's file. Keep it: it holds the tokens, and who reads it can spend them.
    #[arg(
        long,
        global = true,
        env = "WALLET_FILE",
        default_value = "wallet.json"
    )]
    pub wallet: PathBuf,
    /// Prints the result as one line of JSON.
    #[arg(long, global = true)]
    pub json: bool,
}

/// What a wallet can be told to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Buys tokens, or goes on with the purchase that was begun last.
    Buy {
        /// Whom to talk to.
        #[command(flatten)]
        network: Network,
        /// What to buy.
        #[command(flatten)]
        purchase: PurchaseArgs,
        /// How to pay.
        #[command(flatten)]
        payment: PaymentArgs,
    },
    /// Fetches the key directory and prints what this client thinks of its keys.
    Directory {
        /// Whom to talk to.
        #[command(flatten)]
        network: Network,
    },
    /// Prints the pin of a server's certificate.
    Pin {
        /// The certificate, a PEM file.
        certificate: PathBuf,
    },
    /// Measures something, and reports it so that nothing is opened but what a crowd agrees on.
    Report(ReportArgs),
    /// Prints what the wallet holds, also while another command works with it.
    Status,
    /// Puts all tokens on votes and sends each at its time; runs until all are answered.
    ///
    /// Votes are spread over weeks, so that nobody can tell whose they are. Stop it at any time; the
    /// next run goes on, and gives those that were missed another time.
    Vote {
        /// Whom to talk to.
        #[command(flatten)]
        network: Network,
        /// A publisher and the attention it had, `example.com=3`. Several times.
        #[arg(long = "for", required = true, value_name = "PUBLISHER[=ATTENTION]", value_parser = interest)]
        interests: Vec<(Publisher, u32)>,
        /// Why: auto-contribute, oneoff-tip or recurring-tip.
        #[arg(long, default_value = "auto-contribute", value_parser = kind)]
        kind: VoteType,
        /// Votes with the tokens of this purchase (its number in `status`) although few orders share
        /// their key. The votes may then be told to be yours. Several times.
        #[arg(long, value_name = "PURCHASE")]
        vote_anyway: Vec<usize>,
    },
}

/// Whom to talk to, and by which numbers.
#[derive(Debug, clap::Args)]
pub struct Network {
    /// Where payments is.
    #[arg(long, env = "WALLET_PAYMENTS", value_name = "URL")]
    pub(super) payments: Url,
    /// The pin of payments' key, as `pin` prints it.
    #[arg(long, env = "WALLET_PAYMENTS_PIN", value_name = "PIN")]
    pub(super) payments_pin: Pin,
    /// Where a witness of the key directory is.
    #[arg(long, env = "WALLET_WITNESS", value_name = "URL")]
    pub(super) witness: Url,
    /// The pin of the witness's key.
    #[arg(long, env = "WALLET_WITNESS_PIN", value_name = "PIN")]
    pub(super) witness_pin: Pin,
    /// The directory's ed25519 key, 64 hexadecimal digits.
    #[arg(long, env = "WALLET_DIRECTORY_KEY", value_name = "HEX")]
    pub(super) directory_key: String,
    /// The numbers to go by.
    #[arg(long, env = "WALLET_PROFILE", value_enum, default_value_t = Numbers::Default)]
    profile: Numbers,
    /// Waits for so many orders that share a key, instead of the profile's number.
    #[arg(long, env = "WALLET_CROWD", value_name = "ORDERS")]
    crowd: Option<u64>,
}

impl Network {
    /// The numbers to go by.
    pub(super) fn profile(&self) -> Profile {
        let mut profile = match self.profile {
            Numbers::Default => Profile::default(),
            Numbers::Demo => Profile::by_hand(),
        };
        profile.anonymity_set_min = self.crowd.unwrap_or(profile.anonymity_set_min);
        profile
    }
}

/// Which profile.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Numbers {
    /// What browsers use.
    Default,
    /// No notice of keys, no smallest crowd, votes within seconds: it shows the system and hides nobody.
    Demo,
}

/// What to buy.
#[derive(Debug, clap::Args)]
pub struct PurchaseArgs {
    /// The SKU token, in base64: it says what a token costs, and whose it is.
    #[arg(long, env = "WALLET_SKU", value_name = "BASE64")]
    pub(super) sku: String,
    /// How many tokens. Servers sell common numbers only, such as 4, 8, 20 and 40.
    #[arg(long, value_name = "TOKENS", value_parser = value_parser!(u32).range(1..))]
    pub(super) quantity: u32,
    /// Whose money: user-wallet or anonymous-card.
    #[arg(long, default_value = "user-wallet")]
    pub(super) source: FundingSource,
    /// In how many transfers to pay.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..=10))]
    pub(super) parts: u32,
}

/// How to pay.
#[derive(Debug, clap::Args)]
pub struct PaymentArgs {
    /// The settlement address that the money goes to.
    #[arg(long, env = "WALLET_DESTINATION", value_name = "ADDRESS")]
    pub(super) destination: String,
    /// Pays out of this account at the sandbox custodian.
    #[arg(long, requires = "custodian", requires = "custodian_pin")]
    pub(super) account: Option<String>,
    /// Where the sandbox custodian is.
    #[arg(long, env = "WALLET_CUSTODIAN", value_name = "URL")]
    pub(super) custodian: Option<Url>,
    /// The pin of its key.
    #[arg(long, env = "WALLET_CUSTODIAN_PIN", value_name = "PIN")]
    pub(super) custodian_pin: Option<Pin>,
    /// Whose transfers the account makes.
    #[arg(long, value_enum, default_value_t = Transfers::Uphold)]
    pub(super) transfers: Transfers,
    /// Pays by this anonymous card.
    #[arg(long, requires = "card_key", conflicts_with = "account")]
    pub(super) card: Option<Uuid>,
    /// The file of the card's key: 64 hexadecimal digits.
    #[arg(long, value_name = "FILE")]
    pub(super) card_key: Option<PathBuf>,
}

/// Whose transfers an account makes.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Transfers {
    /// Gemini's.
    Gemini,
    /// Uphold's.
    Uphold,
}

fn interest(text: &str) -> Result<(Publisher, u32), String> {
    let (channel, attention) = text.rsplit_once('=').unwrap_or((text, "1"));
    let publisher = channel
        .parse()
        .map_err(|error: messages::publisher::InvalidChannel| error.to_string())?;
    match attention.parse() {
        Ok(attention) if attention > 0 => Ok((publisher, attention)),
        Ok(_) | Err(_) => Err("attention is a number from 1 on".to_owned()),
    }
}

fn kind(text: &str) -> Result<VoteType, String> {
    text.parse()
        .map_err(|error: messages::vote_text::InvalidVoteText| error.to_string())
}
