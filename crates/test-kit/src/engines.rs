//! Worlds on the real engines that `BLINDTALLY_ENGINES` names, each with schemas and topics of its own.

#[cfg(not(feature = "engines"))]
mod absent;
#[cfg(feature = "engines")]
mod real;

#[cfg(not(feature = "engines"))]
pub(crate) use absent::{make_topics_anew, of_a_new_world, secret_files, segments_of, topics_of};
#[cfg(feature = "engines")]
pub(crate) use real::{make_topics_anew, of_a_new_world, secret_files, segments_of, topics_of};
