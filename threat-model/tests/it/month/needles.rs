//! Finding many values in many bytes, in one pass.

use std::collections::{BTreeMap, HashMap};

/// The shortest value that is looked for.
pub(crate) const VALUE_BYTES_MIN: usize = 8;

/// A bit for each start of three bytes.
const STARTS: usize = 1 << 24;

/// Values to look for, each with a label.
pub(crate) struct Needles<L> {
    all: Vec<(Vec<u8>, L)>,
    by_start: HashMap<[u8; VALUE_BYTES_MIN], Vec<usize>>,
    starts: Vec<bool>,
}

/// Where each value was found first, by its label.
pub(crate) type Found<L> = BTreeMap<L, usize>;

impl<L: Clone + Ord> Needles<L> {
    pub(crate) fn new() -> Self {
        Self {
            all: Vec::new(),
            by_start: HashMap::new(),
            starts: vec![false; STARTS],
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Looks for these bytes, too. Shorter values than eight bytes are found anywhere by chance.
    pub(crate) fn add(&mut self, bytes: &[u8], label: &L) {
        let Some(start) = bytes.first_chunk::<VALUE_BYTES_MIN>() else {
            return;
        };
        self.starts[place(start)] = true;
        let of_start = self.by_start.entry(*start).or_default();
        if of_start.iter().all(|at| self.all[*at].0 != bytes) {
            of_start.push(self.all.len());
            self.all.push((bytes.to_vec(), label.clone()));
        }
    }

    /// Looks for a value in every way in which it can be written.
    pub(crate) fn add_forms(&mut self, value: &[u8], label: &L) {
        for form in crate::traces::forms(value) {
            self.add(&form, label);
        }
    }

    /// Where the bytes hold a value.
    pub(crate) fn find(&self, bytes: &[u8]) -> Found<L> {
        let mut found = BTreeMap::new();
        for at in 0..bytes.len().saturating_sub(VALUE_BYTES_MIN - 1) {
            if !self.starts[place(&bytes[at..])] {
                continue;
            }
            let here = &bytes[at..];
            let candidates = here
                .first_chunk()
                .and_then(|start| self.by_start.get(start));
            for candidate in candidates.into_iter().flatten() {
                let (value, label) = &self.all[*candidate];
                if here.starts_with(value) {
                    found.entry(label.clone()).or_insert(at);
                }
            }
        }
        found
    }
}

fn place(start: &[u8]) -> usize {
    usize::from(start[0]) << 16 | usize::from(start[1]) << 8 | usize::from(start[2])
}
