//! The text that a vote's credentials sign.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::publisher::{InvalidChannel, Publisher};

/// What moved the client to vote.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum VoteType {
    /// A share of a month's attention.
    AutoContribute,
    /// A single tip.
    OneoffTip,
    /// A tip that is given every month.
    RecurringTip,
}

impl VoteType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AutoContribute, Self::OneoffTip, Self::RecurringTip];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AutoContribute => "auto-contribute",
            Self::OneoffTip => "oneoff-tip",
            Self::RecurringTip => "recurring-tip",
        }
    }
}

impl FromStr for VoteType {
    type Err = InvalidVoteText;

    fn from_str(text: &str) -> Result<Self, InvalidVoteText> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(InvalidVoteText::Type)
    }
}

/// A vote: a kind, and the publisher it is for.
///
/// Its text is exactly `{"channel":"…","type":"…"}`. One vote has one text, so nothing can hide in
/// spaces, escapes, the order of members or further members (U3).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct VoteText {
    /// Whom the vote is for.
    pub publisher: Publisher,
    /// Why it is cast.
    pub kind: VoteType,
}

impl VoteText {
    /// Reads the base64 that a vote request carries: of up to `bytes_max` bytes.
    ///
    /// Of the channel the form is checked ([`Publisher::taken`]): the vote may be the repeat of one that was begun
    /// before the list of public suffixes changed. Of a new one, ask [`Publisher::is_listed`].
    pub fn from_base64(text: &str, bytes_max: usize) -> Result<Self, InvalidVoteText> {
        let bytes = STANDARD.decode(text).map_err(|_| InvalidVoteText::Form)?;
        if bytes.len() > bytes_max {
            return Err(InvalidVoteText::Form);
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| InvalidVoteText::Form)?;
        Self::read(text, Publisher::taken)
    }

    fn read(
        text: &str,
        publisher: fn(&str) -> Result<Publisher, InvalidChannel>,
    ) -> Result<Self, InvalidVoteText> {
        // The grammar of channels and types has no character that JSON escapes, so splitting the
        // text finds the same members as a JSON parser would, and nothing else fits.
        let members = text
            .strip_prefix(r#"{"channel":""#)
            .and_then(|rest| rest.strip_suffix(r#""}"#))
            .and_then(|rest| rest.split_once(r#"","type":""#));
        let (channel, kind) = members.ok_or(InvalidVoteText::Form)?;
        Ok(Self {
            publisher: publisher(channel).map_err(|_| InvalidVoteText::Channel)?,
            kind: kind.parse()?,
        })
    }

    /// The base64 that a vote request carries: the payload that every credential signs.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.to_string())
    }
}

impl fmt::Display for VoteText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (channel, kind) = (&self.publisher, self.kind.as_str());
        write!(f, r#"{{"channel":"{channel}","type":"{kind}"}}"#)
    }
}

/// Why a text is no vote.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidVoteText {
    /// The channel is not in the grammar.
    #[error("the channel is not a registrable domain or <provider>#<kind>:<id>")]
    Channel,
    /// It is not base64 of the one form that votes have.
    #[error(r#"a vote is the base64 of {{"channel":"…","type":"…"}} and nothing else"#)]
    Form,
    /// The type is unknown.
    #[error("a vote's type is auto-contribute, oneoff-tip or recurring-tip")]
    Type,
}

impl FromStr for VoteText {
    type Err = InvalidVoteText;

    fn from_str(text: &str) -> Result<Self, InvalidVoteText> {
        Self::read(text, str::parse)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::publisher::grammar_tests::channel;

    #[test]
    fn a_vote_that_a_browser_sent_is_read() {
        let sent = "eyJjaGFubmVsIjoiZHVja2R1Y2tnby5jb20iLCJ0eXBlIjoiYXV0by1jb250cmlidXRlIn0=";
        let vote = VoteText::from_base64(sent, 512).unwrap();
        assert_eq!(vote.publisher.as_str(), "duckduckgo.com");
        assert_eq!(vote.kind, VoteType::AutoContribute);
        assert_eq!(vote.to_base64(), sent);
    }

    #[test]
    fn every_other_form_is_refused() {
        for (text, why) in [
            (
                r#"{"channel":"example.com", "type":"oneoff-tip"}"#,
                InvalidVoteText::Form,
            ),
            (
                r#"{"type":"oneoff-tip","channel":"example.com"}"#,
                InvalidVoteText::Form,
            ),
            (
                r#"{"channel":"example.com","type":"oneoff-tip","orderId":"1"}"#,
                InvalidVoteText::Type,
            ),
            (
                r#"{"channel":"ex\u0061mple.com","type":"oneoff-tip"}"#,
                InvalidVoteText::Channel,
            ),
            (
                r#"{"channel":"Example.com","type":"oneoff-tip"}"#,
                InvalidVoteText::Channel,
            ),
            (
                r#"{"channel":"example.com","type":"Oneoff-Tip"}"#,
                InvalidVoteText::Type,
            ),
            ("{}", InvalidVoteText::Form),
            ("", InvalidVoteText::Form),
        ] {
            assert_eq!(
                VoteText::from_base64(&STANDARD.encode(text), 512),
                Err(why),
                "{text}"
            );
        }
        for text in ["!".to_owned(), STANDARD.encode([0xFF])] {
            assert_eq!(
                VoteText::from_base64(&text, 512),
                Err(InvalidVoteText::Form)
            );
        }
    }

    #[test]
    fn a_channel_that_is_not_listed_is_read_of_a_request_and_refused_of_a_new_text() {
        let text = r#"{"channel":"www.example.com","type":"oneoff-tip"}"#;

        let vote = VoteText::from_base64(&STANDARD.encode(text), 512).unwrap();

        assert!(!vote.publisher.is_listed());
        assert_eq!(text.parse::<VoteText>(), Err(InvalidVoteText::Channel));
    }

    #[test]
    fn a_text_is_as_long_as_allowed_and_no_longer() {
        let text = r#"{"channel":"example.com","type":"oneoff-tip"}"#;
        let read = |bytes_max| VoteText::from_base64(&STANDARD.encode(text), bytes_max);

        assert!(read(text.len()).is_ok());
        assert_eq!(read(text.len() - 1), Err(InvalidVoteText::Form));
    }

    /// A vote's text by a JSON parser: two members, written without a space or an escape, in this order.
    fn is_vote_by_the_book(text: &str) -> bool {
        let Ok(members) = serde_json::from_str::<BTreeMap<String, String>>(text) else {
            return false;
        };
        let types = ["auto-contribute", "oneoff-tip", "recurring-tip"];
        let member = |name| members.get(name).map(String::as_str);
        members.len() == 2
            && member("type").is_some_and(|kind| types.contains(&kind))
            && member("channel").is_some_and(|channel| channel.parse::<Publisher>().is_ok())
            && serde_json::to_string(&members).unwrap() == text
    }

    fn text() -> impl Strategy<Value = String> {
        (channel(), "auto-contribute|oneoff-tip|recurring-tip")
            .prop_map(|(channel, kind)| format!(r#"{{"channel":"{channel}","type":"{kind}"}}"#))
    }

    #[test]
    fn every_other_base64_of_a_vote_is_refused() {
        // Of a length that is padded, so that there are bits to hide something in.
        let good = STANDARD.encode(r#"{"channel":"named.com","type":"oneoff-tip"}"#);
        assert!(VoteText::from_base64(&good, 512).is_ok() && good.ends_with("fQ=="));
        for other in [
            good.replace("fQ==", "fQ"),
            good.replace("fQ==", "fQ="),
            good.replace("fQ==", "fR=="),
            format!("{good}="),
            format!("{good}\n"),
            format!(" {good}"),
            format!("{}\r\n{}", &good[..8], &good[8..]),
        ] {
            assert_eq!(
                VoteText::from_base64(&other, 512),
                Err(InvalidVoteText::Form),
                "{other:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_the_grammar_makes_is_read_and_is_the_one_text_of_its_vote(text in text()) {
            let vote = text.parse::<VoteText>().unwrap();
            prop_assert_eq!(vote.to_string(), &text[..]);
            prop_assert_eq!(VoteText::from_base64(&vote.to_base64(), 512), Ok(vote));
            prop_assert!(is_vote_by_the_book(&text));
        }

        #[test]
        fn a_changed_text_is_read_if_a_parser_of_json_finds_the_same(
            text in text(), at in any::<usize>(), removed in 0_usize..2, inserted in "[ -~]?|[ \"\\\\:,{}]|.|\\\\u0061"
        ) {
            // All of the text is ASCII.
            let at = at % (text.len() + 1);
            let changed = format!("{}{inserted}{}", &text[..at], &text[text.len().min(at + removed)..]);
            prop_assert_eq!(changed.parse::<VoteText>().is_ok(), is_vote_by_the_book(&changed), "{}", changed);
        }

        #[test]
        fn no_two_base64_texts_are_the_same_vote(text in text(), at in any::<usize>(), removed in 0_usize..2, inserted in "[ -~\n]?") {
            let good = STANDARD.encode(&text);
            let at = at % (good.len() + 1);
            let changed = format!("{}{inserted}{}", &good[..at], &good[good.len().min(at + removed)..]);
            if let Ok(vote) = VoteText::from_base64(&changed, 512) {
                prop_assert_eq!(vote.to_base64(), changed);
            }
        }
    }
}
