//! Whoever reaches the brokers of a real Kafka (A5, P6).

use chrono::TimeDelta;
use messages::avro::{self, Record as _};
use service_kit::{
    engines,
    event_log::{self, Access, EventLog as _, KafkaLog, NewRecord},
};

use super::world::{TALLY, World, vote_for};

/// Topics that services write.
const TOPICS: [&str; 3] = ["payment.directory", "payment.funds", "payment.vote"];

/// The papers of a principal, as the engines' certificates have them.
fn papers(world: &World, principal: &str) -> Access {
    world.kit.engines().unwrap().access(principal)
}

/// Whether the brokers answer somebody who comes with these papers.
async fn is_let_in(world: &World, access: &Access) -> bool {
    let log = KafkaLog::new(world.kit.engines().unwrap().brokers(), access);
    log.identity().await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_p6_brokers_let_in_nobody_without_a_certificate_of_their_authority() {
    let world = World::start().await;
    let mut without = papers(&world, "payments");
    without.tls.certificate_file = std::path::PathBuf::new();
    let foreign = papers(&world, "rogue");

    // Refused attempts take their time: a client goes on trying.
    let (without, foreign) = tokio::join!(is_let_in(&world, &without), is_let_in(&world, &foreign));

    assert!(!without, "no certificate");
    assert!(!foreign, "a certificate of another authority");
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_p6_control_whoever_has_a_certificate_of_the_authority_is_let_in() {
    let world = World::start().await;

    // It may do nothing, but it is spoken to.
    assert!(is_let_in(&world, &papers(&world, "stranger")).await);
}

/// Whether somebody with payments' papers talks to the brokers, whose certificate must lead to `authority`.
async fn talks(world: &World, authority: &str) -> bool {
    let mut access = papers(world, "payments");
    access.tls.ca_file = engines::folder().join("certificates").join(authority);
    is_let_in(world, &access).await
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_service_talks_to_no_broker_of_another_authority() {
    let world = World::start().await;

    assert!(!talks(&world, "other-ca.pem").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_control_whoever_trusts_the_brokers_authority_talks_to_them() {
    let world = World::start().await;

    assert!(talks(&world, "ca.pem").await);
}

/// Whether a principal may read the topic.
async fn reads(world: &World, principal: &str, topic: &str) -> bool {
    let used = world.kit.engines().unwrap();
    let access = papers(world, principal);
    let log = event_log::open(used.event_log(), &access).await.unwrap();
    let topic = world.kit.stores().topic(topic);
    // Whoever may describe a topic learns its bounds, and is refused its records.
    let Ok(bounds) = log.bounds(&topic, 0).await else {
        return false;
    };
    match log.consumer(&topic, vec![(0, bounds.start)]).await {
        Ok(mut consumer) => consumer.next().await.is_ok(),
        Err(_) => false,
    }
}

/// Whether a principal may write the record.
async fn writes(world: &World, principal: &str, record: &NewRecord) -> bool {
    let used = world.kit.engines().unwrap();
    let access = papers(world, principal);
    let log = event_log::open(used.event_log(), &access).await.unwrap();
    let mut appender = log.appender().await.unwrap();
    appender.append(std::slice::from_ref(record)).await.is_ok()
}

fn record(world: &World, topic: &str, key: &[u8], value: Vec<u8>) -> NewRecord {
    NewRecord {
        headers: Vec::new(),
        topic: world.kit.stores().topic(topic),
        key: key.to_vec(),
        value,
        timestamp: world.kit.clock().now(),
    }
}

/// All records of the topics that services write.
async fn written(world: &World) -> usize {
    let mut written = 0;
    for topic in TOPICS {
        written += world.kit.stores().records(topic).await.unwrap().len();
    }
    written
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_a_principal_reads_and_writes_nothing_that_is_not_its_own() {
    let world = World::start().await;
    let before = written(&world).await;

    for (principal, topic) in [
        ("eyeshade", "payment.directory"),
        ("eyeshade", "payment.funds"),
        ("payments", "payment.funds"),
        ("payments", "payment.vote"),
        ("stranger", "payment.directory"),
        ("stranger", "payment.funds"),
        ("stranger", "payment.vote"),
    ] {
        assert!(
            !reads(&world, principal, topic).await,
            "{principal} {topic}"
        );
    }
    for principal in ["eyeshade", "stranger", "tally"] {
        for topic in TOPICS {
            let record = record(&world, topic, b"key", b"value".to_vec());
            assert!(
                !writes(&world, principal, &record).await,
                "{principal} {topic}"
            );
        }
    }

    assert_eq!(written(&world).await, before);
}

/// A vote that payments counted, and one like it that nobody cast.
async fn vote_and_forge(world: &mut World) -> NewRecord {
    let mut hand = world.hand();
    let tokens = world.drive(hand.buy(4)).await.unwrap();
    let text = vote_for("example.org");
    world.drive(hand.vote(&tokens, &text)).await.unwrap();
    drop(hand);
    world.live(TimeDelta::days(1)).await;
    // There may be rubbish around it.
    let records = world.kit.stores().records("payment.vote").await.unwrap();
    let events = records.iter();
    let mut events = events.filter_map(|(_, record)| avro::Vote::decode(&record.value).ok());
    let honest = events.next().unwrap();
    let forged = avro::Vote {
        id: "00000000-0000-8000-8000-000000000001".to_owned(),
        vote_tally: 300,
        ..honest
    };
    record(
        world,
        "payment.vote",
        forged.channel.as_bytes(),
        forged.encode(),
    )
}

/// The tokens that tally has counted.
async fn counted(world: &World) -> u64 {
    world
        .number(TALLY, "SELECT SUM(votes) FROM vote_pile")
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_control_whoever_has_payments_certificate_writes_and_reads_what_tally_counts() {
    let mut world = World::start().await;
    let forged = vote_and_forge(&mut world).await;

    assert!(writes(&world, "payments", &forged).await);
    assert!(reads(&world, "tally", "payment.vote").await);
    world.live(TimeDelta::days(1)).await;

    // Which is why no token is worth more than what was redeemed: T18.
    assert_eq!(counted(&world).await, 304);
}

/// Puts rubbish into every partition of every topic that tally reads, with forged papers of payments.
async fn litter(world: &World) -> usize {
    let mut littered = 0;
    for topic in TOPICS {
        for key in 0..16_u8 {
            let rubbish = match key % 4 {
                0 => Vec::new(),
                1 => vec![0xff; 64],
                2 => b"{\"json\": true}".to_vec(),
                // As the schema has it, up to the middle of a field.
                _ => vec![72, b'0', b'0'],
            };
            let record = record(world, topic, &[key], rubbish);
            assert!(writes(world, "payments", &record).await, "{topic}");
            littered += 1;
        }
    }
    littered
}

/// The records that were set aside.
async fn dead_letters(world: &World) -> usize {
    let mut letters = 0;
    for topic in TOPICS {
        let topic = format!("{topic}.dead-letter");
        letters += world.kit.stores().records(&topic).await.unwrap().len();
    }
    letters
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_garbage_on_a_topic_is_set_aside_and_reading_goes_on() {
    let mut world = World::start().await;

    let littered = litter(&world).await;
    vote_and_forge(&mut world).await;
    world.live(TimeDelta::days(1)).await;

    assert_eq!(dead_letters(&world).await, littered);
    assert_eq!(counted(&world).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_control_what_is_no_garbage_is_not_set_aside() {
    let mut world = World::start().await;
    let forged = vote_and_forge(&mut world).await;

    assert!(writes(&world, "payments", &forged).await);
    world.live(TimeDelta::days(1)).await;

    assert_eq!(dead_letters(&world).await, 0);
}
