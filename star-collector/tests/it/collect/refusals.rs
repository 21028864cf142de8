//! Each rule, broken once. Nothing of it comes into the log (threat T13).

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE},
};
use chrono::TimeDelta;
use messages::problem::Slug;
use reqwest::StatusCode;
use star_collector::factory::Factory;

use super::app::{App, EPOCH, K, NUMBER, problem, start_of, taken};

/// Where the share's x begins: epoch, length and ciphertext, length of the share, threshold, length of the coordinates.
fn place_of_x(message: &[u8]) -> usize {
    let ciphertext: [u8; 8] = message[1..9].try_into().unwrap();
    let ciphertext = usize::try_from(u64::from_le_bytes(ciphertext)).unwrap();
    1 + 8 + ciphertext + 8 + 4 + 4
}

#[tokio::test]
async fn base64_is_standard_and_padded_with_nothing_around_it() {
    let mut app = App::start().await;
    let message = loop {
        let mut message = app.message();
        // One byte more than a multiple of three: with two signs of padding, and both signs that the alphabets differ in.
        while message.len() % 3 != 1 {
            message.push(0xfb);
        }
        let text = STANDARD.encode(&message);
        if text.contains('+') && text.contains('/') {
            break message;
        }
    };
    let text = STANDARD.encode(&message);
    let loose = {
        // The last sign before the padding has four bits that say nothing.
        let mut loose = text.clone().into_bytes();
        let place = loose.len() - 3;
        loose[place] += 1;
        String::from_utf8(loose).unwrap()
    };
    for bad in [
        format!("{text}\n"),
        format!(" {text}"),
        format!("{}\n{}", &text[..76], &text[76..]),
        STANDARD_NO_PAD.encode(&message),
        URL_SAFE.encode(&message),
        format!("\"{text}\""),
        loose,
    ] {
        let detail = problem(app.post(bad.clone()).await, Slug::InvalidBody).await;
        assert!(detail.contains("base64"), "{bad}: {detail}");
    }
    assert_eq!(app.values().await.len(), 0);
}

#[tokio::test]
async fn what_is_no_message_of_the_channel_is_refused() {
    let mut app = App::start().await;
    let message = app.message();
    let x = place_of_x(&message);
    let mut zero = message.clone();
    zero[x..x + 24].fill(0);
    // p itself, which is 0 once more.
    let mut large = zero.clone();
    large[x..x + 24].copy_from_slice(&[
        0xa3, 0x30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
    ]);
    let mut large_y = message.clone();
    large_y[x + 24..x + 48].fill(0xff);
    let layers = |texts: &[&str]| Factory::new(NUMBER, K).message(texts, &mut rand::rngs::OsRng);
    for (bad, why) in [
        (Vec::new(), "too early"),
        (vec![0; 64], "too early"),
        (message[..message.len() - 1].to_vec(), "too early"),
        ([&message[..], &[0]].concat(), "behind"),
        (layers(&["a|1", "b|2"]), "number of layers"),
        (layers(&["a|1", "b|2", "c|3", "d|4"]), "number of layers"),
        (zero, "not in its range"),
        (large, "not in its range"),
        (large_y, "not in its range"),
    ] {
        let detail = problem(app.send(&bad).await, Slug::InvalidBody).await;
        assert!(detail.contains(why), "{why}: {detail}");
    }
    assert_eq!(app.values().await.len(), 0);
}

#[tokio::test]
async fn the_threshold_of_the_share_is_that_of_the_header_or_else_the_channels() {
    let mut app = App::start().await;
    let (five, six) = (app.message(), app.message_of(NUMBER, 6));
    let one = app.message_of(NUMBER, 1);
    for answer in [
        app.send(&six).await,
        app.send(&one).await,
        app.send_with_threshold(&six, "7").await,
        app.send_with_threshold(&five, "6").await,
    ] {
        let detail = problem(answer, Slug::InvalidBody).await;
        assert!(detail.contains("threshold"), "{detail}");
    }
    assert_eq!(app.values().await.len(), 0);
    taken(app.send_with_threshold(&six, "6").await).await;
}

#[tokio::test]
async fn a_threshold_outside_the_channels_range_or_no_number_is_refused() {
    let mut app = App::start().await;
    let one = app.message_of(NUMBER, 1);
    let many = app.message_of(NUMBER, 21);
    let five = app.message();
    for (message, threshold) in [
        (&one, "1"),
        (&one, "0"),
        (&many, "21"),
        (&five, "4294967301"),
        (&five, "+5"),
        (&five, "5.0"),
        (&five, "0x5"),
        (&five, "five"),
        (&five, ""),
    ] {
        let answer = app.send_with_threshold(message, threshold).await;
        let detail = problem(answer, Slug::InvalidHeader).await;
        assert!(detail.contains("threshold"), "{threshold}: {detail}");
    }
    assert_eq!(app.values().await.len(), 0);
}

#[tokio::test]
async fn messages_of_epochs_that_are_over_or_have_not_begun_are_refused() {
    let mut app = App::start().await;
    let numbers = [
        NUMBER - 2,
        NUMBER - 1,
        NUMBER,
        NUMBER + 1,
        NUMBER.wrapping_sub(3),
    ];
    let messages = numbers.map(|number| app.message_of(number, K));
    let mut statuses = Vec::new();
    for message in &messages {
        statuses.push(app.send(message).await.status());
    }
    let (yes, no) = (StatusCode::NO_CONTENT, StatusCode::BAD_REQUEST);
    assert_eq!(statuses, [yes, yes, yes, no, no]);

    // Its last second, and the first one after it.
    let end = start_of(EPOCH + 3);
    let message = app.message();
    app.simulation.run_until(end - TimeDelta::seconds(1)).await;
    taken(app.send(&message).await).await;
    app.simulation.run_until(end).await;
    let detail = problem(app.send(&message).await, Slug::InvalidBody).await;

    assert!(detail.contains("epoch"), "{detail}");
    assert_eq!(app.values().await.len(), 4);
}

#[tokio::test]
async fn what_is_too_large_is_refused_whatever_it_is() {
    let app = App::start().await;

    problem(app.send(&[0; 8_193]).await, Slug::BodyTooLarge).await;
    problem(app.post(vec![b'A'; 100_000]).await, Slug::BodyTooLarge).await;
    // As large as it may be, and no message.
    problem(app.send(&[0; 8_192]).await, Slug::InvalidBody).await;
}

#[tokio::test]
async fn unknown_channels_and_other_methods_are_refused() {
    let mut app = App::start().await;
    let text = STANDARD.encode(app.message());
    let to = async |path: &str| app.request(path, text.clone()).send().await.unwrap();

    for path in ["/slow", "/Typical", "/typical%20", "/p3a-star-enc"] {
        problem(to(path).await, Slug::NotFound).await;
    }
    problem(to("/typical/more").await, Slug::NotFound).await;
    problem(to("/%ff").await, Slug::InvalidPath).await;
    problem(app.get("/typical").await, Slug::MethodNotAllowed).await;
    assert_eq!(app.values().await.len(), 0);
    taken(to("/typical").await).await;
}

#[tokio::test]
async fn messages_of_old_clients_are_answered_like_the_others_and_dropped() {
    let mut app = App::with(&[("clients.minimum_version", "3")]).await;
    let message = app.message();

    taken(app.send_as("2", &message).await).await;
    taken(
        app.send_as("2.99", b"and what it sends is not looked at")
            .await,
    )
    .await;
    taken(app.send_as("2", &[0; 9_000]).await).await;
    taken(app.send(&message).await).await;
    assert_eq!(app.values().await.len(), 0);

    for bad in ["three", "3,4", "-3", ""] {
        problem(app.send_as(bad, &message).await, Slug::InvalidHeader).await;
    }
    taken(app.send_as("3", &message).await).await;
    taken(app.send_as("10.1", &message).await).await;
    assert_eq!(app.values().await.len(), 2);
}

#[tokio::test]
async fn a_client_that_sends_too_much_has_to_wait() {
    let limits = [
        ("http.rate_limit.units_per_minute", "6"),
        ("http.rate_limit.burst", "2"),
    ];
    let mut app = App::with(&limits).await;
    let message = app.message();

    taken(app.send(&message).await).await;
    taken(app.send(&message).await).await;

    problem(app.send(&message).await, Slug::TooManyRequests).await;
}
