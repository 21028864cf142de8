//! `Idempotency-Key`: taken by one route, refused by all others (threat T16).
//!
//! The other requests are idempotent by their content. A key on them would only be one more thing that
//! links two requests.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, Method};
use messages::uuid_text;
use service_kit::Problem;
use uuid::Uuid;

use crate::error::Error;

/// The header.
const HEADER: &str = "idempotency-key";

/// The one path that takes the header, with `POST`.
const PATH: &str = "/v1/orders";

/// Refuses the header wherever it means nothing.
pub async fn refuse_elsewhere(request: Request, next: Next) -> Response {
    let taken =
        request.method() == Method::POST && request.uri().path().trim_end_matches('/') == PATH;
    if !taken && request.headers().contains_key(HEADER) {
        let problem: Problem = Error::Header("This route takes no Idempotency-Key.").problem();
        return problem.into_response();
    }
    next.run(request).await
}

/// The key of a request: one random UUID (version 4), in the form that we write.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<Uuid>, Error> {
    let invalid = || Error::Header("The Idempotency-Key is not one random UUID (version 4).");
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| invalid())?;
    let key = uuid_text::read(text).map_err(|_| invalid())?;
    let is_random = key.get_version_num() == 4 && key.get_variant() == uuid::Variant::RFC4122;
    if values.next().is_some() || !is_random {
        return Err(invalid());
    }
    Ok(Some(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Result<Option<Uuid>, ()> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER, value.parse().unwrap());
        }
        key(&headers).map_err(|_| ())
    }

    #[test]
    fn only_one_random_uuid_is_a_key() {
        let good = "0b9ac0ea-70c7-4c30-9d54-5a5f2ee6b7a5";
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[good]), Ok(Some(good.parse().unwrap())));
        assert_eq!(of(&[good, good]), Err(()));
        for wrong in [
            "",
            "1",
            &good.to_uppercase(),
            &good.replace('-', ""),
            &good.replacen("-4c30", "-1c30", 1),
            &good.replacen("-9d54", "-1d54", 1),
            "00000000-0000-0000-0000-000000000000",
        ] {
            assert_eq!(of(&[wrong]), Err(()), "{wrong}");
        }
    }
}
