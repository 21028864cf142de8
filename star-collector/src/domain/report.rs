//! What is published of opened messages.

use chrono::NaiveDate;
use serde_json::{Map, Value};

/// The member that says how often the groups of the epoch had been halved. It is there only if they were.
pub const SAMPLING_FIELD: &str = "sampling_level";

/// The record of `total` messages that agree on `texts`, the outermost first: a member for each layer, the total, the
/// first day of the epoch, and the level of its sampling.
pub fn record<'a>(
    texts: impl IntoIterator<Item = &'a str>,
    total: u64,
    (date_field, day): (&str, NaiveDate),
    sampling_level: u8,
) -> Vec<u8> {
    let layers = texts.into_iter().map(|text| {
        let (name, value) = text.split_once('|').unwrap_or((text, ""));
        (name.to_owned(), Value::from(value))
    });
    let mut members: Map<String, Value> = layers.collect();
    members.insert("total".to_owned(), total.into());
    members.insert(date_field.to_owned(), day.to_string().into());
    if sampling_level > 0 {
        members.insert(SAMPLING_FIELD.to_owned(), sampling_level.into());
    }
    Value::Object(members).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_a_member_for_each_layer() {
        let day = NaiveDate::from_ymd_opt(2026, 1, 19).unwrap();

        let record = record(
            ["metric_name|Brave.Uptime", "metric_value|3", "note|a|b"],
            62,
            ("wos", day),
            0,
        );

        assert_eq!(
            String::from_utf8(record).unwrap(),
            r#"{"metric_name":"Brave.Uptime","metric_value":"3","note":"a|b","total":62,"wos":"2026-01-19"}"#
        );
    }

    #[test]
    fn a_record_of_a_sampled_epoch_says_so() {
        let day = NaiveDate::from_ymd_opt(2026, 1, 19).unwrap();

        let record = record(["q|yes"], 50, ("wos", day), 3);

        assert_eq!(
            String::from_utf8(record).unwrap(),
            r#"{"q":"yes","sampling_level":3,"total":50,"wos":"2026-01-19"}"#
        );
    }
}
