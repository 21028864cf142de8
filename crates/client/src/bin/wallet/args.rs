//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use client::Pin;
use messages::{FundingSource, publisher::Publisher, vote_text::VoteType};
use url::Url;
use uuid::Uuid;

/// Buys vote tokens, and votes.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// The wallet's file.
    #[arg(long, global = true, default_value = "wallet.json")]
    pub(crate) wallet: PathBuf,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one of them, read once")]
pub(crate) enum Command {
    /// Buys tokens, or goes on with the purchase that was begun last.
    Buy {
        #[command(flatten)]
        network: Network,
        #[command(flatten)]
        purchase: PurchaseArgs,
        #[command(flatten)]
        payment: PaymentArgs,
    },
    /// Prints a completion script.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
    /// Fetches the key directory and prints what this client thinks of its keys.
    Directory {
        #[command(flatten)]
        network: Network,
    },
    /// Prints the pin of a server's certificate.
    Pin {
        /// The certificate, a PEM file.
        certificate: PathBuf,
    },
    /// Prints what the wallet holds.
    Status,
    /// Puts all tokens on votes and sends each at its time.
    Vote {
        #[command(flatten)]
        network: Network,
        /// A publisher and the attention it had, `example.com=3`. Several times.
        #[arg(long = "for", required = true, value_parser = interest)]
        interests: Vec<(Publisher, u32)>,
        /// Why: auto-contribute, oneoff-tip or recurring-tip.
        #[arg(long, default_value = "auto-contribute", value_parser = kind)]
        kind: VoteType,
    },
}

/// Whom to talk to, and by which numbers.
#[derive(Debug, clap::Args)]
pub(crate) struct Network {
    /// Where payments is.
    #[arg(long, env = "WALLET_PAYMENTS")]
    pub(crate) payments: Url,
    /// The pin of payments' key.
    #[arg(long, env = "WALLET_PAYMENTS_PIN")]
    pub(crate) payments_pin: Pin,
    /// Where a witness is.
    #[arg(long, env = "WALLET_WITNESS")]
    pub(crate) witness: Url,
    /// The pin of the witness's key.
    #[arg(long, env = "WALLET_WITNESS_PIN")]
    pub(crate) witness_pin: Pin,
    /// The directory's ed25519 key, 64 hexadecimal digits.
    #[arg(long, env = "WALLET_DIRECTORY_KEY")]
    pub(crate) directory_key: String,
    /// The numbers to go by.
    #[arg(long, value_enum, default_value_t = Numbers::Default)]
    pub(crate) profile: Numbers,
}

/// Which profile.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Numbers {
    /// What browsers use.
    Default,
    /// No notice, no shortest window, no smallest crowd: it shows the system and hides nobody.
    Demo,
}

/// What to buy.
#[derive(Debug, clap::Args)]
pub(crate) struct PurchaseArgs {
    /// The SKU token, in base64.
    #[arg(long)]
    pub(crate) sku: String,
    /// How many tokens.
    #[arg(long)]
    pub(crate) quantity: u32,
    /// Whose money: user-wallet or anonymous-card.
    #[arg(long, default_value = "user-wallet")]
    pub(crate) source: FundingSource,
    /// In how many transfers to pay.
    #[arg(long, default_value_t = 1)]
    pub(crate) parts: u32,
}

/// How to pay.
#[derive(Debug, clap::Args)]
pub(crate) struct PaymentArgs {
    /// The settlement address.
    #[arg(long)]
    pub(crate) destination: String,
    /// Pay out of this account at the sandbox custodian.
    #[arg(long, requires = "custodian", requires = "custodian_pin")]
    pub(crate) account: Option<String>,
    /// Where the sandbox custodian is.
    #[arg(long)]
    pub(crate) custodian: Option<Url>,
    /// The pin of its key.
    #[arg(long)]
    pub(crate) custodian_pin: Option<Pin>,
    /// Whose transfers the account makes.
    #[arg(long, value_enum, default_value_t = Transfers::Uphold)]
    pub(crate) transfers: Transfers,
    /// Pay by this anonymous card.
    #[arg(long, requires = "card_key", conflicts_with = "account")]
    pub(crate) card: Option<Uuid>,
    /// The file of the card's key: 64 hexadecimal digits.
    #[arg(long)]
    pub(crate) card_key: Option<PathBuf>,
}

/// Whose transfers an account makes.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Transfers {
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
    let attention = attention
        .parse()
        .map_err(|_| "attention is a number".to_owned())?;
    Ok((publisher, attention))
}

fn kind(text: &str) -> Result<VoteType, String> {
    text.parse()
        .map_err(|error: messages::vote_text::InvalidVoteText| error.to_string())
}
