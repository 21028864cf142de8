//! Opening the messages of open groups.

use std::collections::{BTreeMap, HashSet};

use super::{
    gathering::{Arrivals, Gathering},
    known::{Label, Open, State},
    round::{GivenUp, Round},
    store::{Counts, Rejection, Result},
};
use crate::domain::{
    body::Body,
    group::{GroupId, LabelId, SeenId},
    wire::{LAYER_KEY_BYTES, Point},
};

impl Round<'_> {
    /// Of the messages of open groups, leaves those whose point is on the polynomial, each point once.
    pub(super) fn sort_out(&mut self, arrivals: &mut Arrivals) {
        let (mut forged, mut duplicate) = (0, 0);
        for (id, bodies) in arrivals {
            let Some(State::Open(open)) = self.known.groups.get(id).map(|group| &group.state)
            else {
                continue;
            };
            let points: Vec<Point> = bodies.iter().map(Body::point).collect();
            let mut honest = (self.rules.honest)(&open.secret, &points).into_iter();
            // A polynomial has one y for each x.
            let mut known = HashSet::with_capacity(bodies.len());
            bodies.retain(|body| {
                let is_honest = honest.next().unwrap_or(false);
                let is_first = is_honest && known.insert(body.point().x);
                forged += u64::from(!is_honest);
                duplicate += u64::from(is_honest && !is_first);
                is_first
            });
        }
        self.tally.reject(Rejection::Forged, forged);
        self.tally.reject(Rejection::Duplicate, duplicate);
    }

    /// Of the messages of open outer groups, leaves those that were not counted before.
    pub(super) async fn drop_replays(&mut self, arrivals: &mut Arrivals) -> Result<()> {
        let mut of_epochs: BTreeMap<u64, Vec<SeenId>> = BTreeMap::new();
        for (id, bodies) in arrivals.iter() {
            let epoch = self.known.groups.get(id).map_or(0, |group| group.epoch);
            let ids = bodies.iter().map(|body| SeenId::of(id, body.point()));
            of_epochs.entry(epoch).or_default().extend(ids);
        }
        let mut seen = HashSet::new();
        for (epoch, mut ids) in of_epochs {
            // In the order of the table: each page is read once.
            ids.sort_unstable();
            seen.extend(self.store.seen(self.pressure.slot, epoch, &ids).await?);
            let new = ids.into_iter().filter(|id| !seen.contains(id));
            self.changes.seen.extend(new.map(|id| (epoch, id)));
        }
        if seen.is_empty() {
            return Ok(());
        }
        let mut replays = 0;
        for (id, bodies) in arrivals {
            bodies.retain(|body| {
                let is_new = !seen.contains(&SeenId::of(id, body.point()));
                replays += u64::from(!is_new);
                is_new
            });
        }
        self.tally.reject(Rejection::Duplicate, replays);
        Ok(())
    }

    /// Opens the messages of open groups of a layer, counts their texts, and answers with what they have below.
    pub(super) fn open(
        &mut self,
        arrivals: Arrivals,
        is_last: bool,
    ) -> std::result::Result<Arrivals, GivenUp> {
        let mut below = Gathering::default();
        for (id, bodies) in arrivals {
            let Some(group) = self.known.groups.get_mut(&id) else {
                continue;
            };
            if !matches!(group.state, State::Open(_)) {
                continue;
            }
            // Taken out while its messages are opened, which makes labels and groups.
            let State::Open(mut open) = std::mem::replace(&mut group.state, State::Unknown) else {
                continue;
            };
            let place = Place {
                id,
                epoch: group.epoch,
                threshold: group.threshold,
                parent: group.parent,
            };
            let opened = self.open_all(&mut open, place, bodies);
            self.count_above(place, size(opened.len()));
            if let Some(group) = self.known.groups.get_mut(&id) {
                group.state = State::Open(open);
            }
            if is_last {
                self.tally.complete += size(opened.len());
                continue;
            }
            for one in opened {
                let offset = one.body.offset();
                if let Err(reason) = self.descend(place, one, &mut below) {
                    self.bury(offset, reason);
                }
            }
            self.check_room()?;
        }
        Ok(below.arrivals())
    }

    /// Opens the messages of a group, and counts their texts.
    fn open_all(&mut self, open: &mut Open, place: Place, bodies: Vec<Body>) -> Vec<Opened> {
        let mut all = Vec::with_capacity(bodies.len());
        // A group has one text, unless somebody altered ciphertexts: it is looked up where it changes.
        let mut run: Option<(String, LabelId)> = None;
        let mut counted = 0;
        for mut body in bodies {
            let offset = body.offset();
            let Ok(plaintext) = body.open(&open.opener) else {
                self.bury(offset, Rejection::Unreadable);
                continue;
            };
            let known = run.as_ref().filter(|(text, _)| text == plaintext.text);
            let label = if let Some((_, label)) = known {
                *label
            } else {
                self.count_run(run.as_ref(), all.len() - counted);
                counted = all.len();
                let label = self.label(open, place, plaintext.text);
                run = Some((plaintext.text.to_owned(), label));
                label
            };
            let key = plaintext.next_key.copied();
            all.push(Opened { label, key, body });
        }
        self.count_run(run.as_ref(), all.len() - counted);
        all
    }

    /// Opens the next layer of a message.
    fn descend(
        &mut self,
        place: Place,
        opened: Opened,
        below: &mut Gathering,
    ) -> std::result::Result<(), Rejection> {
        let Opened {
            label,
            key,
            mut body,
        } = opened;
        let key = key.ok_or(Rejection::Inner)?;
        let layer = body.next(&self.layer_opener, &key);
        let layer = layer.map_err(|_| Rejection::Inner)?;
        if layer.share.sealed.threshold != place.threshold {
            return Err(Rejection::Inner);
        }
        let group = (self.rules.group)(&label.0, place.epoch, &layer);
        if below.add(group, body) {
            self.meet(group, place.epoch, place.threshold, Some(label));
        }
        Ok(())
    }

    /// Counts messages that have this text.
    fn count_run(&mut self, run: Option<&(String, LabelId)>, messages: usize) {
        let Some((_, id)) = run else {
            return;
        };
        if let Some(label) = self.known.labels.get_mut(id) {
            label.added.opened += size(messages);
        }
        self.touched.insert(*id);
    }

    /// Counts opened messages of a group at the label that the group is below.
    fn count_above(&mut self, place: Place, messages: u64) {
        let Some(parent) = place.parent else {
            self.tally.opened += messages;
            return;
        };
        if messages == 0 {
            return;
        }
        if let Some(label) = self.known.labels.get_mut(&parent) {
            label.added.deeper += messages;
        }
        self.touched.insert(parent);
    }

    /// The label of a text in a group.
    fn label(&mut self, open: &mut Open, place: Place, text: &str) -> LabelId {
        let known = open.labels.get(text).copied();
        let id = known.unwrap_or_else(|| (self.rules.label)(&place.id, text));
        if known.is_none() {
            open.labels.insert(text.to_owned(), id);
        }
        if !self.known.labels.contains_key(&id) {
            let above = place.parent.and_then(|id| self.known.labels.get(&id));
            let mut texts = above.map_or_else(Vec::new, |label| label.texts.clone());
            texts.push(text.to_owned());
            let label = Label {
                epoch: place.epoch,
                threshold: place.threshold,
                texts,
                stored: None,
                added: Counts::default(),
            };
            self.known.add_label(id, label);
        }
        id
    }
}

/// Where messages are opened.
#[derive(Clone, Copy)]
struct Place {
    id: GroupId,
    epoch: u64,
    threshold: u32,
    parent: Option<LabelId>,
}

/// A message whose open layer was opened.
struct Opened {
    /// Of its text.
    label: LabelId,
    /// Of its next layer.
    key: Option<[u8; LAYER_KEY_BYTES]>,
    body: Body,
}

pub(super) fn size(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
