//! The steps that `blindtally up` prints, run by a shell as they are printed.
//!
//! Needs `sh` and `curl` on the path, as whoever reads the steps does. `./test tools` installs `curl`.

use std::{collections::BTreeMap, path::Path, time::Duration};

use blindtally::system::{Collector, Layout, Profile};
use serde_json::Value;
use sqlx::Connection as _;
use tokio::{
    process::Command,
    time::{sleep, timeout},
};

use super::up::{start, stop};

/// The first purchase waits for tally, and tally for the first head: a minute, on a quiet machine.
const DONE_WITHIN: Duration = Duration::from_mins(4);

/// The tokens of votes that payments has taken.
pub(crate) const TOKENS_COUNTED: &str =
    "SELECT CAST(COALESCE(SUM(tokens_counted), 0) AS BIGINT) FROM key_count";

/// The steps that were printed, and the folder that they are done in.
pub(crate) struct Steps<'a> {
    folder: &'a Path,
    exports: String,
    order: String,
    pay: String,
    tell: String,
    wallet: String,
    measure: String,
}

impl<'a> Steps<'a> {
    pub(crate) async fn of(printed: &str, folder: &'a Path) -> Self {
        let curl = Command::new("curl").arg("--version").output().await;
        assert!(
            curl.is_ok(),
            "the steps are curl's: install curl to test them"
        );
        let [exports, order, pay, tell, wallet, measure] =
            <[String; 6]>::try_from(blocks(printed)).unwrap();
        Self {
            folder,
            exports,
            order,
            pay,
            tell,
            wallet,
            measure,
        }
    }

    /// Runs commands in one shell; gives what they wrote to stdout.
    async fn shell(&self, commands: &str) -> String {
        let running = Command::new("sh")
            .args(["-e", "-c", &format!("{}{commands}", self.exports)])
            .current_dir(self.folder)
            .kill_on_drop(true)
            .output();
        let output = timeout(DONE_WITHIN, running).await.unwrap().unwrap();
        let (said, complained) = (output.stdout, output.stderr);
        assert!(
            output.status.success(),
            "{commands}\n{}\n{}",
            String::from_utf8_lossy(&said),
            String::from_utf8_lossy(&complained)
        );
        String::from_utf8(said).unwrap()
    }

    /// Orders four votes and pays for them. The words that read the order.
    pub(crate) async fn pay(&self) -> String {
        let ordered = answers(&self.shell(&self.order).await).remove(0);
        let pay = self
            .pay
            .replace("TRANSFER-REFERENCE", text(&ordered, "transferReference"));
        let paid = answers(&self.shell(&pay).await);
        let tell = self
            .tell
            .replace("ORDER-ID", text(&ordered, "id"))
            .replace("CAPABILITY", text(&ordered, "capability"))
            .replace("TRANSFER-ID", text(paid.last().unwrap(), "id"));
        let told = answers(&self.shell(&tell).await).remove(0);
        assert_eq!(text(&told, "status"), "completed");
        let read = tell.replace("/transactions/uphold", "");
        read.split(" -d ").next().unwrap().to_owned()
    }

    /// Whether the order is paid that these words read.
    pub(crate) async fn is_paid(&self, read: &str) -> bool {
        let order = answers(&self.shell(read).await).remove(0);
        text(&order, "status") == "paid"
    }

    /// Buys four votes with the wallet, and casts them.
    pub(crate) async fn vote(&self) {
        let said = self.shell(&self.wallet).await;
        assert!(said.contains("used") && said.contains("counted"), "{said}");
    }

    /// Four more, in a crowd that nobody waits for, because the user says so. Tokens by outcome, of all votes.
    pub(crate) async fn vote_again(&self) -> BTreeMap<String, u64> {
        let program = env!("CARGO_BIN_EXE_blindtally");
        let more = format!(
            "'{program}' wallet buy --quantity 4 --account me >/dev/null
             '{program}' wallet vote --json --crowd 1000 --vote-anyway 1 --for example.org=2",
        );
        tokens_by_outcome(&self.shell(&more).await)
    }

    /// Has three clients of a country measure, for so many times with this one, and waits until that is published.
    pub(crate) async fn measure(
        &self,
        country: &str,
        times: usize,
        published: impl AsyncFn() -> Vec<Value>,
    ) {
        let measure = self
            .measure
            .replace("country=none", &format!("country={country}"));
        let said = self.shell(&measure).await;
        let taken = format!("taken: {times}\n");
        assert_eq!(said.matches(&taken).count(), 3, "{said}");
        let looking = async {
            loop {
                let mut all = published().await.into_iter();
                if let Some(ours) = all.find(|one| text(one, "country") == country) {
                    return ours;
                }
                sleep(Duration::from_millis(200)).await;
            }
        };
        let ours = timeout(DONE_WITHIN, looking).await.unwrap();
        assert_eq!(text(&ours, "platform"), "linux");
        assert_eq!(ours["total"], 3);
    }
}

/// The indented blocks of what was printed: what is to be pasted into a shell.
fn blocks(printed: &str) -> Vec<String> {
    let mut blocks = vec![String::new()];
    for line in printed.lines() {
        if line.starts_with("   ") {
            let block = blocks.last_mut().unwrap();
            block.push_str(line);
            block.push('\n');
        } else if !blocks.last().unwrap().is_empty() {
            blocks.push(String::new());
        }
    }
    blocks.retain(|block| !block.is_empty());
    blocks
}

/// The JSON answers that were written one after another.
fn answers(said: &str) -> Vec<Value> {
    let values = serde_json::Deserializer::from_str(said).into_iter::<Value>();
    values.collect::<Result<_, _>>().unwrap()
}

fn text<'a>(answer: &'a Value, member: &str) -> &'a str {
    answer[member]
        .as_str()
        .unwrap_or_else(|| panic!("{member} of {answer}"))
}

/// What `status --json` says of the votes: tokens by outcome.
fn tokens_by_outcome(status: &str) -> BTreeMap<String, u64> {
    let status: Value = serde_json::from_str(status).unwrap();
    let rows = status["votes"].as_array().unwrap();
    rows.iter()
        .map(|row| {
            (
                text(row, "outcome").to_owned(),
                row["tokens"].as_u64().unwrap(),
            )
        })
        .collect()
}

#[tokio::test]
async fn the_printed_steps_pay_an_order_and_cast_votes() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("its data");
    let (child, printed) = start(&data, None).await;
    let layout = Layout::open(&data, Profile::up()).unwrap();
    assert!(
        printed.contains("key notice 0, key window 0, anonymity set 0"),
        "{printed}"
    );
    let steps = Steps::of(&printed, dir.path()).await;

    let read = steps.pay().await;
    assert!(steps.is_paid(&read).await);
    steps.vote().await;
    assert_eq!(tokens_counted(&layout).await, 4);
    let outcomes = steps.vote_again().await;
    assert_eq!(outcomes, BTreeMap::from([("counted".to_owned(), 8)]));
    assert_eq!(tokens_counted(&layout).await, 8);

    let of_collector = data.join("star-collector");
    let published = async || Collector::published(&of_collector).await.unwrap();
    steps.measure("none", 1, published).await;
    stop(child, "INT").await;
}

async fn tokens_counted(layout: &Layout) -> i64 {
    let url = format!("sqlite://{}", layout.file("payments-votes.db").display());
    let mut votes = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::query_scalar(TOKENS_COUNTED)
        .fetch_one(&mut votes)
        .await
        .unwrap()
}
