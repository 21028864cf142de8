//! A partition without a leader, which a real broker has only for moments that nobody can choose: librdkafka's own broker
//! for tests, which speaks the protocol, is told how often it has none.

use std::cell::Cell;

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::*;

const NOT_LEADER: RDKafkaRespErr = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;

#[test]
fn bounds_are_told_once_a_partition_has_a_leader() {
    let client: BaseConsumer<Context> = ClientConfig::new()
        .set("test.mock.num.brokers", "1")
        .set("group.id", "readers")
        .create_with_context(Context::default())
        .unwrap();
    let cluster = client.client().mock_cluster().unwrap();
    cluster.create_topic("vote", 1, 1).unwrap();
    // Both ends are asked for, each with a request of its own.
    cluster.request_errors(RDKafkaApiKey::ListOffsets, &[NOT_LEADER; 5]);

    assert_eq!(bounds(&client, "vote", 0).unwrap(), 0..0);
}

#[test]
fn what_has_no_leader_until_the_limit_is_an_error_and_so_is_at_once_what_waiting_does_not_mend() {
    for (code, once) in [
        (RDKafkaErrorCode::NotLeaderForPartition, false),
        (RDKafkaErrorCode::TopicAuthorizationFailed, true),
    ] {
        let asked = Cell::new(0);
        let ask = || {
            asked.set(asked.get() + 1);
            KafkaResult::<()>::Err(KafkaError::MetadataFetch(code))
        };

        let answer = once_it_has_a_leader(ask, 3 * LEADER_SOON);

        assert_eq!(answer, Err(KafkaError::MetadataFetch(code)));
        assert_eq!(asked.get() == 1, once, "{code:?}: {asked:?}");
    }
}
