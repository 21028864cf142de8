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

use super::up::{interrupt, start};

/// The first purchase waits for tally, and tally for the first head: a minute, on a quiet machine.
const DONE_WITHIN: Duration = Duration::from_mins(4);

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

/// Runs commands in one shell, in a folder of their own; gives what they wrote to stdout.
async fn shell(folder: &Path, commands: &str) -> String {
    let running = Command::new("sh")
        .args(["-e", "-c", commands])
        .current_dir(folder)
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

/// The tokens of votes that payments has taken.
async fn tokens_counted(layout: &Layout) -> i64 {
    let url = format!("sqlite://{}", layout.file("payments-votes.db").display());
    let mut votes = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::query_scalar("SELECT COALESCE(SUM(tokens_counted), 0) FROM key_count")
        .fetch_one(&mut votes)
        .await
        .unwrap()
}

/// The first measurement that was published.
async fn published(dir: &Path) -> Value {
    let looking = async {
        loop {
            if let Some(first) = Collector::published(dir).await.unwrap().pop() {
                return first;
            }
            sleep(Duration::from_millis(200)).await;
        }
    };
    timeout(DONE_WITHIN, looking).await.unwrap()
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
    let curl = Command::new("curl").arg("--version").output().await;
    assert!(
        curl.is_ok(),
        "the steps are curl's: install curl to test them"
    );
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("its data");
    let (child, printed) = start(&data).await;
    let layout = Layout::open(&data, Profile::up()).unwrap();
    assert!(
        printed.contains("key notice 0, key window 0, anonymity set 0"),
        "{printed}"
    );
    let [exports, order, pay, tell, wallet, measure] =
        <[String; 6]>::try_from(blocks(&printed)).unwrap();
    let shell = async |commands: &str| shell(dir.path(), &format!("{exports}{commands}")).await;

    let ordered = answers(&shell(&order).await).remove(0);
    let pay = pay.replace("TRANSFER-REFERENCE", text(&ordered, "transferReference"));
    let paid = answers(&shell(&pay).await);
    let tell = tell
        .replace("ORDER-ID", text(&ordered, "id"))
        .replace("CAPABILITY", text(&ordered, "capability"))
        .replace("TRANSFER-ID", text(paid.last().unwrap(), "id"));
    let told = answers(&shell(&tell).await).remove(0);
    assert_eq!(text(&told, "status"), "completed");
    // The same words read the order: it is paid.
    let read = tell.replace("/transactions/uphold", "");
    let read = read.split(" -d ").next().unwrap();
    let order = answers(&shell(read).await).remove(0);
    assert_eq!(text(&order, "status"), "paid");

    let said = shell(&wallet).await;
    assert!(said.contains("used") && said.contains("counted"), "{said}");
    assert_eq!(tokens_counted(&layout).await, 4);

    // A crowd that nobody waits for, because the user says so.
    let program = env!("CARGO_BIN_EXE_blindtally");
    let more = format!(
        "'{program}' wallet buy --quantity 4 --account me >/dev/null
         '{program}' wallet vote --json --crowd 1000 --vote-anyway 1 --for example.org=2",
    );
    let status = shell(&more).await;
    assert_eq!(
        tokens_by_outcome(&status),
        BTreeMap::from([("counted".to_owned(), 8)])
    );
    assert_eq!(tokens_counted(&layout).await, 8);

    let said = shell(&measure).await;
    assert_eq!(said.matches("taken: 1").count(), 3, "{said}");
    let published = published(&data.join("star-collector")).await;
    assert_eq!(text(&published, "country"), "none");
    assert_eq!(text(&published, "platform"), "linux");
    assert_eq!(published["total"], 3);
    interrupt(child).await;
}
