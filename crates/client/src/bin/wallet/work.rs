//! What each command does.

use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use client::{
    Browser, Pin, Profile, Settings,
    browser::{Basket, Interest},
    crash::CrashPoints,
    payer::{Card, Custodian, Payer, SandboxAccount},
    transport::PinnedHttps,
    wallet::{Stage, Wallet},
};
use clock::Clock;
use ed25519_dalek::{SigningKey, VerifyingKey};
use rand::{Rng as _, rngs::OsRng};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};

use crate::{
    args::{Args, Command, Network, Numbers, PaymentArgs, PurchaseArgs, Transfers},
    output,
};

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let wallet = || Wallet::open(&args.wallet).context("the wallet cannot be read");
    match args.command {
        Command::Buy {
            network,
            purchase,
            payment,
        } => {
            let payer = payer(&payment)?;
            let mut browser = Browser::start(settings(&network)?, wallet()?);
            let place = begin(&mut browser, purchase)?;
            browser.buy(place, payer.as_ref()).await?;
            output::bought(place);
        }
        // Answered before anything is started.
        Command::Completions { .. } => {}
        Command::Directory { network } => {
            let mut browser = Browser::start(settings(&network)?, wallet()?);
            output::directory(&browser.check_directory().await?);
        }
        Command::Pin { certificate } => {
            let certificate = CertificateDer::from_pem_file(&certificate)
                .context("the certificate cannot be read")?;
            output::pin(Pin::of_certificate(&certificate)?);
        }
        Command::Status => output::status(&wallet()?.state),
        Command::Vote {
            network,
            interests,
            kind,
        } => {
            let mut browser = Browser::start(settings(&network)?, wallet()?);
            let interests: Vec<_> = interests
                .into_iter()
                .map(|(publisher, attention)| Interest {
                    publisher,
                    attention,
                })
                .collect();
            while !browser.vote(&interests, kind).await?.is_empty() {}
            output::status(&browser.wallet().state);
        }
    }
    Ok(())
}

/// The purchase to go on with: the last one, if it has no tokens yet, or else a new one.
fn begin(browser: &mut Browser, purchase: PurchaseArgs) -> anyhow::Result<usize> {
    let purchases = &browser.wallet().state.purchases;
    if let Some(last) = purchases.len().checked_sub(1) {
        let unfinished = purchases.get(last).is_some_and(|purchase| {
            !matches!(purchase.stage, Stage::Holding { .. } | Stage::Spent { .. })
        });
        if unfinished {
            return Ok(last);
        }
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
    let profile = match network.profile {
        Numbers::Default => Profile::default(),
        Numbers::Demo => {
            output::demo_warning();
            Profile::demo()
        }
    };
    Ok(Settings {
        name: "wallet".to_owned(),
        // A plan that somebody can draw again is no secret: the seed is this process's own.
        seed: OsRng.r#gen(),
        profile,
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
