//! The items of the threat model.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::sources::Sources;

/// All items, in the order of the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// The items.
    pub item: Vec<Item>,
}

/// One thing that is wanted, feared, or stated.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Such as `T7`.
    pub id: String,
    /// What sort of item it is.
    pub kind: Kind,
    /// What it is about, in a few words.
    pub title: String,
    /// What is claimed, in one paragraph.
    pub claim: String,
    /// The tests that attack it.
    #[serde(default)]
    pub tests: Vec<String>,
    /// The same attacks on a system with the fault planted: they pass when the attack succeeds.
    #[serde(default)]
    pub controls: Vec<String>,
    /// What cannot be tested yet, and which capability that waits for.
    pub pending: Option<String>,
    /// Whether its tests attack real engines, and so are not there without them.
    #[serde(default)]
    pub engines: bool,
}

/// The sorts of items.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// What the system is for.
    Goal,
    /// Stated, and not tested.
    OutOfScope,
    /// A protection that was asked for by name.
    Protection,
    /// Where an attacker can touch the system.
    Surface,
    /// What an attacker does.
    Threat,
    /// A moment that might tell who somebody is.
    Timing,
    /// A condition for votes not to be linked to purchases.
    Unlinkability,
}

impl Register {
    /// Reads the register of the package at `root`.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let path = root.join("threats.toml");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        toml::from_str(&text).with_context(|| path.display().to_string())
    }

    /// The packages whose tests are named, besides this one.
    pub fn packages(&self) -> BTreeSet<String> {
        let named = self.named().filter_map(|test| test.split_once('/'));
        named.map(|(package, _)| package.to_owned()).collect()
    }

    /// What is wrong with the register, in sentences; nothing when it is sound.
    pub fn faults(&self, sources: &Sources) -> Vec<String> {
        let mut faults = Vec::new();
        let mut ids = BTreeSet::new();
        for item in &self.item {
            if !ids.insert(&item.id) {
                faults.push(format!("{} is there twice", item.id));
            }
            faults.extend(item.faults());
        }
        for test in self.named().filter(|test| !sources.has(test)) {
            faults.push(format!("there is no test {test}"));
        }
        let named: BTreeSet<&str> = self.named().collect();
        for test in sources.own().filter(|test| !named.contains(test)) {
            faults.push(format!("no item names the test {test}"));
        }
        faults
    }

    fn named(&self) -> impl Iterator<Item = &str> {
        self.item.iter().flat_map(Item::named)
    }
}

impl Item {
    /// The item's tests and controls.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.tests.iter().chain(&self.controls).map(String::as_str)
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut fault = |text: &str| faults.push(format!("{} {text}", self.id));
        if self.claim.trim().is_empty() || self.claim.trim().contains('\n') {
            fault("needs a claim of one paragraph");
        }
        if self
            .pending
            .as_ref()
            .is_some_and(|text| text.trim().is_empty())
        {
            fault("is pending and does not say for what");
        }
        if self.kind == Kind::OutOfScope {
            if self.named().next().is_some() {
                fault("is out of scope and has tests");
            }
            return faults;
        }
        match (self.tests.is_empty(), self.controls.is_empty()) {
            (true, true) if self.pending.is_none() => fault("has no test and is not pending"),
            (true, false) => fault("has a control and no test"),
            (false, true) => fault("has a test and no control"),
            (false, false) | (true, true) => {}
        }
        faults
    }
}
