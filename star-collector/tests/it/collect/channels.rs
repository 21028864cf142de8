//! Several channels, each with rules and a topic of its own.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use messages::{problem::Slug, star::VERSION_HEADER};
use service_kit::config::Sources;
use star_collector::{collect, factory::Factory};

use super::app::{App, NUMBER, problem, records, sorted, tag, taken};

/// Another channel: two layers, a threshold of nine, clients from version 4 on.
const SLOW: &str = r#"
[channel]
name = "slow"
input_topic = "slow-enc"
output_topic = "slow-out"
k = 9
threshold_min = 9
threshold_max = 9
layers = 2
message_bytes_max = 8192
epoch_base_time = "2024-01-01T00:00:00Z"
epoch_hours = 168
epochs_alive = 3
date_field = "month"

[clients]
minimum_version = "4"
"#;

/// A file with a channel, and the setting that names it.
fn file(text: &str) -> (tempfile::NamedTempFile, String) {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let setting = format!("[\"{}\"]", file.path().display());
    (file, setting)
}

#[tokio::test]
async fn a_message_goes_by_the_rules_and_to_the_topic_of_its_channel() {
    let (_file, setting) = file(SLOW);
    let mut app = App::with(&[("channels.files", &setting)]).await;
    let slow = Factory::new(NUMBER, 9).message(&["a|1", "b|2"], &mut app.random);
    let (typical, named) = (app.message(), app.message());
    let to = async |path: &str, version: &str, message: &[u8]| {
        let request = app.request(path, STANDARD.encode(message));
        let request = request.header(VERSION_HEADER, version);
        request.send().await.unwrap()
    };

    taken(to("/slow", "4", &slow).await).await;
    taken(to("/slow", "3", &slow).await).await;
    taken(to("/", "3", &typical).await).await;
    taken(to("/typical", "3", &named).await).await;
    problem(to("/slow", "4", &typical).await, Slug::InvalidBody).await;
    problem(to("/", "4", &slow).await, Slug::InvalidBody).await;

    let kept = records(&*app.log, "slow-enc").await;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].value, slow);
    assert_eq!(kept[0].key, tag(&slow, 2));
    assert_eq!(app.values().await, sorted([typical, named]));
}

#[test]
fn a_channel_that_makes_no_sense_or_is_there_twice_is_named() {
    for (bad, why) in [
        (SLOW.replace("k = 9", "k = 8"), "channel.k"),
        (SLOW.replace("layers", "leyers"), "leyers"),
        (SLOW.replace("layers = 2\n", ""), "layers"),
        (SLOW.replace("\"4\"", "\"four\""), "clients.minimum_version"),
        (SLOW.replace("slow-enc", "p3a-star-enc"), "topic"),
        (SLOW.replace("\"slow\"", "\"typical\""), "name"),
        (format!("{SLOW}\n[http]\nlisten = \"x\""), "http"),
    ] {
        let (_file, setting) = file(&bad);
        let sources: Sources = collect::Config::sources().set("channels.files", setting);
        let config: collect::Config = sources.load().unwrap();

        let refused = format!("{:#}", config.channels().unwrap_err());

        assert!(refused.contains(why), "{why}: {refused}");
    }
}
