//! Blinded tokens in, signed tokens out: once.

use std::sync::atomic::{AtomicBool, Ordering};

use chrono::TimeDelta;
use messages::payments::{OrderCredentials, OrderStatus};
use serde_json::{Value, json};
use service_kit::fault::{Crashed, FaultPoints};

use crate::{
    house::{Answer, Wish},
    shop::{Bought, Shop},
};

#[tokio::test]
async fn paid_tokens_are_signed_and_the_proof_holds() {
    let shop = Shop::open().await;
    let bought = shop.wallet(40).await;
    let (blinding, points) = Shop::points(&bought);
    assert_eq!(
        shop.submit(&bought, &points).await.refusal(),
        "order-not-paid"
    );
    assert_eq!(
        shop.get(&bought, "/credentials").await.refusal(),
        "not-found"
    );
    shop.pay("uphold", &bought).await;
    assert_eq!(
        shop.get(&bought, "/credentials").await.refusal(),
        "not-found"
    );

    let signed: OrderCredentials = shop.submit(&bought, &points).await.read(200);

    let tokens = blinding.unblind(
        &signed.signed_creds,
        &signed.batch_proof,
        &signed.public_key,
    );
    assert_eq!(tokens.unwrap().len(), 40);
    let item = bought.order.items[0].id;
    assert_eq!((signed.id, signed.order_id), (item, bought.order.id));
    assert_eq!(signed.issuer_id.get_version_num(), 8);
    assert_eq!(json!(signed.blinded_creds), points["blindedCreds"]);
    assert_eq!(shop.status(&bought).await, OrderStatus::Fulfilled);
    let listed: Vec<OrderCredentials> = shop.get(&bought, "/credentials").await.read(200);
    assert_eq!(listed, std::slice::from_ref(&signed));
    let one = shop.get(&bought, &format!("/credentials/{item}")).await;
    assert_eq!(one.read::<OrderCredentials>(200), signed);
    let other = shop
        .get(&bought, &format!("/credentials/{}", uuid::Uuid::new_v4()))
        .await;
    assert_eq!(other.refusal(), "not-found");
}

#[tokio::test]
async fn the_same_points_get_the_same_answer_and_others_never_do() {
    let shop = Shop::open().await;
    let (bought, points, signed) = shop.buy_all(40).await;

    let again: OrderCredentials = shop.submit(&bought, &points).await.read(200);
    let (_, others) = Shop::points(&bought);
    let refused = shop.submit(&bought, &others).await;

    assert_eq!(again, signed);
    assert_eq!(refused.refusal(), "credentials-already-submitted");
    let mut turned = points.clone();
    turned["blindedCreds"].as_array_mut().unwrap().reverse();
    let refused = shop.submit(&bought, &turned).await;
    assert_eq!(refused.refusal(), "credentials-already-submitted");
}

/// More at once than the crypto pool's queue holds are told to come again, and do.
async fn submit_until_answered(shop: &Shop, bought: &Bought, points: &Value) -> Answer {
    for _ in 0..100 {
        let answer = shop.submit(bought, points).await;
        if answer.status != 503 {
            return answer;
        }
        assert_eq!(answer.refusal(), "overloaded");
    }
    panic!("the service stays overloaded by sixteen requests");
}

#[tokio::test]
async fn of_many_submissions_at_once_one_is_signed_and_counted() {
    let shop = Shop::open().await;
    let bought = shop.wallet(20).await;
    shop.pay("gemini", &bought).await;
    let points: Vec<_> = (0..8).map(|_| Shop::points(&bought).1).collect();

    let sent = points
        .iter()
        .chain(&points)
        .map(|points| submit_until_answered(&shop, &bought, points));
    let answers = futures_util::future::join_all(sent).await;

    let signed: Vec<_> = answers.iter().filter(|one| one.status == 200).collect();
    assert_eq!(signed.len(), 2, "the winner's two requests");
    assert_eq!(signed[0].body, signed[1].body);
    assert_eq!(answers.iter().filter(|one| one.status == 409).count(), 14);
    let issuer = shop
        .house
        .issuer
        .issuer(crate::house::WALLET)
        .await
        .unwrap();
    assert_eq!(
        issuer.keys.iter().map(|key| key.signed_total).sum::<u64>(),
        20
    );
}

#[tokio::test]
async fn points_that_are_not_exactly_what_was_paid_for_are_refused() {
    let shop = Shop::open().await;
    let bought = shop.wallet(4).await;
    shop.pay("uphold", &bought).await;
    let (_, good) = Shop::points(&bought);
    let identity = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let no_point = "/////////////////////////////////////////38=";
    let first = good["blindedCreds"][0].clone();
    let with = |at: usize, value: Value| {
        let mut body = good.clone();
        body["blindedCreds"][at] = value;
        body
    };
    let list = |list: Value| {
        let mut body = good.clone();
        body["blindedCreds"] = list;
        body
    };

    for (body, slug, pointer) in [
        (with(1, json!(identity)), "invalid-point", "/blindedCreds/1"),
        (with(2, json!(no_point)), "invalid-point", "/blindedCreds/2"),
        (with(3, first), "duplicate-token", "/blindedCreds/3"),
        (with(0, json!("")), "invalid-body", "/blindedCreds/0"),
        (with(0, json!("AAAA")), "invalid-body", "/blindedCreds/0"),
        (list(json!([])), "invalid-quantity", "/blindedCreds"),
        (
            list(json!([good["blindedCreds"][0]])),
            "invalid-quantity",
            "/blindedCreds",
        ),
        (
            list(json!(vec![good["blindedCreds"][0].clone(); 5])),
            "invalid-quantity",
            "/blindedCreds",
        ),
        (
            list(json!(vec![good["blindedCreds"][0].clone(); 401])),
            "invalid-quantity",
            "/blindedCreds",
        ),
    ] {
        let refused = shop.submit(&bought, &body).await;
        assert_eq!(
            (refused.refusal(), refused.pointer().as_str()),
            (slug, pointer)
        );
    }
    let mut elsewhere = good.clone();
    elsewhere["itemId"] = json!(uuid::Uuid::new_v4());
    assert_eq!(
        shop.submit(&bought, &elsewhere).await.refusal(),
        "not-found"
    );
    let large = list(json!(vec!["A".repeat(44); 2000]));
    assert_eq!(
        shop.submit(&bought, &large).await.refusal(),
        "body-too-large"
    );
    assert_eq!(shop.submit(&bought, &good).await.status, 200);
}

#[tokio::test]
async fn while_challenge_bypass_is_down_tokens_wait_and_are_signed_later() {
    let mut shop = Shop::open().await;
    let bought = shop.wallet(40).await;
    shop.pay("uphold", &bought).await;
    let (blinding, points) = Shop::points(&bought);
    shop.house.stop_challenge_bypass().await;

    let refused = shop.submit(&bought, &points).await;
    assert_eq!(refused.refusal(), "issuer-unavailable");
    let item = bought.order.items[0].id;
    assert_eq!(shop.get(&bought, "/credentials").await.status, 202);
    assert_eq!(
        shop.get(&bought, &format!("/credentials/{item}"))
            .await
            .status,
        202
    );
    let (_, others) = Shop::points(&bought);
    let others = shop.submit(&bought, &others).await;
    assert_eq!(others.refusal(), "credentials-already-submitted");

    shop.house.start_challenge_bypass().await;
    shop.house.simulation.run_for(TimeDelta::minutes(20)).await;
    let listed: Vec<OrderCredentials> = shop.get(&bought, "/credentials").await.read(200);
    let signed = &listed[0];
    let tokens = blinding.unblind(
        &signed.signed_creds,
        &signed.batch_proof,
        &signed.public_key,
    );
    assert_eq!(tokens.unwrap().len(), 40);
    assert_eq!(
        shop.submit(&bought, &points)
            .await
            .read::<OrderCredentials>(200),
        *signed
    );
}

#[tokio::test]
async fn after_their_time_credentials_are_gone_and_nothing_is_signed_again() {
    let mut shop = Shop::open().await;
    let (bought, points, _) = shop.buy_all(4).await;
    let reference = bought.order.transfer_reference;
    shop.house.simulation.run_for(TimeDelta::days(32)).await;

    let item = bought.order.items[0].id;
    assert_eq!(
        shop.get(&bought, "/credentials").await.refusal(),
        "credentials-erased"
    );
    let one = shop.get(&bought, &format!("/credentials/{item}")).await;
    assert_eq!(one.refusal(), "credentials-erased");
    let again = shop.submit(&bought, &points).await;
    assert_eq!(again.refusal(), "credentials-already-submitted");
    let listed: Value = shop.get(&bought, "/transactions").await.read(200);
    assert_eq!(listed[0]["externalTransactionId"], "");

    // Nothing that was signed, and no name of the transfer, is left in the files.
    let mut found = Vec::new();
    for file in ["payments-orders.db", "payments-orders.db-wal"] {
        found.extend(std::fs::read(shop.house.layout.file(file)).unwrap_or_default());
    }
    let point: messages::BlindedToken =
        serde_json::from_value(points["blindedCreds"][0].clone()).unwrap();
    let has = |bytes: &[u8]| found.windows(bytes.len()).any(|window| window == bytes);
    assert!(!has(point.as_bytes()));
    assert!(!has(reference.to_string().as_bytes()) && !has(reference.as_bytes()));
    assert!(has(bought.order.id.as_bytes()), "the order itself is kept");
}

async fn shop_that_crashes_once_at(step: &'static str) -> Shop {
    let crashes = AtomicBool::new(true);
    let plan = move |name| {
        let dies = name == step && crashes.swap(false, Ordering::SeqCst);
        if dies { Err(Crashed(name)) } else { Ok(()) }
    };
    let mut wish = Wish::default();
    wish.rules.fault = FaultPoints::planned(plan);
    Shop::with(wish).await
}

#[tokio::test]
async fn a_crash_at_any_step_is_mended_by_the_client_or_by_the_job_and_counted_once() {
    for step in [
        "credentials-submitted",
        "credentials-signed",
        "credentials-stored",
    ] {
        for client_repeats in [true, false] {
            let mut shop = shop_that_crashes_once_at(step).await;
            let bought = shop.wallet(8).await;
            shop.pay("uphold", &bought).await;
            let (blinding, points) = Shop::points(&bought);

            assert_eq!(shop.submit(&bought, &points).await.refusal(), "internal");
            if client_repeats {
                assert_eq!(shop.submit(&bought, &points).await.status, 200, "{step}");
            } else {
                shop.house.simulation.run_for(TimeDelta::minutes(40)).await;
            }

            let signed: Vec<OrderCredentials> = shop.get(&bought, "/credentials").await.read(200);
            let [signed] = signed.as_slice() else {
                panic!("{step}")
            };
            let (tokens, proof) = (&signed.signed_creds, &signed.batch_proof);
            let tokens = blinding.unblind(tokens, proof, &signed.public_key);
            assert_eq!(tokens.unwrap().len(), 8, "{step}");
            assert_eq!(shop.status(&bought).await, OrderStatus::Fulfilled);
            let issuer = shop
                .house
                .issuer
                .issuer(crate::house::WALLET)
                .await
                .unwrap();
            let signed_total: u64 = issuer.keys.iter().map(|key| key.signed_total).sum();
            assert_eq!(signed_total, 8, "{step}");
        }
    }
}

#[tokio::test]
async fn what_is_signed_anew_after_a_revocation_stands_in_the_books_once() {
    let mut shop = shop_that_crashes_once_at("credentials-signed").await;
    let bought = shop.wallet(8).await;
    shop.pay("uphold", &bought).await;
    let (_, points) = Shop::points(&bought);
    assert_eq!(shop.submit(&bought, &points).await.refusal(), "internal");
    let signed = |issuer: messages::challenge_bypass::Issuer| {
        let keys = issuer.keys.into_iter().filter(|key| key.signed_total > 0);
        keys.map(|key| (key.key_id, key.signed_total))
            .collect::<Vec<_>>()
    };
    let of_wallet = crate::house::WALLET;
    let [(lost, 8)] = signed(shop.house.issuer.issuer(of_wallet).await.unwrap())[..] else {
        panic!("one key signed what nobody received");
    };

    shop.house.operate(&format!("/v4/keys/{lost}/revoke")).await;
    shop.house.simulation.run_for(TimeDelta::hours(1)).await;
    assert_eq!(shop.submit(&bought, &points).await.status, 200);

    let [(other, 8)] = signed(shop.house.issuer.issuer(of_wallet).await.unwrap())[..] else {
        panic!("it is signed anew, and counted there alone");
    };
    assert_ne!(other, lost);
    shop.house.simulation.run_for(TimeDelta::days(2)).await;
    assert_eq!(shop.house.admin("/readyz").await.status, 200);
}
