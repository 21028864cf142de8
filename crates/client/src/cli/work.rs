//! What each command does.

use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use clock::Clock;
use ed25519_dalek::{SigningKey, VerifyingKey};
use messages::{publisher::Publisher, vote_text::VoteType};
use rand::{Rng as _, rngs::OsRng};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};

use super::{
    args::{Command, Network, Options, PaymentArgs, PurchaseArgs, Transfers},
    ask::Answers,
    output, report,
};
use crate::{
    Browser, Pin, Settings,
    anonymity::Readiness,
    browser::{Basket, Interest},
    crash::CrashPoints,
    payer::{Card, Custodian, Payer, SandboxAccount},
    transport::PinnedHttps,
    wallet::{Stage, Wallet},
};

/// Does what the command says.
pub async fn run(options: &Options, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Buy {
            network,
            purchase,
            payment,
        } => {
            let payer = payer(&payment)?;
            let mut browser = start(options, &network)?;
            let place = begin(&mut browser, purchase)?;
            browser.buy(place, payer.as_ref()).await?;
            output::status(&browser.wallet().state, options.json);
        }
        Command::Directory { network } => {
            let verdict = start(options, &network)?.check_directory().await?;
            output::directory(&verdict, options.json);
        }
        Command::Pin { certificate } => {
            let certificate = CertificateDer::from_pem_file(&certificate)
                .with_context(|| format!("{} cannot be read", certificate.display()))?;
            output::pin(Pin::of_certificate(&certificate)?);
        }
        Command::Report(args) => report::run(options, args).await?,
        Command::Status => {
            let state = Wallet::read(&options.wallet)
                .with_context(|| format!("{} cannot be read", options.wallet.display()))?;
            output::status(&state, options.json);
        }
        Command::Vote {
            network,
            interests,
            kind,
            vote_anyway,
        } => {
            let mut browser = start(options, &network)?;
            for purchase in vote_anyway {
                browser.vote_anyway(purchase)?;
            }
            vote(&mut browser, interests, kind).await?;
            output::status(&browser.wallet().state, options.json);
        }
    }
    Ok(())
}

/// A browser on the wallet, which nobody else works with meanwhile.
fn start(options: &Options, network: &Network) -> anyhow::Result<Browser> {
    let settings = settings(network)?;
    let wallet = Wallet::open(&options.wallet)
        .with_context(|| format!("{} cannot be opened", options.wallet.display()))?;
    output::profile(&settings.profile);
    Ok(Browser::start(settings, wallet))
}

/// Votes until all is done, and asks about tokens whose crowd stays too small.
async fn vote(
    browser: &mut Browser,
    interests: Vec<(Publisher, u32)>,
    kind: VoteType,
) -> anyhow::Result<()> {
    let interests: Vec<_> = interests
        .into_iter()
        .map(|(publisher, attention)| Interest {
            publisher,
            attention,
        })
        .collect();
    let answers = Answers::of_terminal();
    loop {
        let held = browser.vote(&interests, kind).await?;
        if held.is_empty() {
            return Ok(());
        }
        for one in held {
            if let Some(purchase) = browser.wallet().state.purchases.get(one.purchase) {
                output::held(&one, purchase);
            }
            if one.readiness == Readiness::AskUser
                && let Some(answers) = &answers
            {
                output::question("Vote with them anyway?");
                if answers.is_yes() {
                    browser.vote_anyway(one.purchase)?;
                }
            }
        }
    }
}

/// The purchase to go on with: the last one, if it has no tokens yet, or else a new one.
fn begin(browser: &mut Browser, purchase: PurchaseArgs) -> anyhow::Result<usize> {
    let purchases = &browser.wallet().state.purchases;
    if let Some((place, last)) = purchases.iter().enumerate().next_back()
        && !matches!(last.stage, Stage::Holding { .. } | Stage::Spent { .. })
    {
        output::note(&format!(
            "Going on with purchase {place}, {} tokens for {} money, which was begun before.",
            last.quantity, last.source
        ));
        return Ok(place);
    }
    Ok(browser.begin(Basket {
        source: purchase.source,
        sku: purchase.sku,
        quantity: purchase.quantity,
        parts: purchase.parts,
    })?)
}

fn settings(network: &Network) -> anyhow::Result<Settings> {
    let server = PinnedHttps::new(network.payments.clone(), &[network.payments_pin])?;
    let witness = PinnedHttps::new(network.witness.clone(), &[network.witness_pin])?;
    Ok(Settings {
        name: "wallet".to_owned(),
        // A plan that somebody can draw again is no secret: the seed is this process's own.
        seed: OsRng.r#gen(),
        profile: network.profile(),
        server: Arc::new(server),
        witnesses: vec![Arc::new(witness)],
        directory_key: VerifyingKey::from_bytes(&key_bytes(&network.directory_key)?)
            .map_err(|_| anyhow!("the directory key is not an ed25519 key"))?,
        clock: Clock::system(),
        crash_points: CrashPoints::default(),
    })
}

fn payer(args: &PaymentArgs) -> anyhow::Result<Box<dyn Payer>> {
    let destination = args.destination.clone();
    if let (Some(payment_id), Some(file)) = (args.card, &args.card_key) {
        let text = std::fs::read_to_string(file).context("the card's key cannot be read")?;
        let key = SigningKey::from_bytes(&key_bytes(text.trim())?);
        return Ok(Box::new(Card {
            payment_id,
            key,
            destination,
        }));
    }
    let (Some(account), Some(custodian), Some(pin)) =
        (&args.account, &args.custodian, args.custodian_pin)
    else {
        bail!("say how to pay: --account with --custodian, or --card with --card-key");
    };
    Ok(Box::new(SandboxAccount {
        api: Arc::new(PinnedHttps::new(custodian.clone(), &[pin])?),
        custodian: match args.transfers {
            Transfers::Gemini => Custodian::Gemini,
            Transfers::Uphold => Custodian::Uphold,
        },
        account: account.clone(),
        destination,
        arrives_at: None,
    }))
}

fn key_bytes(text: &str) -> anyhow::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).context("a key is 64 hexadecimal digits")?;
    Ok(bytes)
}
