//! The grammar of channels, from both sides: everything that is made by it is taken, and what comes of
//! one change is judged by a second description of the rules.

use proptest::{prelude::*, sample::select};

use super::*;

/// Public suffixes of each sort: of one label and of several, by a wildcard (`*.ck`), private, in A-labels.
const SUFFIXES: [&str; 7] = [
    "com",
    "co.uk",
    "de",
    "org",
    "shop.ck",
    "github.io",
    "xn--p1ai",
];

/// Names that an exception of the list makes registrable (`!www.ck`, `!city.kawasaki.jp`).
const EXCEPTIONS: [&str; 2] = ["www.ck", "city.kawasaki.jp"];

/// A label, and text that is nearly one. Those of two to five letters might be suffixes of their own.
const NEARLY_A_LABEL: &str = "[a-z0-9]|[a-z0-9-]{6,65}|xn--[a-z0-9]{4,12}";

const NEARLY_AN_ID: &str = "[A-Za-z0-9_-]{0,3}|[A-Za-z0-9_-]{62,66}|[A-Za-z0-9_.:#/ é-]{1,8}";

/// What a label is, said in another way than the code says it.
fn is_label_by_the_book(label: &str) -> bool {
    let characters: Vec<char> = label.chars().collect();
    let hyphens = |at: usize| characters.get(at) == Some(&'-');
    let all_fit = characters
        .iter()
        .all(|one| "abcdefghijklmnopqrstuvwxyz0123456789-".contains(*one));
    let reserved = hyphens(2) && hyphens(3) && characters[..2] != ['x', 'n'];
    all_fit
        && matches!(characters.len(), 1..64)
        && !hyphens(0)
        && !label.ends_with('-')
        && !reserved
}

fn domain() -> impl Strategy<Value = String> {
    let label = NEARLY_A_LABEL.prop_filter("a label", |label| is_label_by_the_book(label));
    let made = (label, select(&SUFFIXES)).prop_map(|(label, suffix)| format!("{label}.{suffix}"));
    prop_oneof![9 => made, 1 => select(&EXCEPTIONS).prop_map(str::to_owned)]
}

fn account() -> impl Strategy<Value = String> {
    (select(&PROVIDERS), select(&KINDS), "[A-Za-z0-9_-]{1,64}")
        .prop_map(|(provider, kind, id)| format!("{provider}#{kind}:{id}"))
}

/// Channels of every sort that the grammar makes.
pub(crate) fn channel() -> impl Strategy<Value = String> {
    prop_oneof![domain(), account()]
}

fn is_taken(channel: &str) -> bool {
    channel.parse::<Publisher>().is_ok()
}

proptest! {
    #[test]
    fn what_the_grammar_makes_is_taken_as_it_is(channel in channel()) {
        let publisher = channel.parse::<Publisher>().unwrap();
        prop_assert_eq!(publisher.as_str(), &channel);
        prop_assert_eq!(&Publisher::taken(&channel).unwrap(), &publisher);
        // Nothing in it needs escaping: the text of a vote is built on that.
        prop_assert_eq!(serde_json::to_string(&publisher).unwrap(), format!("\"{channel}\""));
    }

    #[test]
    fn a_domain_is_taken_if_its_label_is_one(label in NEARLY_A_LABEL, suffix in select(&SUFFIXES)) {
        let expected = is_label_by_the_book(&label);
        prop_assert_eq!(is_taken(&format!("{label}.{suffix}")), expected);
    }

    #[test]
    fn no_other_spelling_of_a_domain_and_no_name_above_or_below_it_is_taken(domain in domain(), at in any::<usize>()) {
        let at = at % domain.len();
        let (before, after) = domain.split_at(at);
        let upper: String = before.chars().chain(after.chars().take(1).map(|c| c.to_ascii_uppercase())).chain(after.chars().skip(1)).collect();
        prop_assert_eq!(is_taken(&upper), upper == domain);
        for other in [
            format!("www.{domain}"),
            format!("{domain}."),
            format!(".{domain}"),
            format!("{domain}.made-up-suffix"),
            format!("{domain}/"),
            format!("{domain}:443"),
            format!("{domain}#user:x"),
            format!("-{domain}"),
            format!("{}{domain}", "a".repeat(64)),
        ] {
            prop_assert!(!is_taken(&other), "{}", other);
        }
        for inserted in ["é", "_", " ", "\"", "\\", "\0", "\u{ad}", "%", "@"] {
            let other = format!("{before}{inserted}{after}");
            prop_assert!(!is_taken(&other), "{}", other);
        }
    }

    #[test]
    fn a_suffix_is_no_publisher(suffix in select(&SUFFIXES)) {
        prop_assert!(!is_taken(suffix));
    }

    #[test]
    fn an_account_is_taken_if_each_part_of_it_is_on_its_list(
        provider in "youtube|twitch|twitter|reddit|vimeo|github|Github|git|",
        kind in "channel|author|user|User|playlist|",
        id in NEARLY_AN_ID,
    ) {
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
        let expected = ["youtube", "twitch", "twitter", "reddit", "vimeo", "github"].contains(&provider.as_str())
            && ["channel", "author", "user"].contains(&kind.as_str())
            && matches!(id.chars().count(), 1..65)
            && id.chars().all(|one| letters.contains(one));
        let text = format!("{provider}#{kind}:{id}");
        prop_assert_eq!(is_taken(&text), expected);
        prop_assert_eq!(Publisher::taken(&text).is_ok(), expected);
    }
}

#[test]
fn the_longest_id_and_the_longest_name_are_taken_and_longer_ones_are_not() {
    let account = |length| format!("github#user:{}", "a".repeat(length));
    assert!(is_taken(&account(64)) && !is_taken(&account(65)));

    let name = |rest: &str| format!("{}{rest}com", "a.".repeat(124));
    let (longest, longer) = (name("a."), name("ab."));
    assert_eq!((longest.len(), longer.len()), (253, 254));
    assert!(Publisher::taken(&longest).is_ok() && Publisher::taken(&longer).is_err());
}
