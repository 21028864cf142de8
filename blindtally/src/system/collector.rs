//! star-collector in this process: randomness, collect and aggregate, on files in a folder of their own or on engines.
//!
//! On several machines the aggregator's have no way to the randomness service (star.md); here one process has both, which
//! shows how things work and hides nobody.

mod aggregator;

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use anyhow::Context as _;
use chrono::{DateTime, SecondsFormat, Utc};
use client::{
    Pin,
    transport::{PinnedHttps, Transport},
};
use clock::Clock;
use service_kit::{
    Running, Service,
    config::Sources,
    event_log::{self, EventLog},
    fault::FaultPoints,
};
use star_collector::{Deps, aggregate, collect, randomness};
use url::Url;

use super::{Engines, Listen, Settings, access::pin_of, ports};
use crate::pki::Pki;

pub(crate) use aggregator::Aggregator;

/// The topic that measurements go out by.
const OUTPUT_TOPIC: &str = "p3a-star-out";

/// The member of a report that has the first day of its epoch.
const DATE_FIELD: &str = "wos";

/// The epochs of a week and the hour they begin at: epoch 0 of the randomness service is collect's.
const FIRST_EPOCH: u8 = 0;

/// What is measured, and in which epochs.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// When epoch 0 begins.
    pub base: DateTime<Utc>,
    /// How long an epoch lasts.
    pub epoch_hours: u32,
    /// How many clients must agree.
    pub k: u32,
    /// How many layers a measurement has.
    pub layers: usize,
}

/// A part that clients talk to.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Part {
    /// Takes messages.
    Collect,
    /// Evaluates points.
    Randomness,
}

impl Part {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Randomness, Self::Collect];

    /// The name of its certificate's files.
    fn file(self) -> &'static str {
        match self {
            Self::Collect => "collect",
            Self::Randomness => "randomness",
        }
    }
}

/// A running star-collector.
#[derive(Debug)]
pub struct Collector {
    pki: Pki,
    rules: Rules,
    listen: BTreeMap<Part, Listen>,
    running: Vec<Running>,
    aggregator: Arc<Aggregator>,
}

impl Collector {
    /// Starts it with files in the folder `dir`, which is made if it is not there; on engines, certificates and keys alone
    /// are there.
    pub async fn start(
        dir: &Path,
        rules: Rules,
        engines: Option<&Engines>,
        clock: &Clock,
    ) -> anyhow::Result<Self> {
        fs::create_dir_all(dir).context("the folder of star-collector cannot be made")?;
        let dir = dir
            .canonicalize()
            .context("the folder of star-collector cannot be found")?;
        let pki = Pki::open_of_measurements(&dir.join("pki"))?;
        let listen = ports::open(&dir.join("ports.json"), &Part::ALL)?;
        let folder = Folder {
            dir: &dir,
            pki: &pki,
            rules,
            engines,
            listen: &listen,
        };
        // Between two starts, a simulation would go on.
        let _busy = clock.busy();
        let randomness = folder.randomness()?;
        let randomness = randomness::build(randomness, clock.clone()).await;
        let deps = Deps {
            clock: clock.clone(),
            faults: FaultPoints::default(),
        };
        let collect = collect::build(folder.collect()?, deps).await;
        let mut running = Vec::new();
        for (part, built) in [(Part::Randomness, randomness), (Part::Collect, collect)] {
            let service: Service =
                built.with_context(|| format!("{} cannot be built", part.file()))?;
            let started = service.start().await;
            running.push(started.with_context(|| format!("{} cannot be started", part.file()))?);
        }
        let aggregator = Aggregator::open(&folder.aggregate()?, clock).await;
        Ok(Self {
            aggregator: Arc::new(aggregator.context("the aggregator cannot be started")?),
            pki,
            rules,
            listen,
            running,
        })
    }

    /// Certificates and keys.
    pub fn pki(&self) -> &Pki {
        &self.pki
    }

    /// What is measured.
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// What turns messages into measurements, whenever it is told to.
    pub fn aggregator(&self) -> Arc<Aggregator> {
        Arc::clone(&self.aggregator)
    }

    /// The URL of a part.
    pub fn url(&self, part: Part) -> anyhow::Result<Url> {
        let listen = self.listen.get(&part).context("each part has its ports")?;
        Ok(format!("https://{}/", listen.api).parse()?)
    }

    /// The pin of a part's key.
    pub fn pin(&self, part: Part) -> anyhow::Result<Pin> {
        pin_of(&self.pki.identity(part.file()))
    }

    /// A transport to a part, pinned, with a connection for each request.
    pub fn transport(&self, part: Part) -> anyhow::Result<Arc<dyn Transport>> {
        let pins = [self.pin(part)?];
        Ok(Arc::new(PinnedHttps::new(self.url(part)?, &pins)?))
    }

    /// All that was ever published of a collector with files in `dir`: the records of the output topic.
    pub async fn published(dir: &Path) -> anyhow::Result<Vec<serde_json::Value>> {
        let url = event_log_in(dir);
        let log = event_log::open(&url, &event_log::Access::default()).await?;
        Self::published_to(&*log).await
    }

    /// All that was ever published to `log`.
    pub async fn published_to(log: &dyn EventLog) -> anyhow::Result<Vec<serde_json::Value>> {
        let partitions = log.partitions(OUTPUT_TOPIC).await?;
        let from = (0..partitions).map(|partition| (partition, 0)).collect();
        let mut consumer = log.consumer(OUTPUT_TOPIC, from).await?;
        let mut published = Vec::new();
        while let Some(batch) = consumer.next().await? {
            for record in batch.records {
                let record = serde_json::from_slice(&record.value);
                published.push(record.context("a record of the output topic")?);
            }
        }
        Ok(published)
    }

    /// Stops all of it.
    pub async fn stop(self) -> anyhow::Result<()> {
        for running in self.running {
            let stopped = running.stop().await;
            stopped.context("a part of star-collector does not stop")?;
        }
        self.aggregator.close().await;
        Ok(())
    }
}

fn event_log_in(dir: &Path) -> String {
    format!("embedded:{}", dir.join("event-log.db").display())
}

/// What the parts are told beyond their defaults.
struct Folder<'a> {
    dir: &'a Path,
    pki: &'a Pki,
    rules: Rules,
    engines: Option<&'a Engines>,
    listen: &'a BTreeMap<Part, Listen>,
}

impl Folder<'_> {
    fn randomness(&self) -> anyhow::Result<randomness::Config> {
        let sources = randomness::Config::sources()
            .set("epoch_base_time", time(self.rules.base))
            .set("epoch_duration", format!("{}h", self.rules.epoch_hours))
            .set("first_epoch", FIRST_EPOCH.to_string())
            .set(
                "keys.sealing_key_file",
                self.pki
                    .secret("randomness-sealing")
                    .path()
                    .to_string_lossy(),
            );
        let sources = match self.engines {
            None => sources.set("database.url", self.sqlite("randomness.db")),
            Some(engines) => told(sources, &engines.star_randomness()?),
        };
        Ok(self.http(sources, Part::Randomness)?.load()?)
    }

    fn collect(&self) -> anyhow::Result<collect::Config> {
        let sources = self.channel(collect::Config::sources());
        let sources = match self.engines {
            None => self.embedded_log(sources),
            Some(engines) => told(sources, &engines.star_collect()),
        };
        Ok(self.http(sources, Part::Collect)?.load()?)
    }

    fn aggregate(&self) -> anyhow::Result<aggregate::Config> {
        let sources = self.channel(aggregate::Config::sources());
        let sources = match self.engines {
            None => self
                .embedded_log(sources)
                .set("database.url", self.sqlite("aggregate.db")),
            Some(engines) => told(sources, &engines.star_aggregate()?),
        };
        Ok(sources.load()?)
    }

    fn embedded_log(&self, sources: Sources) -> Sources {
        sources
            .set("event_log.url", event_log_in(self.dir))
            // Reading nothing takes time, too.
            .set("event_log.partitions", "2")
    }

    /// What collect and aggregate must agree on.
    fn channel(&self, sources: Sources) -> Sources {
        let Rules {
            base,
            epoch_hours,
            k,
            layers,
        } = self.rules;
        sources
            .set("channel.output_topic", OUTPUT_TOPIC)
            .set("channel.date_field", DATE_FIELD)
            .set("channel.k", k.to_string())
            .set("channel.threshold_min", k.to_string())
            .set("channel.layers", layers.to_string())
            .set("channel.epoch_base_time", time(base))
            .set("channel.epoch_hours", epoch_hours.to_string())
    }

    /// Where a part listens. All clients have the same address here, so there is no limit on how fast one may ask.
    fn http(&self, sources: Sources, part: Part) -> anyhow::Result<Sources> {
        let listen = self.listen.get(&part).context("each part has its ports")?;
        let identity = self.pki.identity(part.file());
        Ok(sources
            .set("http.listen", listen.api.to_string())
            .set("http.admin_listen", listen.admin.to_string())
            .set("http.connections_per_client_max", "4096")
            .set("http.rate_limit.units_per_minute", "0")
            .set(
                "http.tls.certificate_file",
                identity.certificate.to_string_lossy(),
            )
            .set("http.tls.key_file", identity.key.to_string_lossy()))
    }

    fn sqlite(&self, file: &str) -> String {
        format!("sqlite:{}", self.dir.join(file).display())
    }
}

/// Sources with settings over them.
fn told(sources: Sources, settings: &Settings) -> Sources {
    let all = settings.entries();
    all.fold(sources, |sources, (name, value)| sources.set(name, value))
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
