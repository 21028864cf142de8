//! The contract suite on a real broker, and what its troubles look like.

mod leaders;
mod troubles;

use std::{collections::BTreeMap, sync::Arc};

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
};
use uuid::Uuid;

use super::*;
use crate::{
    engines,
    event_log::{Header, NewRecord, contract, partition_of},
    tls::ClientTls,
};

/// Everything that the broker allows the principal `payments`, on topics of this case.
struct Kafka {
    cluster: Cluster,
    topic: String,
}

fn cluster(principal: &str) -> Cluster {
    let engines = engines::folder();
    let file = |name: &str| engines.join("certificates").join(name);
    Cluster {
        brokers: brokers(&engines.join("kafka")),
        access: Access {
            tls: ClientTls {
                ca_file: file("ca.pem"),
                certificate_file: file(&format!("{principal}.crt")),
                key_file: file(&format!("{principal}.key")),
            },
            prefix: format!("test-{}.payments", Uuid::new_v4()),
        },
    }
}

/// Where the broker in `folder` listens.
fn brokers(folder: &std::path::Path) -> String {
    let admin = std::fs::read_to_string(folder.join("admin.properties")).unwrap();
    let brokers = admin
        .lines()
        .find_map(|line| line.strip_prefix("bootstrap.servers="));
    brokers.unwrap().to_owned()
}

impl Kafka {
    async fn new() -> Self {
        Self::on(cluster("admin")).await
    }

    async fn on(cluster: Cluster) -> Self {
        let prefix = &cluster.access.prefix;
        let topic = format!("{prefix}.topic");
        let admin: AdminClient<DefaultClientContext> = cluster.client().create().unwrap();
        let positions = format!("{prefix}.positions");
        let topics = [
            NewTopic::new(&topic, 3, TopicReplication::Fixed(1)),
            NewTopic::new(&positions, 1, TopicReplication::Fixed(1)),
        ];
        for made in admin
            .create_topics(&topics, &AdminOptions::new())
            .await
            .unwrap()
        {
            made.unwrap();
        }
        Self { cluster, topic }
    }
}

#[async_trait]
impl contract::Engine for Kafka {
    async fn open(&self) -> Arc<dyn EventLog> {
        Arc::new(KafkaLog::new(&self.cluster.brokers, &self.cluster.access))
    }

    fn topic(&self) -> String {
        self.topic.clone()
    }
}

macro_rules! passes {
    ($($case:ident)*) => {$(
        #[tokio::test]
        async fn $case() {
            contract::$case(&Kafka::new().await).await;
        }
    )*};
}

contract::for_each_case!(passes);

/// Its end is asked for rarely and it is paused meanwhile: what comes then is neither lost nor read twice.
#[tokio::test]
async fn a_partition_that_grows_behind_its_end_is_read_on() {
    const ROUNDS: u64 = 10;
    let kafka = Kafka::new().await;
    let log = contract::Engine::open(&kafka).await;
    let mut appender = log.appender().await.unwrap();
    let record = |key: &str, number: u64| NewRecord {
        topic: kafka.topic.clone(),
        key: key.as_bytes().to_vec(),
        value: number.to_be_bytes().to_vec(),
        headers: Vec::new(),
        timestamp: DateTime::UNIX_EPOCH,
    };
    let of = |key: &str| partition_of(key.as_bytes(), 3);
    let (steady, growing) = ("long", "growing");
    assert_ne!(of(steady), of(growing));
    let many: Vec<_> = (0..50 * ROUNDS).map(|n| record(steady, n)).collect();
    appender.append(&many).await.unwrap();
    let from = vec![(of(steady), 0), (of(growing), 0)];
    let mut consumer = log.consumer(&kafka.topic, from).await.unwrap();

    let mut read = BTreeMap::<Partition, Vec<Vec<u8>>>::new();
    let mut written = 0;
    loop {
        // Before each look, also behind an end that the reader knows and behind "no more".
        if written < 3 * ROUNDS {
            appender.append(&[record(growing, written)]).await.unwrap();
            written += 1;
        }
        match consumer.next_up_to(50).await.unwrap() {
            Some(batch) => {
                let values = batch
                    .records
                    .into_iter()
                    .map(|record| record.value.to_vec());
                read.entry(batch.partition).or_default().extend(values);
            }
            None if written == 3 * ROUNDS => break,
            None => {}
        }
    }

    let numbers = |end: u64| (0..end).map(|n| n.to_be_bytes().to_vec()).collect();
    let expected = [
        (of(steady), numbers(50 * ROUNDS)),
        (of(growing), numbers(3 * ROUNDS)),
    ];
    assert_eq!(read, expected.into());
}

#[tokio::test]
async fn a_reader_that_skips_headers_gets_the_record_without_them() {
    let kafka = Kafka::new().await;
    let log = contract::Engine::open(&kafka).await;
    let said = Header {
        name: "threshold".to_owned(),
        value: b"50".to_vec(),
    };
    let written = NewRecord {
        topic: kafka.topic.clone(),
        key: b"key".to_vec(),
        value: b"value".to_vec(),
        headers: vec![said.clone()],
        timestamp: DateTime::UNIX_EPOCH,
    };
    let mut appender = log.appender().await.unwrap();
    appender.append(&[written]).await.unwrap();

    for (skips, headers) in [(false, vec![said]), (true, Vec::new())] {
        let from = vec![(partition_of(b"key", 3), 0)];
        let mut consumer = log.consumer(&kafka.topic, from).await.unwrap();
        if skips {
            consumer.skip_headers();
        }
        let batch = consumer.next().await.unwrap().unwrap();
        let [record] = &batch.records[..] else {
            panic!("one record was written");
        };
        assert_eq!(
            (&record.value[..], &record.headers),
            (&b"value"[..], &headers)
        );
    }
}
