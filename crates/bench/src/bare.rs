//! The bare Kafka client: a transactional producer that commits an offset with each batch, and a consumer that reads
//! what is committed.

use std::time::Duration;

use anyhow::Context as _;
use clock::Clock;
use messages::avro::{Record as _, Vote};
use payments::Topics;
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    error::KafkaError,
    producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer},
};
use secrecy::ExposeSecret as _;
use service_kit::tls::ClientTls;
use uuid::Uuid;

use crate::{
    pipes::{BATCH, Done, EVENTS},
    tasks::{measure, publisher},
};

/// A call takes longer only when something is wrong.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Writes events to the topic of votes, spread over its partitions.
pub(crate) async fn produce(config: &payments::Config) -> anyhow::Result<Done> {
    let topic = Topics::of(&config.environment).vote;
    let positions = format!("{}.payments.positions", config.environment);
    let name = format!("{}.payments.bare", config.environment);
    let events = (0..EVENTS).map(event).collect::<Vec<_>>();
    let client = client(&config.event_log.url, &config.event_log.tls);
    let mut writing = client.clone();
    // As our publisher has it.
    writing
        .set("linger.ms", "5")
        .set("transactional.id", &name)
        .set("retry.backoff.ms", "5");
    let mut reading = client;
    reading.set("group.id", &name);
    measure(async move {
        let work = move || produce_all(&writing, &reading, &topic, &positions, &events);
        tokio::task::spawn_blocking(work).await?
    })
    .await
}

fn produce_all(
    writing: &ClientConfig,
    reading: &ClientConfig,
    topic: &str,
    positions: &str,
    events: &[(String, Vec<u8>)],
) -> anyhow::Result<usize> {
    let producer: ThreadedProducer<DefaultProducerContext> = writing.create()?;
    let group: BaseConsumer = reading.create()?;
    producer.init_transactions(TIMEOUT)?;
    let mut position = 0_i64;
    for batch in events.chunks(BATCH) {
        producer.begin_transaction()?;
        for (key, value) in batch {
            let record = BaseRecord::to(topic).key(key).payload(value);
            producer.send(record).map_err(|(error, _)| error)?;
        }
        position += i64::try_from(batch.len())?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(positions, 0, Offset::Offset(position))?;
        let group = group.group_metadata().context("the client has no group")?;
        producer.send_offsets_to_transaction(&list, &group, TIMEOUT)?;
        producer.commit_transaction(TIMEOUT)?;
    }
    Ok(events.len())
}

/// Reads what is new to it on the topic of votes.
pub(crate) async fn consume(config: &tally::Config) -> anyhow::Result<Done> {
    let topic = Topics::of(&config.environment).vote;
    let mut client = client(config.event_log.url.expose_secret(), &config.event_log.tls);
    client
        .set("group.id", format!("{}.tally.bare", config.environment))
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .set("auto.offset.reset", "earliest")
        .set("enable.partition.eof", "true");
    measure(async move { tokio::task::spawn_blocking(move || consume_all(&client, &topic)).await? })
        .await
}

fn consume_all(client: &ClientConfig, topic: &str) -> anyhow::Result<usize> {
    let consumer: BaseConsumer = client.create()?;
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT)?;
    let mut open = metadata
        .topics()
        .first()
        .context("there is no topic")?
        .partitions()
        .len();
    let mut asked = TopicPartitionList::new();
    asked.add_partition_range(topic, 0, i32::try_from(open)? - 1);
    // Where there is none yet, the setting says where to begin.
    consumer.assign(&consumer.committed_offsets(asked, TIMEOUT)?)?;
    let mut read = 0;
    let mut bytes = 0;
    while open > 0 {
        match consumer.poll(TIMEOUT) {
            None => anyhow::bail!("the topic does not end"),
            Some(Ok(message)) => {
                read += 1;
                bytes += message.payload_len();
            }
            Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
            Some(Err(error)) => return Err(error.into()),
        }
    }
    anyhow::ensure!(bytes > read, "the records are empty");
    let reached = consumer.position()?;
    consumer.commit(&reached, CommitMode::Sync)?;
    Ok(read)
}

/// What both have in common.
fn client(url: &str, tls: &ClientTls) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", url.trim_start_matches("kafka:"))
        .set("security.protocol", "ssl")
        .set("ssl.ca.location", tls.ca_file.to_string_lossy())
        .set(
            "ssl.certificate.location",
            tls.certificate_file.to_string_lossy(),
        )
        .set("ssl.key.location", tls.key_file.to_string_lossy());
    config
}

/// The key and the value of an event, as payments publishes it today.
fn event(number: usize) -> (String, Vec<u8>) {
    let id = Uuid::new_v4();
    let vote = Vote {
        id: id.to_string(),
        kind: "auto-contribute".to_owned(),
        channel: publisher(number),
        created_at: format!("{}T00:00:00Z", Clock::system().today()),
        base_vote_value: "0.25".to_owned(),
        vote_tally: 1,
        funding_source: "user-wallet".to_owned(),
    };
    (id.to_string(), vote.encode())
}
