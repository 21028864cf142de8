//! Attacks on orders and transfers (threats T3, T4, T10).

use anyhow::{Context as _, ensure};
use client::{payer::Payer as _, transport::Request};
use futures_util::future::join_all;
use messages::{FundingSource, money::Amount};
use serde_json::json;

use super::{
    Hand, OpenOrder, Score,
    hand::{Books, claim_of},
};

/// How often an attack tries at the same time.
const AT_ONCE: usize = 8;

/// What attackers order: the smallest common size.
const QUANTITY: u32 = 4;

const SOURCE: FundingSource = FundingSource::UserWallet;

/// One transfer pays one order: a second order gets nothing from it, however often, also at once.
pub(super) async fn use_transfer_twice(hand: &mut Hand) -> anyhow::Result<Score> {
    let first = hand.order(SOURCE, QUANTITY).await?;
    let second = hand.order(SOURCE, QUANTITY).await?;
    let draft = hand.pay(&first).await?;

    let score = claim_at_once(hand, &second, &draft).await?;

    spend(hand, &first).await?;
    Ok(score)
}

/// A transfer that a victim made, and did not name yet, pays no order but the victim's.
pub(super) async fn somebody_elses_transfer(hand: &mut Hand) -> anyhow::Result<Score> {
    let victims = hand.order(SOURCE, QUANTITY).await?;
    let attackers = hand.order(SOURCE, QUANTITY).await?;
    let (total, currency) = (victims.order.total_price, victims.order.currency.clone());
    let draft = hand.transfer(&victims, total, &currency).await?;

    let score = claim_at_once(hand, &attackers, &draft).await?;

    let answer = hand.claim_transfer(&victims, &draft).await?;
    ensure!(
        answer.status.is_success(),
        "the victim's own transfer is refused"
    );
    hand.paid(&victims);
    spend(hand, &victims).await?;
    Ok(score)
}

/// Less than the price leaves the order unpaid and its tokens unsigned.
pub(super) async fn underpay(hand: &mut Hand) -> anyhow::Result<Score> {
    let mut score = Score::default();
    for missing in ["0.000000000000000001", "0.25", "0.99"] {
        let open = hand.order(SOURCE, QUANTITY).await?;
        let missing: Amount = missing.parse()?;
        let amount = open.order.total_price.checked_sub(missing);
        let amount = amount.context("an order costs more than that")?;
        let currency = open.order.currency.clone();
        let draft = hand.transfer(&open, amount, &currency).await?;
        hand.claim_transfer(&open, &draft).await?;
        Books::add(&mut hand.books.stranded, SOURCE, amount);

        let refused = hand.is_refused_tokens(&open).await? && hand.is_unpaid(&open).await?;
        score.note(refused);
    }
    Ok(score)
}

/// The right number of something else is not the price.
pub(super) async fn other_currency(hand: &mut Hand) -> anyhow::Result<Score> {
    let mut score = Score::default();
    for _ in 0..3 {
        let open = hand.order(SOURCE, QUANTITY).await?;
        let draft = hand.transfer(&open, open.order.total_price, "USD").await?;
        let answer = hand.claim_transfer(&open, &draft).await?;

        let refused = answer.status.is_client_error() && hand.is_unpaid(&open).await?;
        score.note(refused);
    }
    Ok(score)
}

/// What a card signed for one order pays no other.
pub(super) async fn one_card_transfer(hand: &mut Hand) -> anyhow::Result<Score> {
    let source = FundingSource::AnonymousCard;
    let first = hand.order(source, QUANTITY).await?;
    let second = hand.order(source, QUANTITY).await?;
    let card = hand.card().await?;
    let draft = card.draft(
        first.order.transfer_reference,
        first.order.total_price,
        &first.order.currency,
    );

    let mut score = claim_at_once(hand, &second, &draft).await?;
    let answer = hand.claim_transfer(&first, &draft).await?;
    ensure!(
        answer.status.is_success(),
        "the card's own transfer is refused"
    );
    hand.paid(&first);
    let again = claim_at_once(hand, &second, &draft).await?;
    score.tried += again.tried;
    score.refused += again.refused;

    // The card pays for votes that nobody casts: their value lapses in the end.
    hand.tokens(&first).await?;
    Ok(score)
}

/// Quantities that no shop sells.
pub(super) async fn negative_quantities(hand: &mut Hand) -> anyhow::Result<Score> {
    let sku = hand.shop.sku(SOURCE)?.to_owned();
    let quantities = [
        json!(-4),
        json!(-1),
        json!(0),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(4_294_967_300_u64),
        json!(3),
        json!(4.5),
        json!("4"),
    ];
    let mut score = Score::default();
    for quantity in &quantities {
        let body = json!({"items": [{"sku": sku, "quantity": quantity}]});
        let request = Request::post("/v1/orders", body.to_string().into_bytes());
        score.note(hand.send(&request).await?.status.is_client_error());
    }
    // A negative line must not make another one cheaper.
    let body = json!({"items": [{"sku": sku, "quantity": 40}, {"sku": sku, "quantity": -39}]});
    let request = Request::post("/v1/orders", body.to_string().into_bytes());
    score.note(hand.send(&request).await?.status.is_client_error());
    Ok(score)
}

/// Names a transfer for an order many times at once; refused is what leaves the order unpaid.
async fn claim_at_once(
    hand: &mut Hand,
    open: &OpenOrder,
    draft: &client::payer::Draft,
) -> anyhow::Result<Score> {
    let request = claim_of(open, draft);
    let server = std::sync::Arc::clone(&hand.shop.server);
    let sent = (0..AT_ONCE).map(|_| server.send(&request));
    let answers = join_all(sent).await;
    let mut score = Score::default();
    for answer in answers {
        let answer = match answer {
            Ok(answer) if !answer.is_temporary() => answer,
            Ok(_) | Err(_) => hand.send(&request).await?,
        };
        score.note(answer.status.is_client_error());
    }
    if !hand.is_unpaid(open).await? {
        score.refused = 0;
    }
    Ok(score)
}

/// Has an honestly paid order's tokens signed and votes with them, so that nothing is left over.
async fn spend(hand: &mut Hand, open: &OpenOrder) -> anyhow::Result<()> {
    let tokens = hand.tokens(open).await?;
    let text = super::votes::text_for("example.com")?;
    hand.vote(&tokens, &text).await?;
    Ok(())
}
