//! An aggregator's database that is set back (T19): what docs/operations.md says of it is done here, and comes true.

use chrono::{DateTime, Utc};
use clock::Clock;
use test_kit::measurements::{
    Reports, Totals,
    crowd::Crowd,
    site::{DEFAULT_CHANNEL, Lane},
};

use super::{FIRST_EPOCH, Stage, after, begun_before_now, during, has_partial, records, terms};
use crate::doctor::measurements::until;

/// How many messages come before the backup, between it and the restore, and after it.
const MESSAGES: usize = 3_000;

/// A site whose database knows nothing of what was read and published since its backup.
struct Restored {
    stage: Stage,
    lane: Lane,
    crowd: Crowd,
    now: DateTime<Utc>,
    /// When the epochs of all messages are over, and were closed before the restore.
    end: DateTime<Utc>,
    /// What the topic had when the database was backed up, and when it was set back.
    published: [Reports; 2],
}

impl Restored {
    async fn new() -> Self {
        let stage = Stage::set().await;
        let terms = terms(&begun_before_now());
        let lane = stage.site.lane(DEFAULT_CHANNEL, &terms).await.unwrap();
        let end = during(&lane.channel, after(&lane.channel, FIRST_EPOCH));
        let mut restored = Self {
            crowd: Crowd::new(&lane.channel, 0),
            stage,
            lane,
            now: Clock::system().now(),
            end,
            published: Default::default(),
        };
        let now = restored.now;

        restored.messages_come().await;
        restored.stage.site.run(&restored.lane, now).await.unwrap();
        restored.stage.site.back_up().await.unwrap();
        restored.published[0] = restored.reports().await;

        restored.messages_come().await;
        for calendar in [now, end] {
            let ran = restored.stage.site.run(&restored.lane, calendar).await;
            ran.unwrap();
        }
        restored.published[1] = restored.reports().await;
        restored.stage.site.restore().await.unwrap();
        restored.messages_come().await;
        restored
    }

    async fn messages_come(&mut self) {
        let records = records(&mut self.crowd, self.now, MESSAGES);
        self.stage.site.append(&records).await.unwrap();
    }

    async fn reports(&self) -> Reports {
        self.stage.site.reports(&self.lane).await.unwrap()
    }

    /// What was published between the backup and the restore.
    fn between(&self) -> Totals {
        let [at_backup, at_restore] = &self.published;
        assert!(!at_backup.totals.is_empty());
        let between = without(&at_restore.totals, &at_backup.totals);
        assert!(has_partial(&between), "epochs were closed meanwhile");
        between
    }
}

/// What is left of totals without some of them.
fn without(totals: &Totals, less: &Totals) -> Totals {
    let left = totals.iter().map(|(name, total)| {
        let less = less.get(name).copied().unwrap_or(0);
        (name.clone(), total.checked_sub(less).unwrap())
    });
    left.filter(|(_, left)| *left > 0).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn t19_an_aggregator_that_was_set_back_stops_and_then_reports_again_what_it_published_since_and_nothing_else()
 {
    let mut restored = Restored::new().await;
    let Restored { stage, lane, .. } = &restored;
    let at_restore = &restored.published[1];

    let mut process = stage.site.start_aggregator(lane, 0).unwrap();
    let said = until(&process, |said| said.contains("failing: last-run")).await;
    assert!(said.contains("was restored from a backup"), "{said}");
    assert!(said.contains("`outbox new-generation`"), "{said}");
    assert!(process.stop("TERM").await.unwrap().success());
    assert_eq!(restored.reports().await, *at_restore);

    let command = ["outbox", "new-generation"];
    let said = stage.site.command(lane, &command).await.unwrap();
    let records: u64 = at_restore.records.values().sum();
    assert!(said.contains(&format!(" {records} records ")), "{said}");
    for calendar in [restored.now, restored.end] {
        stage.site.finish(lane, calendar).await.unwrap();
    }

    let reports = restored.reports().await;
    let once = without(&reports.totals, &restored.between());
    let truth = restored.crowd.truth().unwrap();
    restored.stage.figures.compare(&truth, &once);
    restored.stage.settle();
}

/// As if it had never published: the log and the database have nothing to disagree about.
#[tokio::test(flavor = "multi_thread")]
async fn t19_control_an_aggregator_that_forgot_that_it_published_reports_again_and_tells_nobody() {
    let mut restored = Restored::new().await;
    let mut database = restored.stage.site.database().await.unwrap();
    let forget = format!(
        "UPDATE outbox_state SET generation = {}, counter = 0",
        database.random_id()
    );
    database.run(&forget).await.unwrap();
    drop(database);

    let (site, lane) = (&restored.stage.site, &restored.lane);
    site.finish(lane, restored.end).await.unwrap();

    let reports = restored.reports().await;
    let truth = restored.crowd.truth().unwrap();
    restored.stage.figures.compare(&truth, &reports.totals);
    let between: u64 = restored.between().values().sum();
    assert_eq!(restored.stage.figures.double, between);
}
