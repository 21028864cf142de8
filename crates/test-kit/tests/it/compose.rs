//! `deploy/compose.yaml` says what the scripts of `deploy/engines` say, text against text: no container runs here.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde::Deserialize;

/// Settings by name.
type Named = BTreeMap<String, String>;

#[derive(Deserialize)]
struct Compose {
    services: BTreeMap<String, Service>,
    configs: BTreeMap<String, Content>,
    #[serde(rename = "x-postgres")]
    postgres: Service,
}

#[derive(Deserialize)]
struct Content {
    content: String,
}

#[derive(Deserialize)]
struct Service {
    image: String,
    #[serde(default)]
    command: Vec<String>,
    #[serde(default)]
    ports: Vec<String>,
    #[serde(default)]
    network_mode: String,
}

fn script(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
    fs::read_to_string(folder.join(name)).unwrap()
}

fn compose() -> Compose {
    serde_saphyr::from_str(&script("compose.yaml")).unwrap()
}

/// The lines of a script between `<<NAME` and `NAME`.
fn here<'a>(script: &'a str, name: &str) -> &'a str {
    let (_, rest) = script.split_once(&format!("<<{name}\n")).unwrap();
    rest.split_once(&format!("\n{name}\n")).unwrap().0
}

fn named<'a>(lines: impl Iterator<Item = &'a str>) -> Named {
    let lines = lines.map(str::trim).filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| {
            (
                name.trim().to_owned(),
                value.trim().trim_matches('\'').to_owned(),
            )
        })
        .collect()
}

/// What is left of `settings` without those that say where something is.
fn without(mut settings: Named, places: &[&str]) -> Named {
    for place in places {
        assert!(settings.remove(*place).is_some(), "{place}");
    }
    settings
}

#[test]
fn postgresql_has_the_settings_of_the_script_and_lets_in_whom_it_lets_in() {
    let (compose, script) = (compose(), script("engines/postgres"));
    let settings = named(here(&script, "SETTINGS").lines());
    let given = named(compose.postgres.command.iter().map(String::as_str));

    let certificate = ["listen_addresses", "ssl_cert_file", "ssl_key_file"];
    let settings = without(settings, &certificate);
    assert_eq!(
        without(settings, &["port", "unix_socket_directories"]),
        without(without(given, &certificate), &["hba_file"])
    );
    let access = here(&script, "ACCESS").replace("127.0.0.1/32", "all");
    assert_eq!(compose.configs["pg_hba.conf"].content.trim(), access);
}

#[test]
fn each_cluster_has_a_server_and_its_databases() {
    let (compose, up) = (compose(), script("engines/up"));
    let mut made = BTreeSet::new();
    let mut clusters = BTreeSet::new();
    for (name, service) in &compose.services {
        let Some((cluster, databases)) = databases(&service.command) else {
            continue;
        };
        assert_eq!(service.network_mode, format!("service:{cluster}"), "{name}");
        assert!(!compose.services[cluster].command.is_empty(), "{cluster}");
        assert!(clusters.insert(cluster), "{cluster}");
        made.extend(databases);
    }
    let lines = up
        .lines()
        .filter_map(|line| line.strip_prefix("\"$engines/databases\" "));
    let wanted: BTreeSet<&str> = lines
        .flat_map(|line| line.split_whitespace().skip(1))
        .collect();
    assert_eq!(made, wanted);
    // Orders with the tally; votes, and the registry, apart from everything.
    assert_eq!(clusters, BTreeSet::from(["main", "registry", "votes"]));
}

/// The cluster and the databases that a command makes.
fn databases(command: &[String]) -> Option<(&str, impl Iterator<Item = &str>)> {
    let at = command
        .iter()
        .position(|word| word == "/deploy/engines/databases")?;
    let mut rest = command[at + 1..].iter().map(String::as_str);
    let cluster = rest.next()?.strip_prefix("/engines/")?;
    Some((cluster, rest))
}

#[test]
fn the_broker_has_the_settings_of_the_script_and_the_topics_come_from_the_same_file() {
    let (compose, script_of_kafka) = (compose(), script("engines/kafka"));
    let settings = script("engines/kafka.properties")
        .replace("@PORT@", "9092")
        .replace("@CONTROLLER_PORT@", "9093")
        .replace("@CERTIFICATES@", "/certificates")
        .replace("@DIR@", "/var/lib/kafka");
    let given = compose.configs["kafka.properties"]
        .content
        .replace("$$", "$");

    // From outside of the container it is reached by its published port.
    let inside = ["listeners"];
    assert_eq!(
        without(named(settings.lines()), &inside),
        without(named(given.lines()), &inside)
    );
    let admin = here(&script_of_kafka, "SETTINGS")
        .replace("$1", "9092")
        .replace("$certificates", "/certificates");
    let given = &compose.configs["admin.properties"].content;
    assert_eq!(named(given.lines()), named(admin.lines()));
    let topics = compose.services["topics"].command.join(" ");
    let files: Vec<_> = access_files()
        .into_iter()
        .map(|file| format!("/deploy/engines/{file}"))
        .collect();
    let wanted = format!(
        "/deploy/engines/Access.java /admin.properties {} ",
        files.join(",")
    );
    assert!(topics.contains(&wanted), "{topics}");
}

/// The files that an operator's topics come from, as the script takes them.
fn access_files() -> Vec<String> {
    let script = script("engines/topics");
    let line = script
        .lines()
        .find_map(|line| line.trim().strip_prefix("cat "));
    let files = line.unwrap().split_whitespace();
    files
        .filter_map(|word| word.strip_prefix("\"$engines/"))
        .map(|file| file.trim_end_matches('"').to_owned())
        .collect()
}

#[test]
fn images_are_what_the_scripts_install_and_everything_listens_on_loopback() {
    let compose = compose();
    let pom = script("engines/kafka.pom.xml");
    let (_, rest) = pom.split_once("<kafka.version>").unwrap();
    let kafka = rest.split('<').next().unwrap();
    assert_eq!(
        compose.services["kafka"].image,
        format!("apache/kafka:{kafka}")
    );
    let (_, version) = compose.postgres.image.split_once("postgres:").unwrap();
    assert!(version.parse::<u32>().unwrap() >= 15, "{version}");
    assert!(script("engines/install").contains("PostgreSQL 15 or newer"));

    let published: Vec<_> = compose
        .services
        .values()
        .flat_map(|service| &service.ports)
        .collect();
    assert_eq!(published.len(), 4, "{published:?}");
    assert!(
        published.iter().all(|port| port.starts_with("127.0.0.1:")),
        "{published:?}"
    );
}
