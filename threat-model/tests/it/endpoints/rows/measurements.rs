//! The routes of star-collector. Anybody may call them, and nobody says who he is.

use blindtally::system::Part;
use http::Method;
use messages::problem::Slug;

use super::{Breaking, Row, Server, row};

const COLLECT: Server = Server::Part(Part::Collect);
const RANDOMNESS: Server = Server::Part(Part::Randomness);

/// What is no message of the channel. Words in capitals stand for messages.
const MESSAGE: &[Breaking] = &[
    ("%", Slug::InvalidBody, "base64"),
    // The library that clients use panics on these.
    ("AAAAAAAAAAAAAA==", Slug::InvalidBody, "ends too early"),
    ("ZERO-X", Slug::InvalidBody, "coordinate"),
    ("SHALLOW", Slug::InvalidBody, "number of layers"),
    ("LOW-THRESHOLD", Slug::InvalidBody, "threshold"),
    ("TO-COME", Slug::InvalidBody, "epoch"),
];

/// What no instance evaluates.
const POINTS: &[Breaking] = &[
    (r#"{"points":[TOO-MANY]}"#, Slug::InvalidBody, "/points"),
    (
        r#"{"points":[POINT,"AA=="]}"#,
        Slug::InvalidBody,
        "/points/1",
    ),
    (
        r#"{"points":["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]}"#,
        Slug::InvalidPoint,
        "/points/0",
    ),
    (
        r#"{"points":[POINT,"//////////////////////////////////////////8="]}"#,
        Slug::InvalidPoint,
        "/points/1",
    ),
    (
        r#"{"points":[POINT],"epoch":256}"#,
        Slug::InvalidBody,
        "/epoch",
    ),
    (
        r#"{"points":[POINT],"epoch":1}"#,
        Slug::WrongEpoch,
        "/epoch",
    ),
];

/// The routes.
pub(super) const ROWS: &[Row] = &[
    row(COLLECT, Method::GET, "/", &[]),
    row(COLLECT, Method::POST, "/", MESSAGE),
    row(COLLECT, Method::POST, "/{channel}", MESSAGE),
    row(RANDOMNESS, Method::GET, "/info", &[]),
    row(RANDOMNESS, Method::GET, "/instances", &[]),
    row(RANDOMNESS, Method::GET, "/instances/{name}/info", &[]),
    row(
        RANDOMNESS,
        Method::POST,
        "/instances/{name}/randomness",
        POINTS,
    ),
    row(RANDOMNESS, Method::POST, "/randomness", POINTS),
];
