//! What handlers take out of requests. Every refusal is a problem document, in our own words.

mod body;
mod json;
mod nesting;
mod objects;
mod path;
mod query;

pub use body::{BODY_BYTES_DEFAULT, body_limit, read_within};
pub use json::Json;
pub use path::Path;
pub use query::Query;
