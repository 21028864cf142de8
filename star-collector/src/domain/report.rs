//! What is published of opened messages.

use chrono::NaiveDate;
use serde_json::{Map, Value};

/// The record of `total` messages that agree on `texts`, the outermost first: a member for each layer, the total, and the
/// first day of the epoch.
pub fn record<'a>(
    texts: impl IntoIterator<Item = &'a str>,
    total: u64,
    (date_field, day): (&str, NaiveDate),
) -> Vec<u8> {
    let layers = texts.into_iter().map(|text| {
        let (name, value) = text.split_once('|').unwrap_or((text, ""));
        (name.to_owned(), Value::from(value))
    });
    let mut members: Map<String, Value> = layers.collect();
    members.insert("total".to_owned(), total.into());
    members.insert(date_field.to_owned(), day.to_string().into());
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
        );

        assert_eq!(
            String::from_utf8(record).unwrap(),
            r#"{"metric_name":"Brave.Uptime","metric_value":"3","note":"a|b","total":62,"wos":"2026-01-19"}"#
        );
    }
}
