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
    /// Checks the form of a request. Whether the publisher [is listed](Self::is_listed) is asked later, and of new votes
    /// only.
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

    /// Whether its publisher is one that new votes may be for.
    pub fn is_listed(&self) -> bool {
        self.text.publisher.is_listed()
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
pub(crate) mod tests;
