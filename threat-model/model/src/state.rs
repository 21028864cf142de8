//! What there is at one moment: databases, the log, and what processes have in memory.

/// The most tokens of all clients together.
pub(crate) const TOKENS_MAX: u8 = 4;

/// The most different votes that the clients can ask for.
pub(crate) const VOTES_MAX: u8 = 6;

/// How often another process may become the relay.
pub(crate) const LEASE_EPOCHS: u8 = 3;

/// A set of small numbers: votes, tokens or positions.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Set(pub(crate) u8);

impl Set {
    pub(crate) fn has(self, item: u8) -> bool {
        self.0 >> item & 1 == 1
    }

    pub(crate) fn add(&mut self, item: u8) {
        self.0 |= 1 << item;
    }

    pub(crate) fn items(self) -> impl Iterator<Item = u8> {
        (0..8).filter(move |item| self.has(*item))
    }
}

/// A list of votes: one per position or offset.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Line([Option<u8>; VOTES_MAX as usize]);

impl Line {
    pub(crate) fn at(&self, place: u8) -> Option<u8> {
        self.0.get(usize::from(place)).copied().flatten()
    }

    pub(crate) fn put(&mut self, place: u8, vote: u8) {
        let cell = self.0.get_mut(usize::from(place));
        *cell.expect("no run makes more rows than there are votes") = Some(vote);
    }

    /// Forgets the first `count` places.
    pub(crate) fn shift(&mut self, count: u8) {
        let mut shifted = Self::default();
        for (place, vote) in self.iter() {
            if let Some(place) = place.checked_sub(count) {
                shifted.put(place, vote);
            }
        }
        *self = shifted;
    }

    /// Every place that holds a vote.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u8, u8)> {
        (0..VOTES_MAX).filter_map(|place| Some((place, self.at(place)?)))
    }
}

/// How far a request for a vote has come.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Step {
    Unknown,
    /// Only with [`crate::Fault::PublishBeforeRedeem`]: the row is written.
    RecordedFirst,
    Redeemed,
    /// Only with [`crate::Fault::SerialAtInsert`]: inserted with this position, not yet committed.
    Inserted(u8),
}

/// A vote that payments works on.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Request {
    pub(crate) vote: u8,
    pub(crate) step: Step,
}

/// What a relay's process has in memory.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Relay {
    Idle,
    /// It was given the lease in this epoch.
    Leased {
        epoch: u8,
    },
    /// Rows below `to` were published.
    Published {
        epoch: u8,
        fenced: bool,
        to: u8,
    },
    /// Published rows are deleted; what comes next has positions from `from` on.
    Deleted {
        epoch: u8,
        fenced: bool,
        from: u8,
    },
    /// Waiting rows were given positions.
    Placed {
        epoch: u8,
        fenced: bool,
        from: u8,
    },
    /// It has read the rows at the positions in `batch`.
    Ready {
        epoch: u8,
        fenced: bool,
        from: u8,
        batch: u8,
    },
}

impl Relay {
    /// Another publisher was opened.
    pub(crate) fn fence(&mut self) {
        match self {
            Self::Idle | Self::Leased { .. } => {}
            Self::Published { fenced, .. }
            | Self::Deleted { fenced, .. }
            | Self::Placed { fenced, .. }
            | Self::Ready { fenced, .. } => *fenced = true,
        }
    }
}

/// What a consumer's process has in memory.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Consumer {
    Idle,
    Read {
        from: u8,
        to: u8,
    },
    /// Only with [`crate::Fault::OffsetsApart`]: the effect is written, the offset is not.
    Applied {
        to: u8,
    },
}

/// A state of the pipeline.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct State {
    /// challenge-bypass: the vote that each token was spent on.
    pub(crate) spent: [Option<u8>; TOKENS_MAX as usize],
    /// payments: the vote ids.
    pub(crate) known: Set,
    /// payments: outbox rows without a position.
    pub(crate) waiting: Set,
    /// payments: outbox rows by position. What was deleted is remembered, and lies below `deleted_to`.
    pub(crate) placed: Line,
    pub(crate) deleted_to: u8,
    pub(crate) counter: u8,
    pub(crate) lease_epoch: u8,
    /// The log: events by offset, how many, and the publisher's position.
    pub(crate) log: Line,
    pub(crate) log_end: u8,
    pub(crate) published_to: u8,
    /// tally: the next offset, and how often each vote had its effect.
    pub(crate) next: u8,
    pub(crate) counted: [u8; VOTES_MAX as usize],
    /// What only the model knows: the votes whose clients were told that they will be counted.
    pub(crate) accepted: Set,
    pub(crate) requests: [Option<Request>; 2],
    pub(crate) relays: [Relay; 2],
    pub(crate) consumers: [Consumer; 2],
}

impl State {
    pub(crate) fn fresh() -> Self {
        Self {
            spent: [None; TOKENS_MAX as usize],
            known: Set::default(),
            waiting: Set::default(),
            placed: Line::default(),
            deleted_to: 0,
            counter: 0,
            lease_epoch: 0,
            log: Line::default(),
            log_end: 0,
            published_to: 0,
            next: 0,
            counted: [0; VOTES_MAX as usize],
            accepted: Set::default(),
            requests: [None; 2],
            relays: [Relay::Idle; 2],
            consumers: [Consumer::Idle; 2],
        }
    }

    pub(crate) fn counted(&self, vote: u8) -> u8 {
        self.counted.get(usize::from(vote)).copied().unwrap_or(0)
    }
}
