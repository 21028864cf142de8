//! JSON bodies.

use axum::{
    body::Body,
    extract::FromRequest,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Request, header};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::error::Category;
use serde_path_to_error::Segment;

use super::{body, nesting, objects::Strict};
use crate::problem::{Problem, Slug};

/// A JSON body, taken from a request or given as an answer.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, _state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers().get(header::CONTENT_TYPE)) {
            return Err(Slug::UnsupportedMediaType.into());
        }
        let bytes = body::read(request).await?;
        parse(&bytes).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let Ok(body) = serde_json::to_vec(&self.0) else {
            tracing::error!("an answer cannot be written as JSON");
            return Problem::internal().into_response();
        };
        ([(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

/// Whether the type is `application/json`, with or without the only charset that JSON has.
fn is_json(content_type: Option<&HeaderValue>) -> bool {
    let Some(text) = content_type.and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let charset = parameters.trim();
    essence.trim().eq_ignore_ascii_case("application/json")
        && (charset.is_empty()
            || charset.eq_ignore_ascii_case("charset=utf-8")
            || charset.eq_ignore_ascii_case("charset=\"utf-8\""))
}

/// Reads a JSON text that came from a client.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let invalid = || Problem::new(Slug::InvalidBody);
    if nesting::is_too_deep(bytes) {
        return Err(invalid().detail("The body is nested too deep."));
    }
    // Keeping track of the path costs more than reading: only a refusal needs it.
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    if let Ok(value) = T::deserialize(Strict(&mut reader))
        && reader.end().is_ok()
    {
        return Ok(value);
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value =
        serde_path_to_error::deserialize(Strict(&mut reader)).map_err(|error| {
            match error.inner().classify() {
                Category::Data => {
                    let (pointer, reason) = explain(&error);
                    invalid().invalid(pointer, reason)
                }
                Category::Eof | Category::Io | Category::Syntax => {
                    invalid().detail("The body is not JSON.")
                }
            }
        })?;
    match reader.end() {
        Ok(()) => Ok(value),
        Err(_more) => Err(invalid().detail("Something follows the JSON value.")),
    }
}

/// Where in the body the error is, and what it is: in our words, as the parser's repeat the input.
fn explain(error: &serde_path_to_error::Error<serde_json::Error>) -> (String, &'static str) {
    let mut pointer = String::new();
    for segment in error.path() {
        let name = match segment {
            Segment::Enum { variant } => variant.as_str(),
            Segment::Map { key } => key.as_str(),
            Segment::Seq { index } => {
                push_name(&mut pointer, &index.to_string());
                continue;
            }
            Segment::Unknown => continue,
        };
        push_name(&mut pointer, name);
    }

    let message = error.inner().to_string();
    let named = |prefix: &str| {
        let rest = message.strip_prefix(prefix)?;
        rest.split_once('`').map(|(name, _)| name.to_owned())
    };
    let kinds = [
        ("missing field `", "is missing"),
        ("unknown field `", "is unknown here"),
        ("duplicate field `", "stands twice"),
    ];
    for (prefix, reason) in kinds {
        if let Some(name) = named(prefix) {
            // The path already ends with a member that has been read.
            let last = pointer.rsplit('/').next().unwrap_or_default();
            if last != escape(&name) {
                push_name(&mut pointer, &name);
            }
            return (pointer, reason);
        }
    }
    let reason = if message.starts_with("invalid type") {
        "has the wrong type"
    } else {
        "is not of the form, length or range that this member has"
    };
    (pointer, reason)
}

fn push_name(pointer: &mut String, name: &str) {
    pointer.push('/');
    pointer.push_str(&escape(name));
}

/// RFC 6901, section 3.
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        #[serde(rename = "items")]
        _items: Vec<Item>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Item {
        #[serde(rename = "quantity")]
        _quantity: u16,
    }

    fn refused(body: &str) -> (String, String) {
        let problem = parse::<Order>(body.as_bytes()).expect_err("it is refused");
        let field = problem.body().invalid.first().cloned();
        match field {
            Some(field) => (field.field, field.reason),
            None => (String::new(), problem.body().detail.clone().unwrap()),
        }
    }

    #[test]
    fn each_fault_is_named_by_its_pointer() {
        for (body, pointer, reason) in [
            (
                r#"{"items":[{"quantity":1},{}]}"#,
                "/items/1/quantity",
                "missing",
            ),
            (
                r#"{"items":[{"quantity":"x"}]}"#,
                "/items/0/quantity",
                "type",
            ),
            (
                r#"{"items":[{"quantity":70000}]}"#,
                "/items/0/quantity",
                "form",
            ),
            (
                r#"{"items":[{"quantity":-1}]}"#,
                "/items/0/quantity",
                "form",
            ),
            (r#"{"items":[],"a/b~":1}"#, "/a~1b~0", "unknown"),
            (
                r#"{"items":[{"quantity":1,"quantity":1}]}"#,
                "/items/0/quantity",
                "twice",
            ),
            ("{}", "/items", "missing"),
            ("[]", "", "type"),
            (r#"[[{"quantity":1}]]"#, "", "type"),
            (r#"{"items":[{"quantity":1},[1]]}"#, "/items/1", "type"),
            ("{", "", "not JSON"),
            (r#"{"items":["#, "", "not JSON"),
            ("", "", "not JSON"),
            (r#"{"items":[]}{"#, "", "follows"),
            (&"[".repeat(17), "", "too deep"),
        ] {
            let (found, why) = refused(body);
            assert_eq!(found, pointer, "{body}");
            assert!(why.contains(reason), "{body}: {why}");
        }
    }

    #[test]
    fn a_refusal_repeats_no_value() {
        let (pointer, reason) = refused(r#"{"items":[{"quantity":"very-secret"}]}"#);

        assert!(!format!("{pointer}{reason}").contains("very-secret"));
    }

    #[test]
    fn only_json_in_utf8_is_json() {
        let is = |text: &'static str| is_json(Some(&HeaderValue::from_static(text)));

        assert!(is("application/json") && is("Application/JSON; charset=UTF-8"));
        assert!(!is("text/plain") && !is("application/json; charset=latin1"));
        assert!(!is("application/jsonp") && !is_json(None));
    }
}
