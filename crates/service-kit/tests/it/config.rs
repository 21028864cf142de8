//! Where settings come from.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use service_kit::config::{SettingsError, Sources, checks};

const DEFAULTS: &str = r#"
# Where it listens.
listen = "127.0.0.1:80"

[orders_database]
# Where the orders are.
url = "sqlite:orders.db"
# How many connections.
connections_max = 16

[sale]
enabled = true
quantities = [4, 8]
"#;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    listen: String,
    orders_database: Database,
    sale: Sale,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Database {
    url: SecretString,
    connections_max: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sale {
    enabled: bool,
    quantities: Vec<u32>,
}

fn sources() -> Sources {
    Sources::defaults("challenge-bypass", DEFAULTS)
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |pair: &(&str, &str)| (pair.0.to_owned(), pair.1.to_owned());
    pairs.iter().map(own).collect()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn each_source_is_stronger_than_the_one_before() {
    let file = file("listen = \"file\"\n[orders_database]\nconnections_max = 1\nurl = \"file\"\n");
    let environment = variables(&[
        ("CHALLENGE_BYPASS__ORDERS_DATABASE__URL", "variable"),
        ("CHALLENGE_BYPASS__ORDERS_DATABASE__CONNECTIONS_MAX", "2"),
    ]);

    let settings: Settings = sources()
        .file(Some(file.path().to_owned()))
        .environment(environment)
        .set("orders_database.connections_max", "3")
        .load()
        .unwrap();

    assert_eq!(settings.listen, "file");
    assert_eq!(settings.orders_database.url.expose_secret(), "variable");
    assert_eq!(settings.orders_database.connections_max, 3);
    assert!(settings.sale.enabled, "from the defaults");
}

#[test]
fn text_stays_text_and_the_rest_is_read_as_toml() {
    let settings: Settings = sources()
        .set("listen", "0123")
        .set("orders_database.url", "1e5")
        .set("sale.enabled", "false")
        .set("sale.quantities", "[1, 2, 3]")
        .load()
        .unwrap();

    assert_eq!(settings.listen, "0123");
    assert_eq!(settings.orders_database.url.expose_secret(), "1e5");
    assert!(!settings.sale.enabled);
    assert_eq!(settings.sale.quantities, [1, 2, 3]);
}

#[test]
fn variables_of_others_are_none_of_ours() {
    let environment = variables(&[("PATH", "/bin"), ("PAYMENTS__LISTEN", "x"), ("LISTEN", "y")]);

    let settings: Settings = sources().environment(environment).load().unwrap();

    assert_eq!(settings.listen, "127.0.0.1:80");
}

#[test]
fn a_misspelled_variable_is_refused_by_name() {
    let environment = variables(&[("CHALLENGE_BYPASS__ORDERS_DATABASE__ULR", "secret")]);

    let error = sources()
        .environment(environment)
        .load::<Settings>()
        .unwrap_err();

    assert_eq!(
        error.to_string(),
        "there is no setting `orders_database.ulr`"
    );
}

#[test]
fn wrong_values_are_named_and_not_shown() {
    for (name, value) in [
        ("orders_database.connections_max", "\"very-secret\""),
        ("orders_database.connections_max", "-7777"),
        ("sale.quantities", "very-secret"),
        ("sale.enabled", "1\nlisten = \"very-secret\""),
    ] {
        let error = sources().set(name, value).load::<Settings>().unwrap_err();

        let text = format!("{error} {error:?}");
        assert!(text.contains(name), "{text}");
        assert!(
            !text.contains("very-secret") && !text.contains("7777"),
            "{text}"
        );
    }
}

#[test]
fn a_file_that_is_missing_or_not_toml_is_refused() {
    let missing = sources().file(Some("/nowhere/at/all".into()));
    assert!(matches!(
        missing.load::<Settings>(),
        Err(SettingsError::File(..))
    ));

    let broken = file("url = very-secret");
    let error = sources()
        .file(Some(broken.path().to_owned()))
        .load::<Settings>();
    assert!(!format!("{:?}", error.unwrap_err()).contains("very-secret"));
}

#[test]
fn the_three_checks_pass_here() {
    checks::defaults_are_complete::<Settings>(DEFAULTS).unwrap();
    checks::misspellings_are_refused::<Settings>(DEFAULTS).unwrap();
    checks::secret_is_not_shown::<Settings>(DEFAULTS, "orders_database.url").unwrap();
}

#[test]
fn the_three_checks_can_fail() {
    #[derive(Debug, Deserialize)]
    struct Lax {
        #[serde(rename = "listen")]
        _listen: String,
        #[serde(default, rename = "orders_database")]
        _database: Option<Open>,
    }
    #[derive(Debug, Deserialize)]
    struct Open {
        #[serde(rename = "url")]
        _url: String,
    }

    assert!(checks::defaults_are_complete::<Settings>("listen = \"\"").is_err());
    assert!(checks::misspellings_are_refused::<Lax>(DEFAULTS).is_err());
    assert!(checks::secret_is_not_shown::<Lax>(DEFAULTS, "orders_database.url").is_err());
}
