//! Each trouble with a broker is a sentence that says what to do, and is over by itself when it is mended.

use std::fs;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Access, Cluster, EventLog, Kafka, KafkaLog, PublisherId, Result, Uuid, brokers};
use crate::{
    engines::{self, own::Own},
    event_log::{Error, NewRecord, TopicUse},
    tls::{ClientTls, probe::Trouble},
};

fn log(cluster: &Cluster) -> KafkaLog {
    KafkaLog::new(&cluster.brokers, &cluster.access)
}

/// What the shared broker says to whoever comes with `tls`, as the principal payments has its groups.
fn with(tls: ClientTls) -> KafkaLog {
    of("payments", tls)
}

fn of(principal: &str, tls: ClientTls) -> KafkaLog {
    log(&Cluster {
        access: Access {
            tls,
            prefix: format!("development.{principal}"),
        },
        ..super::cluster("payments")
    })
}

fn id(prefix: &str) -> PublisherId {
    PublisherId {
        name: prefix.to_owned(),
        generation: Uuid::nil(),
    }
}

fn trouble(result: Result<impl Sized>) -> Trouble {
    match result.err() {
        Some(Error::Connection(trouble)) => trouble,
        other => panic!("{other:?}"),
    }
}

/// Publishes a record, and answers the position behind it.
async fn publish(log: &dyn EventLog, topic: &str, first: u64) -> Result<Option<u64>> {
    publish_of(DateTime::UNIX_EPOCH, log, topic, first).await
}

async fn publish_of(
    timestamp: DateTime<Utc>,
    log: &dyn EventLog,
    topic: &str,
    first: u64,
) -> Result<Option<u64>> {
    let record = NewRecord {
        headers: Vec::new(),
        topic: topic.to_owned(),
        key: b"key".to_vec(),
        value: b"value".to_vec(),
        timestamp,
    };
    let mut publisher = log.publisher(&id("line")).await?;
    publisher.publish(first, vec![record]).await?;
    publisher.position().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_broker_is_told_and_found_again_by_itself() {
    let own = Own::start("kafka");
    let access = Access {
        tls: own.tls("admin"),
        prefix: "test.payments".to_owned(),
    };
    let cluster = Cluster {
        brokers: brokers(&own.folder()),
        access,
    };
    let log = log(&cluster);
    let Kafka { topic, .. } = Kafka::on(cluster).await;
    let uses = [TopicUse::write(&topic)];
    log.check(&uses).await.unwrap();
    assert_eq!(publish(&log, &topic, 0).await.unwrap(), Some(1));

    own.run("kill");
    for lost in [
        trouble(log.check(&uses).await),
        trouble(log.partitions(&topic).await),
        trouble(publish(&log, &topic, 1).await),
    ] {
        let said = lost.to_string();
        assert!(said.contains("start the server"), "{said}");
        assert!(matches!(lost, Trouble::Unreachable { .. }), "{said}");
    }

    own.run("start");
    log.check(&uses).await.unwrap();
    assert_eq!(log.partitions(&topic).await.unwrap(), 3);
    assert_eq!(publish(&log, &topic, 1).await.unwrap(), Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_whose_clock_is_far_behind_is_told_and_takes_records_when_it_is_not() {
    let Kafka { cluster, topic } = Kafka::new().await;
    let log = log(&cluster);
    let now = clock::Clock::system().now();

    let refused = publish_of(now + TimeDelta::days(2), &log, &topic, 0).await;

    assert!(matches!(refused, Err(Error::OtherClock)), "{refused:?}");
    assert_eq!(publish_of(now, &log, &topic, 0).await.unwrap(), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_certificate_is_told_and_a_good_one_is_taken_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let shown = |kind: &str| folder.path().join(kind);
    let shared = engines::folder().join("certificates");
    let show = |from: &std::path::Path, principal: &str| {
        for kind in ["crt", "key"] {
            fs::copy(from.join(format!("{principal}.{kind}")), shown(kind)).unwrap();
        }
    };
    let log = with(ClientTls {
        ca_file: shared.join("ca.pem"),
        certificate_file: shown("crt"),
        key_file: shown("key"),
    });

    // Of another authority: the broker refuses it.
    show(&shared, "rogue");
    for refused in [trouble(log.check(&[]).await), trouble(log.identity().await)] {
        assert!(matches!(refused, Trouble::OursRefused { .. }), "{refused}");
        assert!(refused.to_string().contains("put one there"), "{refused}");
    }
    // Expired: what the broker says of it is not needed.
    let expired = tempfile::tempdir().unwrap();
    for name in ["ca.key", "ca.pem", "other-ca.key", "other-ca.pem"] {
        fs::copy(shared.join(name), expired.path().join(name)).unwrap();
    }
    engines::own::certificates(expired.path(), -1);
    show(expired.path(), "payments");
    let ended = trouble(log.check(&[]).await);
    assert!(matches!(ended, Trouble::OursEnded { .. }), "{ended}");
    // None at all, and a key of another certificate.
    fs::remove_file(shown("crt")).unwrap();
    let missing = trouble(log.check(&[]).await);
    assert!(matches!(missing, Trouble::OursUnusable(_)), "{missing}");
    show(&shared, "payments");
    fs::copy(shared.join("tally.key"), shown("key")).unwrap();
    let other = trouble(log.check(&[]).await);
    assert!(matches!(other, Trouble::OursUnusable(_)), "{other}");

    show(&shared, "payments");
    log.check(&[]).await.unwrap();
    assert!(log.identity().await.is_ok());
}

#[tokio::test]
async fn a_broker_that_we_do_not_trust_and_one_that_wants_a_certificate_are_told_apart() {
    let file = |name: &str| engines::folder().join("certificates").join(name);
    let cluster = super::cluster("payments");

    let mut tls = cluster.access.tls.clone();
    tls.ca_file = file("other-ca.pem");
    let strange = trouble(with(tls).check(&[]).await);
    assert!(
        matches!(strange, Trouble::TheirsStrange { .. }),
        "{strange}"
    );

    let bare = ClientTls {
        ca_file: file("ca.pem"),
        ..ClientTls::default()
    };
    let wanted = trouble(with(bare).check(&[]).await);
    assert!(matches!(wanted, Trouble::OursMissing { .. }), "{wanted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_topic_and_a_missing_permission_are_told_before_anybody_waits_for_records() {
    let vote = "development.payment.vote";
    let of = |principal| of(principal, super::cluster(principal).access.tls);
    let said = |result: Result<()>| result.unwrap_err().to_string();

    of("payments")
        .check(&[TopicUse::write(vote)])
        .await
        .unwrap();
    of("eyeshade").check(&[TopicUse::read(vote)]).await.unwrap();

    let unwritable = said(of("eyeshade").check(&[TopicUse::write(vote)]).await);
    assert!(
        unwritable.contains("write to the topic development.payment.vote"),
        "{unwritable}"
    );
    let unreadable = said(of("payments").check(&[TopicUse::read(vote)]).await);
    assert!(unreadable.contains("read the topic"), "{unreadable}");
    let unseen = said(of("stranger").check(&[TopicUse::read(vote)]).await);
    assert!(unseen.contains("see the topic"), "{unseen}");
    let missing = said(of("admin").check(&[TopicUse::read("nowhere")]).await);
    assert!(missing.contains("no topic nowhere"), "{missing}");

    let unpublished = of("stranger").publisher(&id("line")).await.unwrap_err();
    assert!(
        matches!(unpublished, Error::NotAllowed { .. }),
        "{unpublished}"
    );
    let ungrouped = said(of("stranger").check(&[]).await);
    assert!(
        ungrouped.contains("use the group development.stranger.readers"),
        "{ungrouped}"
    );
    let unread = of("stranger").position(&id("line")).await.unwrap_err();
    assert!(matches!(unread, Error::NotAllowed { .. }), "{unread:?}");
}
