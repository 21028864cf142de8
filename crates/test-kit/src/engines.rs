//! The real engines that `BLINDTALLY_ENGINES` names: worlds on them, each with schemas and topics of its own, and
//! ways to hurt them.

#[cfg(not(feature = "engines"))]
use blindtally::system::Engines;

mod files;
#[cfg(feature = "engines")]
mod hurt;
#[cfg(feature = "engines")]
mod worlds;

pub(crate) use files::partitions_of;
#[cfg(feature = "engines")]
pub use hurt::{Engine, behind_a_proxy, super_user};
#[cfg(feature = "engines")]
pub(crate) use worlds::make_topics_anew;
#[cfg(feature = "engines")]
pub use worlds::of_a_new_world;

/// What a new world runs on: `None` is files.
#[cfg(not(feature = "engines"))]
#[expect(clippy::unused_async, reason = "with engines it waits")]
pub async fn of_a_new_world() -> anyhow::Result<Option<Engines>> {
    Ok(None)
}

/// Deletes the topics of a world, and makes them again.
#[cfg(not(feature = "engines"))]
#[expect(clippy::unused_async, reason = "with engines it waits")]
pub(crate) async fn make_topics_anew(_engines: &Engines) -> anyhow::Result<()> {
    anyhow::bail!("this build has no Kafka")
}
