//! The real engines that `BLINDTALLY_ENGINES` names: worlds on them, each with schemas and topics of its own, and
//! ways to hurt them.

#[cfg(not(feature = "engines"))]
mod absent;
#[cfg(feature = "engines")]
mod hurt;
#[cfg(feature = "engines")]
mod instead;
#[cfg(feature = "engines")]
mod real;

#[cfg(not(feature = "engines"))]
pub use absent::{
    are_given, delete_topics, make_missing_topics, of_a_new_world, of_new_measurements,
    with_new_tables,
};
#[cfg(not(feature = "engines"))]
pub(crate) use absent::{make_topic, make_topics_anew, secret_files, segments_of, topics_of};
#[cfg(feature = "engines")]
pub use hurt::{Engine, behind_a_proxy, super_user};
#[cfg(feature = "engines")]
pub use instead::Instead;
#[cfg(feature = "engines")]
pub use real::{
    are_given, delete_topics, make_missing_topics, of_a_new_world, of_new_measurements,
    with_new_tables,
};
#[cfg(feature = "engines")]
pub(crate) use real::{make_topic, make_topics_anew, secret_files, segments_of, topics_of};
