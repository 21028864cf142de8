//! The contract suite on a real broker, and what its troubles look like.

mod troubles;

use std::sync::Arc;

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
};
use uuid::Uuid;

use super::*;
use crate::{engines, event_log::contract, tls::ClientTls};

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
