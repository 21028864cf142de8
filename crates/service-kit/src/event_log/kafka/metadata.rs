//! What a cluster says about topics, and what it lets us do with them: one request over a connection of its own.
//!
//! librdkafka asks for neither permissions nor the reason why a broker is out of reach, and retries in silence; it
//! also keeps the certificates that it has read. This asks once, with the files as they are now.

use std::io;

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
const REQUEST: (i16, i16) = (3, 8);

/// An answer about some ten topics has a few kilobytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// The error codes of topics.
const UNKNOWN_TOPIC: i16 = 3;
const TOPIC_AUTHORIZATION_FAILED: i16 = 29;

/// The bits of permissions.
const READ: i32 = 1 << 3;
const WRITE: i32 = 1 << 4;

/// Asks the first broker that answers whether the topics are there, and whether we may do with them what we do.
pub(super) async fn check(cluster: &Cluster, uses: &[TopicUse]) -> Result<()> {
    let answer = ask(cluster, uses).await?;
    let topics = parse(&answer).ok_or_else(|| {
        Error::Engine("a broker answers what Apache Kafka 2.3 or newer would not".into())
    })?;
    for wanted in uses {
        let found = topics.iter().find(|found| found.name == wanted.topic);
        allowed(wanted, found)?;
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

/// The answer of the first broker that gives one; else what was wrong with the last.
async fn ask(cluster: &Cluster, uses: &[TopicUse]) -> Result<Vec<u8>> {
    let request = request(uses);
    let mut failed = Error::Url;
    for broker in cluster.brokers.split(',') {
        match ask_one(cluster, broker, &request).await {
            Ok(answer) => return Ok(answer),
            Err(trouble) => failed = trouble.into(),
        }
    }
    Err(failed)
}

async fn ask_one(
    cluster: &Cluster,
    broker: &str,
    request: &[u8],
) -> std::result::Result<Vec<u8>, Trouble> {
    let tls = &cluster.access.tls;
    let mut stream = probe::connect(broker, tls, Opening::Tls).await?;
    match timeout(ANSWER_WITHIN, exchange(&mut stream, request)).await {
        Ok(Ok(answer)) => Ok(answer),
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

fn request(uses: &[TopicUse]) -> Vec<u8> {
    let (key, version) = REQUEST;
    let mut body = Vec::new();
    body.extend(key.to_be_bytes());
    body.extend(version.to_be_bytes());
    // The correlation id: there is one request on the connection.
    body.extend(0_i32.to_be_bytes());
    put_text(&mut body, "blindtally");
    body.extend(i32::try_from(uses.len()).unwrap_or(0).to_be_bytes());
    for one in uses {
        put_text(&mut body, &one.topic);
    }
    // Make no topics; tell nothing about the cluster's permissions, and all about the topics'.
    body.extend([0, 0, 1]);
    let mut request = i32::try_from(body.len())
        .unwrap_or(0)
        .to_be_bytes()
        .to_vec();
    request.append(&mut body);
    request
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

fn parse(answer: &[u8]) -> Option<Vec<Topic>> {
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

        let topics = parse(&answer).unwrap();

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
            assert!(parse(&answer[..length]).is_none(), "{length}");
        }
    }
}
