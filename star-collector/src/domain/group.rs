//! Which messages belong together, and the names of what they make.
//!
//! Names are the first 16 bytes of a SHA-256: whoever has the message has them, and nobody else can compute one of a value
//! that is not opened, since each takes in the tag.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::wire::{Layer, Point};

/// The length of a name, in bytes.
pub const NAME_BYTES: usize = 16;

/// Gives a type for the names of one kind of thing.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(pub [u8; NAME_BYTES]);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

name!(
    /// Names a channel.
    ChannelId
);
name!(
    /// Names a group: messages whose shares open together, of one epoch, below one label.
    GroupId
);
name!(
    /// Names a label: one text among the opened messages of a group.
    LabelId
);
name!(
    /// Names a counted message by its group and its point: a second one is a replay.
    SeenId
);

/// The first bytes of SHA-256 over `parts`, which have fixed lengths but for the last.
fn name(parts: &[&[u8]]) -> [u8; NAME_BYTES] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    let digest: [u8; 32] = hash.finalize().into();
    *digest.first_chunk().unwrap_or(&[0; NAME_BYTES])
}

impl ChannelId {
    /// The channel that is called so.
    pub fn of(channel: &str) -> Self {
        Self(name(&[b"channel", channel.as_bytes()]))
    }
}

impl GroupId {
    /// The group of a layer: (channel or label, epoch, tag, threshold, C, D, J).
    ///
    /// `parent` is the name of the channel for an open layer, and for one that was found in messages the name of their label.
    pub fn below(parent: &[u8; NAME_BYTES], epoch: u64, layer: &Layer<'_>) -> Self {
        let sealed = &layer.share.sealed;
        Self(name(&[
            b"group",
            parent,
            &epoch.to_le_bytes(),
            layer.tag,
            &sealed.threshold.to_le_bytes(),
            sealed.message,
            sealed.coins,
            sealed.mac,
        ]))
    }
}

impl LabelId {
    /// The label of `text` in a group.
    pub fn of(group: &GroupId, text: &str) -> Self {
        Self(name(&[b"label", &group.0, text.as_bytes()]))
    }
}

impl SeenId {
    /// The message of `group`, whose epoch is part of its name, with this point.
    pub fn of(group: &GroupId, point: Point) -> Self {
        Self(name(&[b"seen", &group.0, &point.x.to_bytes()]))
    }
}
