//! Messages on their way to a layer.

use std::collections::{HashMap, hash_map::Entry};

use crate::domain::{body::Body, group::GroupId};

/// Messages of a layer by group, in the order of the groups' names, which is that of the tables.
pub(super) type Arrivals = Vec<(GroupId, Vec<Body>)>;

/// Messages that are being sorted into groups.
#[derive(Default)]
pub(super) struct Gathering(HashMap<GroupId, Vec<Body>>);

impl Gathering {
    /// Adds a message of a group, and says whether it is the first.
    pub(super) fn add(&mut self, id: GroupId, body: Body) -> bool {
        match self.0.entry(id) {
            Entry::Occupied(mut group) => {
                group.get_mut().push(body);
                false
            }
            Entry::Vacant(group) => {
                group.insert(vec![body]);
                true
            }
        }
    }

    /// All of them.
    pub(super) fn arrivals(self) -> Arrivals {
        let mut arrivals: Arrivals = self.0.into_iter().collect();
        arrivals.sort_unstable_by_key(|(id, _)| *id);
        arrivals
    }
}
