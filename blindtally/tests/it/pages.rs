//! The pages stay true: what they name is there, and what is there they name.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace is one folder up")
}

/// What stands between backquotes in a page.
fn quoted(page: &str) -> impl Iterator<Item = &str> {
    page.split('`').skip(1).step_by(2)
}

/// The tables that the migrations of every database and engine create.
fn tables() -> Vec<String> {
    let mut tables = Vec::new();
    for database in fs::read_dir(root().join("migrations")).unwrap() {
        for engine in fs::read_dir(database.unwrap().path()).unwrap() {
            for migration in fs::read_dir(engine.unwrap().path()).unwrap() {
                let sql = fs::read_to_string(migration.unwrap().path()).unwrap();
                // A partition goes by the rule of its table.
                let created = sql
                    .lines()
                    .filter_map(|line| line.strip_prefix("CREATE TABLE "))
                    .filter(|rest| !rest.contains(" PARTITION OF "));
                tables.extend(created.map(|rest| {
                    let name = rest.trim_start_matches("IF NOT EXISTS ");
                    let end = name.find([' ', '(']).unwrap_or(name.len());
                    name.split_at(end).0.to_owned()
                }));
            }
        }
    }
    tables
}

#[test]
fn every_path_on_the_walk_of_a_vote_exists() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let services = [
        "",
        "payments/src",
        "challenge-bypass/src",
        "tally/src",
        "star-collector/src",
    ];
    let mut checked = 0;
    let is_path = |name: &&str| {
        name.ends_with('/') || Path::new(name).extension().is_some_and(|kind| kind == "rs")
    };
    for path in quoted(&page).filter(is_path) {
        // Within a paragraph about a service, paths start at its sources.
        let found = services
            .iter()
            .any(|service| root().join(service).join(path).exists());
        assert!(
            found || path == "contract.rs",
            "{path} is named and not there"
        );
        checked += 1;
    }
    assert!(checked > 25, "only {checked} paths were found on the page");
}

#[test]
fn every_table_has_its_retention_rule() {
    let page = fs::read_to_string(root().join("docs/data-retention.md")).unwrap();
    let named: Vec<_> = quoted(&page)
        .map(|name| name.split_once('.').map_or(name, |(table, _)| table))
        .collect();
    let tables = tables();
    assert!(tables.len() > 25, "only {} tables were found", tables.len());
    for table in tables {
        assert!(
            named.contains(&table.as_str()),
            "{table} has no retention rule"
        );
    }
}

/// The sections of the contracts that the source files of a folder cite, each with one file that does.
fn cited(folder: &Path, sections: &mut BTreeMap<u32, PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            cited(&path, sections);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            for rest in text.split("contracts §").skip(1) {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                if let Ok(section) = digits.parse() {
                    sections.insert(section, path.clone());
                }
            }
        }
    }
}

#[test]
fn every_section_of_the_contracts_that_code_cites_is_on_the_page() {
    let page = fs::read_to_string(root().join("docs/contracts.md")).unwrap();
    let mut sections = BTreeMap::new();
    for folder in [
        "payments",
        "challenge-bypass",
        "tally",
        "star-collector",
        "crates",
    ] {
        cited(&root().join(folder), &mut sections);
    }
    assert!(sections.len() > 4, "only {sections:?} are cited");
    for (section, file) in sections {
        assert!(
            page.contains(&format!("\n## {section} ")),
            "{} cites §{section}",
            file.display()
        );
    }
}

/// What is missing of these is installed for `./test`, by the names of the packages, and how pages call them.
const INSTALLED: [(&str, &str); 8] = [
    ("curl", "npm and curl"),
    ("default-jre-headless", "Java"),
    ("libssl-dev", "the headers of OpenSSL"),
    ("maven", "Maven"),
    ("npm", "npm and curl"),
    ("openssl", "OpenSSL,"),
    ("postgresql", "PostgreSQL"),
    ("zlib1g-dev", "zlib"),
];

#[test]
fn whoever_reads_how_to_test_learns_what_is_installed_for_it() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let test = read("test");
    let install = read("deploy/engines/install");
    let (_, programs) = test.split_once("\n    deploy/engines/install ").unwrap();
    let programs = programs.lines().next().unwrap().split(' ');
    let packages = install.split("packages+=(").skip(1);
    let packages = packages.map(|rest| rest.split_once(')').unwrap().0);
    // What stands in quotes is what it was called with.
    let packages = packages.filter(|package| !package.starts_with('"'));
    let mut installed: Vec<_> = packages.chain(programs).collect();
    installed.sort_unstable();

    assert_eq!(installed, INSTALLED.map(|(package, _)| package));
    let (head, _) = test.split_once("set -euo").unwrap();
    for page in [head, &read("README.md")] {
        let page = page.replace("\n# ", " ").replace('\n', " ");
        for (_, words) in INSTALLED {
            assert!(page.contains(words), "{words} is not in {page}");
        }
    }
}
