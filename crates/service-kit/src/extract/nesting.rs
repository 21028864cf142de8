//! How deep a JSON text is nested: `serde_json` has a limit of its own, but a fixed and higher one.

/// The deepest nesting that is read. Our own bodies need four.
pub(super) const NESTING_MAX: usize = 16;

/// Whether brackets are nested deeper than [`NESTING_MAX`] anywhere outside strings.
///
/// Text that is not JSON gets some answer; the parser refuses it later.
pub(super) fn is_too_deep(json: &[u8]) -> bool {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for byte in json {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'[' | b'{') => {
                depth += 1;
                if depth > NESTING_MAX {
                    return true;
                }
            }
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            (true | false, _) => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nested(depth: usize) -> String {
        format!("{}1{}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn sixteen_deep_is_read_and_seventeen_is_not() {
        assert!(!is_too_deep(nested(16).as_bytes()));
        assert!(is_too_deep(nested(17).as_bytes()));
    }

    #[test]
    fn brackets_in_strings_do_not_count() {
        let text = format!(r#"{{"a\"{}":"\\","b":[]}}"#, "[".repeat(40));

        assert!(!is_too_deep(text.as_bytes()));
    }

    #[test]
    fn siblings_do_not_count() {
        assert!(!is_too_deep("[[],[],{}]".repeat(40).as_bytes()));
    }

    fn depth(value: &serde_json::Value) -> usize {
        match value {
            serde_json::Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
            serde_json::Value::Object(members) => {
                1 + members.values().map(depth).max().unwrap_or(0)
            }
            _ => 0,
        }
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = r#"[\[\]{}"\\a]{0,6}"#.prop_map(serde_json::Value::from);
        leaf.prop_recursive(24, 60, 2, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..2).prop_map(serde_json::Value::from),
                inner.prop_map(|value| serde_json::json!({"[\"": value})),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_parsed_value(value in any_json()) {
            prop_assert_eq!(is_too_deep(value.to_string().as_bytes()), depth(&value) > NESTING_MAX);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            is_too_deep(&bytes);
        }
    }
}
