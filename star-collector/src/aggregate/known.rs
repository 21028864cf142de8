//! What an aggregator remembers of a partition between two batches, so that it need not read it again.
//!
//! It is right as long as this process alone moves the partition's position; after any failure it is forgotten.

use std::collections::{HashMap, hash_map::Entry};

use serde_json::Value;

use super::memory::{GROUP_BYTES, LABEL_BYTES, OPEN_GROUP_BYTES};
use crate::{
    aggregate::store::{Counts, KeptGroup, LabelChange},
    domain::{
        cipher::Opener,
        group::{GroupId, LabelId},
        secret::Secret,
    },
};

/// A group.
#[derive(Debug)]
pub(super) struct Group {
    /// Its epoch.
    pub(super) epoch: u64,
    /// How many shares open it.
    pub(super) threshold: u32,
    /// The label that it is below; none for the outer ones.
    pub(super) parent: Option<LabelId>,
    /// Whether it is open.
    pub(super) state: State,
}

/// Whether a group is open.
#[derive(Debug)]
pub(super) enum State {
    /// Nobody has looked.
    Unknown,
    /// It is not, and its messages wait.
    Closed(Waiting),
    /// It is.
    Open(Box<Open>),
}

/// What waits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Waiting {
    /// How many messages.
    pub(super) messages: u64,
    /// How many bytes they have.
    pub(super) bytes: u64,
    /// How many waited when the recovery failed last.
    pub(super) tried: u64,
}

/// What an open group has.
#[derive(Debug)]
pub(super) struct Open {
    /// Its secret.
    pub(super) secret: Secret,
    /// Decrypts its messages.
    pub(super) opener: Opener,
    /// The texts that were found: one, unless somebody altered ciphertexts.
    pub(super) labels: HashMap<String, LabelId>,
}

impl Open {
    pub(super) fn new(secret: Secret, epoch: u64) -> Self {
        let [number, ..] = epoch.to_le_bytes();
        Self {
            opener: secret.opener(number),
            secret,
            labels: HashMap::new(),
        }
    }
}

impl State {
    /// The state of a group that is kept, or of one that was never seen.
    pub(super) fn of(kept: Option<&KeptGroup>, epoch: u64) -> Option<Self> {
        let Some(kept) = kept else {
            return Some(Self::Closed(Waiting::default()));
        };
        let Some(secret) = &kept.secret else {
            return Some(Self::Closed(Waiting {
                messages: kept.waiting,
                bytes: kept.waiting_bytes,
                tried: kept.tried,
            }));
        };
        let secret = Secret::from_bytes(secret)?;
        Some(Self::Open(Box::new(Open::new(secret, epoch))))
    }
}

impl State {
    /// About how many bytes it takes in addition to [`GROUP_BYTES`].
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Open(open) => OPEN_GROUP_BYTES + open.secret.bytes(),
            Self::Closed(_) | Self::Unknown => 0,
        }
    }

    /// What waits.
    pub(super) fn waiting(&self) -> Waiting {
        match self {
            Self::Closed(waiting) => *waiting,
            Self::Open(_) | Self::Unknown => Waiting::default(),
        }
    }

    /// What is kept of it.
    pub(super) fn kept(&self) -> KeptGroup {
        match self {
            Self::Unknown => KeptGroup::default(),
            Self::Closed(waiting) => KeptGroup {
                secret: None,
                waiting: waiting.messages,
                waiting_bytes: waiting.bytes,
                tried: waiting.tried,
            },
            Self::Open(open) => KeptGroup {
                secret: Some(open.secret.to_bytes()),
                ..KeptGroup::default()
            },
        }
    }
}

/// A label.
#[derive(Debug)]
pub(super) struct Label {
    /// Its epoch.
    pub(super) epoch: u64,
    /// The threshold of its group.
    pub(super) threshold: u32,
    /// Its texts, the outermost first.
    pub(super) texts: Vec<String>,
    /// What is stored of it; unknown until somebody asks.
    pub(super) stored: Option<Counts>,
    /// What the batch adds.
    pub(super) added: Counts,
}

impl Label {
    fn path(&self) -> String {
        Value::from(self.texts.clone()).to_string()
    }

    /// What the batch changes of it.
    pub(super) fn change(&self, id: LabelId) -> LabelChange {
        LabelChange {
            id,
            epoch: self.epoch,
            threshold: self.threshold,
            path: self.path(),
            added: self.added,
        }
    }
}

/// What is remembered.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) groups: HashMap<GroupId, Group>,
    pub(super) labels: HashMap<LabelId, Label>,
    /// About how many bytes all of it takes. Whoever alters ciphertexts makes as many labels as he likes.
    pub(super) bytes: usize,
}

impl Known {
    /// Remembers a group that is met for the first time.
    pub(super) fn meet(&mut self, id: GroupId, group: Group) {
        if let Entry::Vacant(place) = self.groups.entry(id) {
            place.insert(group);
            self.bytes += GROUP_BYTES;
        }
    }

    /// Remembers a label that is not known yet.
    pub(super) fn add_label(&mut self, id: LabelId, label: Label) {
        // In memory and in the open group; and its path, which has six bytes for one that must be escaped.
        let texts: usize = label.texts.iter().map(String::len).sum();
        self.bytes += LABEL_BYTES + 2 * texts + label.path().len();
        self.labels.insert(id, label);
    }

    /// Goes on after a batch that was stored: what it added is stored now. What takes more than `bytes_max` is forgotten.
    pub(super) fn settle(&mut self, bytes_max: usize) {
        for label in self.labels.values_mut() {
            let added = std::mem::take(&mut label.added);
            if let Some(stored) = &mut label.stored {
                stored.opened += added.opened;
                stored.deeper += added.deeper;
                stored.reported += added.reported;
            }
        }
        if self.bytes > bytes_max {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_without_end_are_forgotten_after_a_batch() {
        let label = Label {
            epoch: 7,
            threshold: 50,
            texts: vec!["q|yes".to_owned()],
            stored: None,
            added: Counts::default(),
        };
        let mut known = Known::default();
        known.add_label(LabelId([1; 16]), label);
        let bytes = known.bytes;
        assert!(bytes > "q|yes".len());

        known.settle(bytes);
        assert_eq!(known.labels.len(), 1);
        known.settle(bytes - 1);

        assert!(known.labels.is_empty());
        assert_eq!(known.bytes, 0);
    }
}
