//! When votes leave: after a pause, in the last days, beside a vote that is stuck and a small crowd.

use messages::KeyId;

use super::*;
use crate::{anonymity::Readiness, plan::LATE, wallet::Purchase};

/// The tokens of the server's key lapse then.
fn lapse() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 4, 0, 0, 0).unwrap()
}

/// It signs until then.
fn sale_end() -> DateTime<Utc> {
    lapse() - TimeDelta::days(30)
}

/// A server and a wallet, on a calendar that a test moves.
struct Scene {
    clock: Clock,
    simulation: Simulation,
    fake: Arc<Fake>,
    folder: tempfile::TempDir,
}

impl Scene {
    fn set() -> Self {
        let (clock, simulation) = begin();
        Self {
            fake: Arc::new(Fake::new(&clock)),
            folder: tempfile::tempdir().unwrap(),
            clock,
            simulation,
        }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("wallet.json")
    }

    fn settings(&self) -> Settings {
        settings(&self.fake, &self.clock, CrashPoints::default())
    }

    /// Of a browser that wants a larger crowd than there is.
    fn patient(&self) -> Settings {
        let mut patient = self.settings();
        patient.profile.anonymity_set_min = 1_024;
        patient
    }

    fn votes(&self) -> Vec<crate::wallet::PreparedVote> {
        Wallet::read(&self.path()).unwrap().votes
    }

    fn outcomes(&self, outcome: Option<&Outcome>) -> usize {
        let votes = self.votes();
        votes
            .iter()
            .filter(|vote| vote.outcome.as_ref() == outcome)
            .count()
    }

    /// Lets something go on until `end`, when it is stopped as by a switch. Gives what it ended with
    /// before.
    async fn until<T>(&mut self, end: DateTime<Utc>, life: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(life);
        tokio::select! {
            biased;
            done = &mut life => Some(done),
            () = self.simulation.run_until(end) => None,
        }
    }

    /// Buys, plans, and stops.
    async fn plan(&mut self) {
        let (settings, path) = (self.settings(), self.path());
        let planning = async {
            let mut browser = bought(settings, &path).await;
            let (interests, kind) = (interests(), VoteType::AutoContribute);
            browser.plan_votes(&interests, kind).await.unwrap()
        };
        let end = self.clock.now() + TimeDelta::days(1);
        assert_eq!(self.until(end, planning).await, Some(Vec::new()));
    }

    /// Goes on with the wallet until `end`.
    async fn go_on(&mut self, end: DateTime<Utc>) {
        let path = self.path();
        let life = live(self.settings(), &path);
        if let Some(ended) = self.until(end, life).await {
            ended.unwrap();
        }
    }

    /// Nothing runs until `end`.
    async fn off(&mut self, end: DateTime<Utc>) {
        self.simulation.run_until(end).await;
    }
}

/// A browser that has bought tokens.
async fn bought(settings: Settings, path: &Path) -> Browser {
    let mut browser = Browser::start(settings, Wallet::open(path).unwrap());
    browser.begin(basket()).unwrap();
    browser.buy(0, &Purse::default()).await.unwrap();
    browser
}

#[tokio::test]
async fn votes_that_were_missed_get_times_of_their_own_and_do_not_leave_together() {
    let mut scene = Scene::set();
    scene.plan().await;
    let votes = scene.votes().len();
    let back = lapse() - TimeDelta::days(12);

    scene.off(back).await;
    assert!(
        scene.votes().iter().filter(|vote| vote.due < back).count() > 5,
        "the test misses votes"
    );
    scene.go_on(lapse()).await;

    let times = scene.fake.vote_times();
    assert_eq!(times.len(), votes);
    let at_once = times.iter().filter(|time| **time < back + LATE).count();
    assert!(at_once <= 1, "{at_once} of {votes} left together");
    let (first, last) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    assert!(*last - *first > TimeDelta::days(5), "{first} to {last}");
    assert!(*last < lapse() - TimeDelta::days(2), "{last}");
    assert_eq!(counted(&scene.path()), 40);
}

#[tokio::test]
async fn no_vote_leaves_while_its_key_sells() {
    let mut scene = Scene::set();
    scene.plan().await;
    let votes = scene.votes().len();

    scene.go_on(sale_end()).await;
    assert!(scene.fake.vote_times().is_empty());
    scene.go_on(lapse()).await;

    assert_eq!(scene.fake.vote_times().len(), votes);
    assert_eq!(counted(&scene.path()), 40);
}

#[tokio::test]
async fn no_vote_is_begun_in_the_last_two_days_and_what_is_left_over_is_reported() {
    let mut scene = Scene::set();
    scene.plan().await;
    let begun = Utc.with_ymd_and_hms(2026, 2, 16, 0, 0, 0).unwrap();
    scene.go_on(begun).await;
    let sent = scene.fake.vote_times().len();

    scene.off(lapse() - TimeDelta::days(2)).await;
    scene.go_on(lapse()).await;

    assert!(sent > 0);
    assert_eq!(scene.fake.vote_times().len(), sent);
    assert_eq!(scene.outcomes(Some(&Outcome::Counted)), sent);
    let left_over = scene.outcomes(Some(&Outcome::LeftOver));
    assert!(left_over > 0);
    assert_eq!(scene.outcomes(None), 0);
}

#[tokio::test]
async fn what_was_begun_is_repeated_in_the_last_days_too() {
    let mut scene = Scene::set();
    scene.fake.plant(Fault::Down);
    scene.plan().await;
    scene.go_on(lapse() - TimeDelta::days(1)).await;
    assert_eq!(scene.outcomes(None), scene.votes().len());
    assert_eq!(scene.fake.counted(), 0);

    scene.fake.mend(Fault::Down);
    scene.go_on(lapse()).await;

    assert_eq!((counted(&scene.path()), scene.fake.counted()), (40, 40));
}

#[tokio::test]
async fn a_vote_without_an_answer_holds_up_no_other_and_is_repeated_ever_less_often() {
    let mut scene = Scene::set();
    scene.fake.plant(Fault::StuckVote);
    scene.plan().await;
    let votes = scene.votes();

    scene.go_on(lapse() - TimeDelta::hours(47)).await;

    assert_eq!(scene.outcomes(None), 1);
    assert_eq!(
        scene.outcomes(Some(&Outcome::Counted)),
        votes.len() - 1,
        "every other vote was counted"
    );
    let times = scene.fake.vote_times();
    for vote in votes {
        assert!(times.contains(&vote.due), "a vote left at another time");
    }
    let repeats = times.len() - scene.votes().len();
    assert!((20..200).contains(&repeats), "{repeats} repeats");
    scene.fake.mend(Fault::StuckVote);
    scene.go_on(lapse()).await;
    assert_eq!(counted(&scene.path()), 40);
}

#[tokio::test]
async fn a_vote_that_is_never_answered_is_given_up_when_no_answer_can_be_expected() {
    let mut scene = Scene::set();
    scene.fake.plant(Fault::Down);
    scene.plan().await;

    scene.go_on(lapse() + TimeDelta::days(95)).await;

    assert_eq!(
        scene.outcomes(Some(&Outcome::Unanswered)),
        scene.votes().len()
    );
}

#[tokio::test]
async fn a_browser_that_dies_while_it_sends_knows_that_the_vote_was_begun() {
    let mut scene = Scene::set();
    scene.plan().await;
    let (mut dying, path) = (scene.settings(), scene.path());
    dying.crash_points = CrashPoints::new(|step| step == Step::VoteSent);

    let died = scene.until(lapse(), live(dying, &path)).await.unwrap();

    assert!(matches!(died, Err(Error::Crashed(_))));
    let votes = scene.votes();
    let begun: Vec<_> = votes.iter().filter(|vote| vote.attempts > 0).collect();
    assert_eq!(begun.len(), 1);
    assert!(begun.iter().all(|vote| vote.due > scene.clock.now()));
}

/// The wallet holds a second purchase, under a key that few orders share.
fn hold_another(path: &Path) {
    let mut wallet = Wallet::open(path).unwrap();
    wallet.state.purchases.push(Purchase {
        source: FundingSource::AnonymousCard,
        sku: basket().sku,
        quantity: 0,
        parts: 1,
        vote_anyway: false,
        stage: Stage::Holding {
            key_id: KeyId::from_bytes([9; 16]),
            sign_until: sale_end(),
            redeem_until: lapse(),
            tokens: Vec::new(),
        },
    });
    wallet.save().unwrap();
}

#[tokio::test]
async fn votes_leave_at_their_times_while_another_purchase_waits_for_its_crowd() {
    let mut scene = Scene::set();
    scene.plan().await;
    let path = scene.path();
    hold_another(&path);
    let dues: Vec<_> = scene.votes().iter().map(|vote| vote.due).collect();
    let mut patient = scene.settings();
    patient.profile.anonymity_set_min = 512;

    scene.until(lapse(), live(patient, &path)).await;

    let times = scene.fake.vote_times();
    assert_eq!(times.len(), dues.len());
    assert!(dues.iter().all(|due| times.contains(due)));
}

#[tokio::test]
async fn the_user_is_asked_about_a_small_crowd_and_may_vote_anyway() {
    let mut scene = Scene::set();
    let (path, patient) = (scene.path(), scene.patient());
    let life = async {
        let mut browser = bought(patient, &path).await;
        let (interests, kind) = (interests(), VoteType::AutoContribute);
        let asked = browser.vote(&interests, kind).await.unwrap();
        let asked_at = browser.now();
        browser.vote_anyway(0).unwrap();
        assert!(browser.vote_anyway(1).is_err());
        let rest = browser.vote(&interests, kind).await.unwrap();
        (asked, asked_at, rest)
    };

    let (asked, asked_at, rest) = scene.until(lapse(), life).await.unwrap();

    let held = Held {
        purchase: 0,
        readiness: Readiness::AskUser,
        orders: 512,
        redeem_until: lapse(),
    };
    assert_eq!((asked, rest), (vec![held], Vec::new()));
    let before = lapse() - asked_at;
    assert!(before <= TimeDelta::days(7) && before > TimeDelta::days(6));
    assert_eq!(counted(&path), 40);
}

#[tokio::test]
async fn a_user_who_does_not_decide_is_told_once_more_when_it_is_too_late() {
    let mut scene = Scene::set();
    let (path, patient) = (scene.path(), scene.patient());
    let life = async {
        let mut browser = bought(patient, &path).await;
        let (interests, kind) = (interests(), VoteType::AutoContribute);
        let mut told = Vec::new();
        loop {
            let held = browser.vote(&interests, kind).await.unwrap();
            if held.is_empty() {
                return told;
            }
            told.extend(held.iter().map(|one| one.readiness));
        }
    };

    let told = scene.until(lapse(), life).await.unwrap();

    assert_eq!(told, [Readiness::AskUser, Readiness::TooLate]);
    assert_eq!(scene.fake.counted(), 0);
}
