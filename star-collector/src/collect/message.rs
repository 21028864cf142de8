//! From a request to a message that may be kept: every rule that can be checked without opening it (threat T13).

use axum::extract::FromRequestParts;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, request::Parts};
use messages::star::{THRESHOLD_HEADER, VERSION_HEADER};
use service_kit::Problem;

use super::{
    error::Error,
    version::{Version, decimal},
};
use crate::domain::{
    channel::Channel,
    wire::{Message, TAG_BYTES},
};

/// What a client says beside its message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    pub(super) version: Option<Version>,
    pub(super) threshold: Option<u32>,
}

impl Said {
    /// One header that cannot be understood is refused: whoever takes it for none counts the message under other rules than
    /// its client had in mind.
    fn read(headers: &HeaderMap) -> Result<Self, Error> {
        let version = header(headers, VERSION_HEADER, |text| text.parse().ok())?;
        let threshold = header(headers, THRESHOLD_HEADER, decimal)?;
        Ok(Self { version, threshold })
    }
}

impl<S: Sync> FromRequestParts<S> for Said {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(Self::read(&parts.headers)?)
    }
}

fn header<T>(
    headers: &HeaderMap,
    name: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Error> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let read = value.to_str().ok().and_then(read);
    let read = read.filter(|_| values.next().is_none());
    read.map(Some).ok_or(Error::Header(name))
}

/// A message that keeps to the rules of its channel; whether its epoch is alive is for the moment it is appended at.
pub(super) struct Checked {
    /// The bytes that a client encoded.
    pub(super) bytes: Vec<u8>,
    /// Names its group.
    pub(super) tag: [u8; TAG_BYTES],
    /// Its epoch, modulo 256.
    pub(super) epoch: u8,
    /// The threshold in its header.
    pub(super) threshold: Option<u32>,
}

impl Checked {
    /// Reads a body: a message in base64, and nothing else.
    pub(super) fn read(channel: &Channel, said: Option<u32>, body: &Bytes) -> Result<Self, Error> {
        // Before the message is read: a client that says a threshold which nobody may have hears that.
        let threshold = channel.threshold(said);
        let threshold = threshold.ok_or(Error::Header(THRESHOLD_HEADER))?;
        let bytes = STANDARD.decode(body).map_err(|_| Error::Base64)?;
        if bytes.len() > channel.message_bytes_max {
            return Err(Error::TooLarge);
        }
        let message = Message::read(&bytes, channel.layers)?;
        if message.outer.share.sealed.threshold != threshold {
            return Err(Error::Threshold);
        }
        Ok(Self {
            tag: *message.outer.tag,
            epoch: message.epoch,
            threshold: said,
            bytes,
        })
    }
}

/// How long the base64 of so many bytes is.
pub(super) fn base64_bytes(bytes: usize) -> usize {
    bytes.div_ceil(3).saturating_mul(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_as_long_as_said() {
        for bytes in [0, 1, 2, 3, 4, 8_192] {
            assert_eq!(STANDARD.encode(vec![0; bytes]).len(), base64_bytes(bytes));
        }
    }

    #[test]
    fn a_header_is_there_once_and_readable_or_not_at_all() {
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(THRESHOLD_HEADER, value.parse().unwrap());
            }
            Said::read(&headers).map(|said| said.threshold)
        };

        assert_eq!(read(&[]).unwrap(), None);
        assert_eq!(read(&["50"]).unwrap(), Some(50));
        for bad in [
            &[""][..],
            &["+50"],
            &["0x32"],
            &["4294967296"],
            &["50", "50"],
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
