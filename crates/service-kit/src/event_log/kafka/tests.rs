//! The contract suite on a real broker.

use std::sync::Arc;

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
};
use uuid::Uuid;

use super::*;
use crate::{engines, event_log::contract};

/// Everything that the broker allows the principal `payments`, on topics of this case.
struct Kafka {
    settings: KafkaSettings,
    topic: String,
}

fn settings(principal: &str) -> KafkaSettings {
    let engines = engines::folder();
    let admin = std::fs::read_to_string(engines.join("kafka/admin.properties")).unwrap();
    let brokers = admin
        .lines()
        .find_map(|line| line.strip_prefix("bootstrap.servers="))
        .unwrap();
    let file = |name: &str| engines.join("certificates").join(name);
    KafkaSettings {
        brokers: brokers.to_owned(),
        tls: ClientTls {
            ca_file: file("ca.pem"),
            certificate_file: file(&format!("{principal}.crt")),
            key_file: file(&format!("{principal}.key")),
        },
        prefix: format!("test-{}.payments", Uuid::new_v4()),
    }
}

impl Kafka {
    async fn new() -> Self {
        let settings = settings("admin");
        let topic = format!("{}.topic", settings.prefix);
        let admin: AdminClient<DefaultClientContext> = settings.client().create().unwrap();
        let positions = format!("{}.positions", settings.prefix);
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
        Self { settings, topic }
    }
}

#[async_trait]
impl contract::Engine for Kafka {
    async fn open(&self) -> Arc<dyn EventLog> {
        Arc::new(KafkaLog::open(self.settings.clone()).unwrap())
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
