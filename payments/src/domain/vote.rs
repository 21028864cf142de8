//! A vote, from the request to the row that is published (contracts §2, votes).
//!
//! `VoteRequest` → [`Vote`] → [`RedeemedVote`]: the store takes nothing but the last, so a vote whose tokens were not
//! redeemed cannot be counted (threat T11).

use std::{collections::HashSet, fmt};

use messages::{
    FundingSource, KeyId, PublicKey,
    challenge_bypass::{RedemptionRequest, RedemptionResponse, RedemptionToken},
    digest::H,
    money::Amount,
    payments::{VoteCredential, VoteRequest},
    problem::Slug,
    vote_text::{InvalidVoteText, VoteText},
};

use super::directory::KnownKey;

/// Names a vote: its text and its tokens, whatever their order. An exact repeat has the same.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct VoteId(pub [u8; 32]);

/// Shows nothing: whoever has the tokens could find the vote by its id.
impl fmt::Debug for VoteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VoteId(..)")
    }
}

/// A vote that is well formed: one key, no token twice, the one form of text.
#[derive(Clone)]
pub struct Vote {
    id: VoteId,
    key: KeyId,
    text: VoteText,
    payload: String,
    credentials: Vec<VoteCredential>,
}

/// What one vote may hold.
#[derive(Clone, Copy, Debug)]
pub struct VoteLimits {
    /// The most credentials.
    pub credentials_max: usize,
    /// The longest text, in bytes before base64.
    pub text_bytes_max: usize,
}

impl Vote {
    /// Checks the form of a request.
    pub fn new(request: VoteRequest, limits: VoteLimits) -> Result<Self, InvalidVote> {
        let VoteRequest {
            vote: payload,
            credentials,
        } = request;
        let text =
            VoteText::from_base64(&payload, limits.text_bytes_max).map_err(InvalidVote::Text)?;
        if credentials.len() > limits.credentials_max {
            return Err(InvalidVote::TooManyCredentials(limits.credentials_max));
        }
        let key = the_one_key(&credentials)?;
        if let Some(index) = repeated_token(&credentials) {
            return Err(InvalidVote::RepeatedToken(index));
        }
        let key = KeyId::of(&key);
        Ok(Self {
            id: vote_id(&text, key, &credentials),
            key,
            text,
            payload,
            credentials,
        })
    }

    /// Its id.
    pub fn id(&self) -> VoteId {
        self.id
    }

    /// The key of its tokens.
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// How many tokens stand behind it.
    pub fn tokens(&self) -> usize {
        self.credentials.len()
    }

    /// What challenge-bypass is asked: to spend all tokens on this text, or none.
    ///
    /// `at_least` is the highest `redeemedTotal` of the key that was known beforehand: a registry that was restored
    /// from a backup counts fewer, and must not take spent tokens again (threat T19).
    pub fn redemption(&self, at_least: u64, replay_only: bool) -> RedemptionRequest {
        let token = |credential: &VoteCredential| RedemptionToken {
            public_key: credential.public_key,
            t: credential.t,
            signature: credential.signature,
        };
        RedemptionRequest {
            payload: self.payload.clone(),
            tokens: self.credentials.iter().map(token).collect(),
            replay_only,
            at_least,
        }
    }

    /// The vote after its tokens were redeemed under `key`. `None`: the answer is about another issuer.
    pub fn redeemed(self, key: &KnownKey, answer: &RedemptionResponse) -> Option<RedeemedVote> {
        let fits = key.id == self.key && key.issuer == answer.issuer;
        fits.then(|| RedeemedVote {
            id: self.id,
            key: self.key,
            tokens: self.tokens() as u64,
            text: self.text,
            funding_source: key.funding_source,
            value: key.value,
            redeemed_total: answer.redeemed_total,
        })
    }
}

/// Shows nothing of the tokens or the publisher.
impl fmt::Debug for Vote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vote(..)")
    }
}

/// A vote whose tokens are spent on it: what the store records.
///
/// [`Vote::redeemed`] is the only way to make one. It holds no token any more.
#[derive(Clone)]
pub struct RedeemedVote {
    /// Its id.
    pub id: VoteId,
    /// The key of its tokens.
    pub key: KeyId,
    /// How many tokens were spent.
    pub tokens: u64,
    /// The publisher and the type.
    pub text: VoteText,
    /// Whose funds it moves.
    pub funding_source: FundingSource,
    /// What each token is worth.
    pub value: Amount,
    /// Tokens of the key that were redeemed by then.
    pub redeemed_total: u64,
}

/// Shows nothing of the publisher.
impl fmt::Debug for RedeemedVote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedeemedVote(..)")
    }
}

fn the_one_key(credentials: &[VoteCredential]) -> Result<PublicKey, InvalidVote> {
    let (first, rest) = credentials
        .split_first()
        .ok_or(InvalidVote::NoCredentials)?;
    let same = rest
        .iter()
        .all(|credential| credential.public_key == first.public_key);
    if same {
        Ok(first.public_key)
    } else {
        Err(InvalidVote::MixedKeys)
    }
}

fn repeated_token(credentials: &[VoteCredential]) -> Option<usize> {
    let mut seen = HashSet::with_capacity(credentials.len());
    credentials
        .iter()
        .position(|credential| !seen.insert(*credential.t.as_bytes()))
}

fn vote_id(text: &VoteText, key: KeyId, credentials: &[VoteCredential]) -> VoteId {
    let token = |credential: &VoteCredential| {
        let mut part = key.as_bytes().to_vec();
        part.extend_from_slice(credential.t.as_bytes());
        part
    };
    let mut tokens: Vec<_> = credentials.iter().map(token).collect();
    tokens.sort_unstable();
    let text = text.to_string();
    VoteId(
        H::new("bt/vote/1")
            .part(text.as_bytes())
            .parts(tokens)
            .finish(),
    )
}

/// Why a request is no vote.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidVote {
    /// The credentials are of several keys.
    #[error("the credentials of a vote need one key")]
    MixedKeys,
    /// There is no credential.
    #[error("a vote needs a credential")]
    NoCredentials,
    /// The token at this place stands there before.
    #[error("the token stands in the vote before")]
    RepeatedToken(usize),
    /// The text is not a vote's.
    #[error(transparent)]
    Text(InvalidVoteText),
    /// There are more credentials than this.
    #[error("a vote has at most {0} credentials")]
    TooManyCredentials(usize),
}

impl InvalidVote {
    /// The problem a client is told about.
    pub fn slug(self) -> Slug {
        match self {
            Self::MixedKeys => Slug::MixedKeys,
            Self::NoCredentials | Self::TooManyCredentials(_) => Slug::InvalidBody,
            Self::RepeatedToken(_) => Slug::DuplicateToken,
            Self::Text(InvalidVoteText::Channel) => Slug::InvalidChannel,
            Self::Text(InvalidVoteText::Form | InvalidVoteText::Type) => Slug::InvalidVote,
        }
    }

    /// A JSON pointer to the member that is wrong.
    pub fn field(self) -> String {
        match self {
            Self::MixedKeys | Self::NoCredentials | Self::TooManyCredentials(_) => {
                "/credentials".to_owned()
            }
            Self::RepeatedToken(index) => format!("/credentials/{index}/t"),
            Self::Text(_) => "/vote".to_owned(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::slice;

    use messages::Preimage;
    use messages::encoding::Fixed;
    use proptest::prelude::*;
    use sha2::{Digest as _, Sha256};

    use super::*;

    const LIMITS: VoteLimits = VoteLimits {
        credentials_max: 20,
        text_bytes_max: 512,
    };

    /// A credential whose bytes are all made from two numbers; its signature is none.
    pub(crate) fn credential(key: u8, t: u8) -> VoteCredential {
        VoteCredential {
            public_key: Fixed([key; 32]),
            t: Fixed([t; 64]),
            signature: Fixed([t; 64]),
        }
    }

    pub(crate) fn vote_for(
        channel: &str,
        credentials: &[VoteCredential],
    ) -> Result<Vote, InvalidVote> {
        let text: VoteText = format!(r#"{{"channel":"{channel}","type":"auto-contribute"}}"#)
            .parse()
            .unwrap();
        let request = VoteRequest {
            vote: text.to_base64(),
            credentials: credentials.to_vec(),
        };
        Vote::new(request, LIMITS)
    }

    #[test]
    fn a_vote_has_one_to_twenty_credentials() {
        let many: Vec<_> = (0..21).map(|t| credential(1, t)).collect();

        assert_eq!(
            vote_for("example.com", &[]).unwrap_err(),
            InvalidVote::NoCredentials
        );
        assert_eq!(
            vote_for("example.com", &many).unwrap_err(),
            InvalidVote::TooManyCredentials(20)
        );
        assert_eq!(vote_for("example.com", &many[1..]).unwrap().tokens(), 20);
        assert_eq!(vote_for("example.com", &many[..1]).unwrap().tokens(), 1);
    }

    #[test]
    fn the_credentials_of_a_vote_are_of_one_key() {
        let mixed = vote_for("example.com", &[credential(1, 1), credential(2, 2)]).unwrap_err();

        assert_eq!(mixed.slug(), Slug::MixedKeys);
    }

    #[test]
    fn a_token_stands_in_a_vote_once() {
        let mut repeated = credential(1, 1);
        repeated.signature = Fixed([9; 64]);

        let refused = vote_for(
            "example.com",
            &[credential(1, 1), credential(1, 2), repeated],
        )
        .unwrap_err();

        assert_eq!(refused, InvalidVote::RepeatedToken(2));
        assert_eq!(refused.field(), "/credentials/2/t");
    }

    #[test]
    fn the_id_follows_the_text_the_key_and_the_tokens_and_not_their_order_or_signatures() {
        let (a, b) = (credential(1, 1), credential(1, 2));
        let mut signed_again = a.clone();
        signed_again.signature = Fixed([7; 64]);
        let id =
            |channel, credentials: &[VoteCredential]| vote_for(channel, credentials).unwrap().id();
        let vote = id("example.com", &[a.clone(), b.clone()]);

        assert_eq!(id("example.com", &[b.clone(), a.clone()]), vote);
        assert_eq!(id("example.com", &[signed_again, b.clone()]), vote);
        for other in [
            id("example.org", &[a.clone(), b.clone()]),
            id("example.com", slice::from_ref(&a)),
            id("example.com", &[a, b, credential(1, 3)]),
            id("example.com", &[credential(2, 1), credential(2, 2)]),
        ] {
            assert_ne!(other, vote);
        }
    }

    /// With other bytes under it, a vote that is sent again after a release would be another one.
    #[test]
    fn the_id_of_a_vote_is_a_hash_over_these_bytes() {
        let key = *KeyId::of(&Fixed([1; 32])).as_bytes();
        let bytes = [
            b"\0\0\0\x09bt/vote/1\0\0\0\x32".as_slice(),
            br#"{"channel":"example.com","type":"auto-contribute"}"#,
            b"\0\0\0\x50",
            &key,
            &[3; 64],
            b"\0\0\0\x50",
            &key,
            &[9; 64],
        ];
        let expected: [u8; 32] = Sha256::digest(bytes.concat()).into();

        let vote = vote_for("example.com", &[credential(1, 9), credential(1, 3)]).unwrap();

        assert_eq!(vote.id().0, expected);
    }

    #[test]
    fn an_answer_about_another_issuer_makes_no_redeemed_vote() {
        let vote = vote_for("example.com", &[credential(1, 1)]).unwrap();
        let key = super::super::directory::tests::known_key(&Fixed([1; 32]));
        let answer = |issuer: &str| RedemptionResponse {
            outcome: messages::challenge_bypass::RedemptionOutcome::First,
            issuer: issuer.to_owned(),
            redeemed_total: 5,
        };

        assert!(vote.clone().redeemed(&key, &answer("other")).is_none());
        let redeemed = vote.redeemed(&key, &answer(&key.issuer)).unwrap();
        assert_eq!((redeemed.tokens, redeemed.redeemed_total), (1, 5));
    }

    #[test]
    fn debug_shows_nothing_of_a_vote() {
        let vote = vote_for("example.com", &[credential(1, 1)]).unwrap();

        assert_eq!(format!("{vote:?} {:?}", vote.id()), "Vote(..) VoteId(..)");
        let key = super::super::directory::tests::known_key(&Fixed([1; 32]));
        let answer = RedemptionResponse {
            outcome: messages::challenge_bypass::RedemptionOutcome::First,
            issuer: key.issuer.clone(),
            redeemed_total: 1,
        };
        let redeemed = vote.redeemed(&key, &answer).unwrap();
        assert_eq!(format!("{redeemed:?}"), "RedeemedVote(..)");
    }

    proptest! {
        #[test]
        fn no_other_grouping_of_tokens_has_the_same_id(a in any::<u16>(), b in any::<u16>()) {
            let grouping = |bits: u16| -> Vec<_> {
                (0..16).filter(|bit| bits & (1 << bit) != 0).map(|bit| credential(1, bit)).collect()
            };
            prop_assume!(a != b && a != 0 && b != 0);
            let id = |bits| vote_for("example.com", &grouping(bits)).unwrap().id();
            prop_assert_ne!(id(a), id(b));
        }

        #[test]
        fn every_request_is_read_or_refused_without_a_panic(vote in ".*", tokens in proptest::collection::vec(any::<u8>(), 0..30)) {
            let credentials = tokens.into_iter().map(|t| VoteCredential {
                public_key: Fixed([1; 32]), t: Preimage::from(Fixed([t; 64])), signature: Fixed([0; 64]),
            }).collect();
            if let Err(refused) = Vote::new(VoteRequest { vote, credentials }, LIMITS) {
                prop_assert!(refused.field().starts_with('/'));
            }
        }
    }
}
