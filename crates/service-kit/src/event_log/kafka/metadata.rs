//! What a cluster says about topics and groups, and what it lets us do with them: two requests over a connection of
//! their own.
//!
//! librdkafka asks for neither permissions nor the reason why a broker is out of reach, and retries in silence until
//! its time is over; it also keeps the certificates that it has read. This asks once, with the files as they are now.

use std::io;

use futures_util::future::select_ok;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::client::TlsStream;

use super::Cluster;
use crate::{
    event_log::{Error, Result, TopicUse},
    tls::probe::{self, ANSWER_WITHIN, Opening, Trouble},
};

/// The request `Metadata` in the last version that tells permissions and has no tagged fields.
const METADATA: (i16, i16) = (3, 8);

/// The request `FindCoordinator`, the first about a group, likewise.
const FIND_COORDINATOR: (i16, i16) = (10, 2);

/// An answer about some ten topics has a few kilobytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Error codes.
const UNKNOWN_TOPIC: i16 = 3;
const TOPIC_AUTHORIZATION_FAILED: i16 = 29;
const GROUP_AUTHORIZATION_FAILED: i16 = 30;

/// The bits of permissions.
const READ: i32 = 1 << 3;
const WRITE: i32 = 1 << 4;

/// Asks the first broker that answers whether the topics are there, and whether we may do with them, and with our
/// groups, what we do.
pub(super) async fn check(cluster: &Cluster, uses: &[TopicUse]) -> Result<()> {
    let group = format!("{}.readers", cluster.access.prefix);
    let answers = ask(cluster, &[about_topics(uses), about_group(&group)]).await?;
    let understood = answers.first().and_then(|answer| parse_topics(answer));
    let understood = understood.zip(answers.get(1).and_then(|answer| parse_group(answer)));
    let (topics, group_error) = understood.ok_or_else(|| {
        Error::Engine("a broker answers what Apache Kafka 2.3 or newer would not".into())
    })?;
    for wanted in uses {
        let found = topics.iter().find(|found| found.name == wanted.topic);
        allowed(wanted, found)?;
    }
    if group_error == GROUP_AUTHORIZATION_FAILED {
        return Err(Error::NotAllowed {
            what: "use the group",
            name: group,
        });
    }
    Ok(())
}

fn allowed(wanted: &TopicUse, found: Option<&Topic>) -> Result<()> {
    let topic = || wanted.topic.clone();
    let not_allowed = |what| Error::NotAllowed {
        what,
        name: topic(),
    };
    match found.map(|found| found.error) {
        None | Some(UNKNOWN_TOPIC) => return Err(Error::UnknownTopic(topic())),
        Some(TOPIC_AUTHORIZATION_FAILED) => return Err(not_allowed("see the topic")),
        // A topic that is moved between brokers has errors of a moment, and permissions all the same.
        Some(_) => {}
    }
    let allowed = found.map_or(0, |found| found.allowed);
    for (wanted, bit, what) in [
        (wanted.reads, READ, "read the topic"),
        (wanted.writes, WRITE, "write to the topic"),
    ] {
        if wanted && allowed & bit == 0 {
            return Err(not_allowed(what));
        }
    }
    Ok(())
}

/// The answers of the first broker that gives them. All are asked at once: one that is silent holds up nobody.
async fn ask(cluster: &Cluster, requests: &[Vec<u8>]) -> Result<Vec<Vec<u8>>> {
    let brokers = cluster.brokers.split(',');
    let asking = brokers.map(|broker| Box::pin(ask_one(cluster, broker, requests)));
    let (answers, _others) = select_ok(asking).await?;
    Ok(answers)
}

async fn ask_one(
    cluster: &Cluster,
    broker: &str,
    requests: &[Vec<u8>],
) -> std::result::Result<Vec<Vec<u8>>, Trouble> {
    let tls = &cluster.access.tls;
    let mut stream = probe::connect(broker, tls, Opening::Tls).await?;
    let asking = async {
        let mut answers = Vec::new();
        for request in requests {
            answers.push(exchange(&mut stream, request).await?);
        }
        io::Result::Ok(answers)
    };
    match timeout(ANSWER_WITHIN, asking).await {
        Ok(Ok(answers)) => Ok(answers),
        // Under TLS 1.3 a server refuses a certificate with its first answer.
        Ok(Err(error)) => Err(Trouble::of(broker, tls, &error)),
        Err(_late) => Err(Trouble::Silent {
            address: broker.to_owned(),
        }),
    }
}

async fn exchange(stream: &mut TlsStream<TcpStream>, request: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(request).await?;
    stream.flush().await?;
    let length = usize::try_from(stream.read_i32().await?).unwrap_or(usize::MAX);
    if length > ANSWER_BYTES_MAX {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the answer is longer than any about topics",
        ));
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

fn about_topics(uses: &[TopicUse]) -> Vec<u8> {
    let mut body = i32::try_from(uses.len())
        .unwrap_or(0)
        .to_be_bytes()
        .to_vec();
    for one in uses {
        put_text(&mut body, &one.topic);
    }
    // Make no topics; tell nothing about the cluster's permissions, and all about the topics'.
    body.extend([0, 0, 1]);
    request(METADATA, &body)
}

fn about_group(name: &str) -> Vec<u8> {
    let mut body = Vec::new();
    put_text(&mut body, name);
    // The kind of a group.
    body.push(0);
    request(FIND_COORDINATOR, &body)
}

fn request((key, version): (i16, i16), body: &[u8]) -> Vec<u8> {
    let mut head = Vec::new();
    head.extend(key.to_be_bytes());
    head.extend(version.to_be_bytes());
    // The correlation id: answers come in order.
    head.extend(0_i32.to_be_bytes());
    put_text(&mut head, "blindtally");
    let length = i32::try_from(head.len() + body.len()).unwrap_or(0);
    [&length.to_be_bytes(), head.as_slice(), body].concat()
}

fn put_text(body: &mut Vec<u8>, text: &str) {
    body.extend(i16::try_from(text.len()).unwrap_or(i16::MAX).to_be_bytes());
    body.extend(text.as_bytes());
}

/// What is said about one topic.
struct Topic {
    name: String,
    error: i16,
    allowed: i32,
}

fn parse_topics(answer: &[u8]) -> Option<Vec<Topic>> {
    let mut rest = Rest(answer);
    let _correlation_and_throttle = (rest.int()?, rest.int()?);
    rest.many(|broker| {
        let _id = broker.int()?;
        let _host = broker.text()?;
        let _port_and_rack = (broker.int()?, broker.text()?);
        Some(())
    })?;
    let _cluster_and_controller = (rest.text()?, rest.int()?);
    rest.many(|topic| {
        let (error, name) = (topic.short()?, topic.text()?);
        let _internal = topic.take(1)?;
        topic.many(|partition| {
            let _error_index_leader_epoch = partition.take(14)?;
            for _replicas_in_sync_and_offline in 0..3 {
                partition.many(|replica| replica.int().map(drop))?;
            }
            Some(())
        })?;
        Some(Topic {
            name,
            error,
            allowed: topic.int()?,
        })
    })
}

/// The error code of an answer about a group.
fn parse_group(answer: &[u8]) -> Option<i16> {
    let mut rest = Rest(answer);
    let _correlation_and_throttle = (rest.int()?, rest.int()?);
    rest.short()
}

/// What is left of an answer.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn short(&mut self) -> Option<i16> {
        Some(i16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn int(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    /// A text; empty where there is none.
    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.short()?).unwrap_or(0);
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }

    fn many<T>(&mut self, one: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.int()?;
        (0..count).map(|_| one(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_cut_anywhere_is_refused() {
        // One broker, one topic with one partition, whose operations are reading and describing.
        let mut answer = vec![0; 8];
        answer.extend(1_i32.to_be_bytes());
        answer.extend([0, 0, 0, 1, 0, 1, b'h', 0, 0, 0, 9, 255, 255]);
        answer.extend([255, 255, 0, 0, 0, 1]);
        answer.extend(1_i32.to_be_bytes());
        answer.extend([0, 0, 0, 1, b't', 0]);
        answer.extend(1_i32.to_be_bytes());
        answer.extend([0; 14 + 3 * 4]);
        answer.extend((READ | 1 << 8).to_be_bytes());

        let topics = parse_topics(&answer).unwrap();

        assert_eq!(topics[0].name, "t");
        let reads = |writes| TopicUse {
            topic: "t".to_owned(),
            reads: true,
            writes,
        };
        assert!(allowed(&reads(false), topics.first()).is_ok());
        let refused = allowed(&reads(true), topics.first()).unwrap_err();
        assert!(refused.to_string().contains("write"), "{refused}");
        for length in 0..answer.len() {
            assert!(parse_topics(&answer[..length]).is_none(), "{length}");
        }
    }
}
