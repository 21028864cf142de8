//! The real engines that `BLINDTALLY_ENGINES` names: worlds on them, each with schemas and topics of its own, and
//! ways to hurt them.

#[cfg(not(feature = "engines"))]
mod absent;
#[cfg(feature = "engines")]
mod hurt;
#[cfg(feature = "engines")]
mod real;

#[cfg(not(feature = "engines"))]
pub use absent::{are_given, of_a_new_world};
#[cfg(not(feature = "engines"))]
pub(crate) use absent::{
    make_topic, make_topics_anew, of_new_measurements, secret_files, segments_of, topics_of,
};
#[cfg(feature = "engines")]
pub use hurt::{Engine, behind_a_proxy, super_user};
#[cfg(feature = "engines")]
pub use real::{are_given, of_a_new_world};
#[cfg(feature = "engines")]
pub(crate) use real::{
    make_topic, make_topics_anew, of_new_measurements, secret_files, segments_of, topics_of,
};

use blindtally::system::Engines;
use secrecy::SecretString;

/// What star-collector's parts run on: topics of an environment of their own, and a database whose tables nobody else has.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    pub(crate) engines: Engines,
    /// As the aggregator's role.
    pub(crate) database_url: SecretString,
    /// As the role that owns the tables.
    pub(crate) owner_url: SecretString,
}
