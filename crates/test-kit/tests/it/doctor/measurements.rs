//! `star-collector collect doctor` and `star-collector aggregate doctor`.

use blindtally::system::Settings;
use clock::Clock;
use service_kit::{config::Sources, doctor::Report};
use star_collector::{aggregate, collect};
use tempfile::TempDir;
use test_kit::measurements::{
    crowd::Crowd,
    site::{DEFAULT_CHANNEL, Lane, Site},
};

use super::wrong;

/// A site with the default channel, and where its files are.
pub(super) struct Measured {
    pub(super) site: Site,
    pub(super) lane: Lane,
    _dir: TempDir,
}

impl Measured {
    pub(super) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let site = Site::new(dir.path()).await.unwrap();
        let terms = Settings::default();
        Self {
            lane: site.lane(DEFAULT_CHANNEL, &terms).await.unwrap(),
            site,
            _dir: dir,
        }
    }

    pub(super) fn aggregate(&self) -> Sources {
        aggregate::Config::sources().file(Some(self.lane.aggregate.clone()))
    }

    pub(super) fn collect(&self) -> Sources {
        collect::Config::sources().file(Some(self.lane.collect.clone()))
    }
}

pub(super) async fn of_aggregate(sources: &Sources) -> Report {
    aggregate::doctor::examine(&sources.load().unwrap(), &Clock::system()).await
}

pub(super) async fn of_collect(sources: &Sources) -> Report {
    collect::doctor::examine(&sources.load().unwrap(), &Clock::system()).await
}

fn all_right(report: &Report, at_least: usize) {
    let text = report.to_text(false);
    assert_eq!(wrong(report), Vec::<&str>::new(), "{text}");
    assert!(report.findings().len() >= at_least, "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_is_right_before_the_first_run_and_after_it_and_looking_changes_nothing() {
    let measured = Measured::new().await;
    all_right(&of_collect(&measured.collect()).await, 6);
    all_right(&of_aggregate(&measured.aggregate()).await, 8);
    let now = Clock::system().now();
    let mut crowd = Crowd::new(&measured.lane.channel, 0);
    let sent = crowd.message(now).unwrap();
    let record = crowd.record(&sent, now).unwrap();
    measured.site.append(&[record]).await.unwrap();

    measured.site.run(&measured.lane, now).await.unwrap();

    for _twice in 0..2 {
        let report = of_aggregate(&measured.aggregate()).await;
        all_right(&report, 12);
        let text = report.to_text(false);
        assert!(text.contains("1 of 1\n"), "{text}");
        assert!(text.contains("0 of 0 published, 0 wait"), "{text}");
        all_right(&of_collect(&measured.collect()).await, 7);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_told_in_the_line_of_what_it_is_for() {
    let measured = Measured::new().await;
    let now = Clock::system().now();
    measured.site.run(&measured.lane, now).await.unwrap();
    for (name, value, what, says) in [
        ("channel.threshold_min", "1", "channel", "threshold_min"),
        (
            "channel.epoch_base_time",
            "2100-01-01T00:00:00Z",
            "channel",
            "yet to come",
        ),
        ("limits.batch_messages", "0", "limits", "at least 1"),
        ("database.url", "mysql://a", "database", "sqlite:"),
        ("event_log.url", "nowhere", "event log", "embedded:"),
    ] {
        let report = of_aggregate(&measured.aggregate().set(name, value)).await;
        let text = report.to_text(false);
        assert_eq!(wrong(&report), [what], "{text}");
        assert!(text.contains(says), "{text}");
    }
    let report = of_aggregate(&measured.aggregate().set("event_log.partitions", "7")).await;
    let text = report.to_text(false);
    assert_eq!(wrong(&report).len(), 2, "{text}");
    assert!(
        text.contains("it has 8: set event_log.partitions"),
        "{text}"
    );

    for (name, value, what, says) in [
        ("channel.layers", "0", "channels", "layers"),
        ("channels.files", "[\"/nowhere\"]", "channels", "/nowhere"),
        ("limits.waiting_messages_max", "0", "limits", "at least 1"),
        ("event_log.url", "nowhere", "event log", "embedded:"),
        (
            "http.tls.certificate_file",
            "/nowhere",
            "listener: certificate",
            "/nowhere",
        ),
    ] {
        let report = of_collect(&measured.collect().set(name, value)).await;
        let text = report.to_text(false);
        assert_eq!(wrong(&report), [what], "{text}");
        assert!(text.contains(says), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_aggregator_is_ready_until_a_run_fails_and_again_when_one_succeeds() {
    let measured = Measured::new().await;
    // The first run remembers the log: one that is ready may not have begun it yet.
    let now = Clock::system().now();
    measured.site.run(&measured.lane, now).await.unwrap();
    let mut process = measured.site.aggregator(&measured.lane, 0).await.unwrap();
    let mut database = measured.site.database().await.unwrap();

    // As if the log had been made anew.
    let other = "UPDATE consumer_log SET identity = identity || '!'";
    let same = "UPDATE consumer_log SET identity = substr(identity, 1, length(identity) - 1)";
    database.run(other).await.unwrap();
    let said = until(&process, |said| said.starts_with("failing")).await;
    assert!(
        said.contains("failing: last-run: the event log is not the one"),
        "{said}"
    );

    database.run(same).await.unwrap();
    until(&process, |said| said == "ready\n").await;
    assert!(process.stop("TERM").await.unwrap().success());
}

/// What `/readyz` says, once it is as it should be.
pub(crate) async fn until(
    process: &test_kit::process::Process,
    is_so: impl Fn(&str) -> bool,
) -> String {
    let client = service_kit::tls::probe_client(std::time::Duration::from_secs(10)).unwrap();
    let url = format!("http://{}/readyz", process.admin());
    let mut said = String::new();
    for _try in 0..600 {
        // One that has just been started does not listen yet.
        if let Ok(answer) = client.get(&url).send().await {
            said = answer.text().await.unwrap();
        }
        if is_so(&said) {
            return said;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!(
        "for a minute it says {said:?}, and has written: {}",
        process.said()
    )
}
