//! Which tests exist, read from the sources.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

/// The tests of this package, and those of other packages that were asked for.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    own: BTreeSet<String>,
    others: BTreeMap<String, BTreeSet<String>>,
}

/// The file whose tests are about the register itself, and so in none of its items.
const ABOUT_THE_REGISTER: &str = "register.rs";

impl Sources {
    /// Reads the sources of the package at `root`, and of `packages` in the workspace around it.
    pub fn read(root: &Path, packages: &BTreeSet<String>) -> io::Result<Self> {
        let mut files = rust_files(&root.join("tests"))?;
        files.retain(|file| !file.ends_with(ABOUT_THE_REGISTER));
        let mut sources = Self {
            own: tests_in(&files)?,
            others: BTreeMap::new(),
        };
        let workspace = root.parent().unwrap_or(root);
        for package in packages {
            let places = [
                workspace.join(package),
                workspace.join("crates").join(package),
                root.join(package.trim_start_matches("vote-")),
            ];
            let mut found = BTreeSet::new();
            for place in places.iter().filter(|place| place.is_dir()) {
                found.extend(tests_in(&rust_files(place)?)?);
            }
            sources.others.insert(package.clone(), found);
        }
        Ok(sources)
    }

    /// A set of sources, for tests of what is done with them.
    pub fn of(own: &[&str]) -> Self {
        Self {
            own: own.iter().map(|name| (*name).to_owned()).collect(),
            others: BTreeMap::new(),
        }
    }

    /// Whether there is a test of that name.
    pub fn has(&self, test: &str) -> bool {
        match test.split_once('/') {
            None => self.own.contains(test),
            Some((package, name)) => {
                let package = self.others.get(package);
                package.is_some_and(|tests| tests.contains(name))
            }
        }
    }

    /// The tests of this package, apart from those about the register.
    pub fn own(&self) -> impl Iterator<Item = &str> {
        self.own.iter().map(String::as_str)
    }
}

fn rust_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                files.push(path);
            }
        }
    }
    Ok(files)
}

fn tests_in(files: &[PathBuf]) -> io::Result<BTreeSet<String>> {
    let mut tests = BTreeSet::new();
    for file in files {
        tests.extend(tests_of(&fs::read_to_string(file)?));
    }
    Ok(tests)
}

/// The functions that have a test attribute right above them, perhaps with other attributes between.
fn tests_of(source: &str) -> Vec<String> {
    let mut tests = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(name) = function_name(line) {
            if is_test {
                tests.push(name.to_owned());
            }
            is_test = false;
        }
    }
    tests
}

fn function_name(line: &str) -> Option<&str> {
    let line = line.strip_prefix("async ").unwrap_or(line);
    let (name, _) = line.strip_prefix("fn ")?.split_once('(')?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_told_from_what_only_serves_them() {
        let source = "
            fn helper() {}
            #[tokio::test(flavor = \"multi_thread\")]
            #[expect(clippy::too_many_lines, reason = \"…\")]
            async fn a_promise_is_kept() {}
            async fn another_helper(n: u8) {}
            #[test]
            fn a_sentence() {}";

        assert_eq!(tests_of(source), ["a_promise_is_kept", "a_sentence"]);
    }
}
