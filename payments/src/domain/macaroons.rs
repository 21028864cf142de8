//! Macaroons, strictly: the only file that names the crate `macaroon`.
//!
//! The crate's own reader takes several formats and alphabets, and its verifier compares signatures in
//! a time that depends on them. Here one form is read (binary version 2 in standard base64 with
//! padding, at most [`BYTES_MAX`]), what was read must be what would be written, third-party caveats
//! are refused, and the chain is computed again and compared in constant time.

use std::{fmt, sync::LazyLock};

use base64::{Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE};
use macaroon::{ByteString, Caveat, Format, Macaroon, MacaroonKey};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// The largest macaroon that is looked at, in bytes: far more than any of ours needs.
pub const BYTES_MAX: usize = 1024;

/// The most caveats that a macaroon may have: those it is minted with and a few of its holder's.
pub const CAVEATS_MAX: usize = 16;

/// The first byte of the binary format, version 2.
const VERSION: u8 = 2;

/// The crate asks for this before its first use from several threads.
static READY: LazyLock<bool> = LazyLock::new(|| macaroon::initialize().is_ok());

/// The key that a chain begins with.
#[derive(Clone)]
pub struct RootKey(Zeroizing<[u8; 32]>);

impl RootKey {
    /// A key that is uniformly random already.
    pub fn new(key: [u8; 32]) -> Self {
        Self(Zeroizing::new(key))
    }

    /// The key that other macaroon libraries derive from a secret of any length.
    pub fn from_secret(secret: &[u8]) -> Self {
        let key = MacaroonKey::generate(secret);
        let bytes: &[u8; 32] = key.as_ref();
        Self::new(*bytes)
    }

    fn key(&self) -> MacaroonKey {
        MacaroonKey::from(&*self.0)
    }
}

/// Shows nothing: whoever has the key can mint.
impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey(..)")
    }
}

/// What a macaroon says, whoever made it.
#[derive(Clone, Eq, PartialEq)]
pub struct Content {
    /// Where it is for. The chain does not cover this.
    pub location: String,
    /// Its identifier.
    pub identifier: String,
    /// Its caveats, all first-party.
    pub caveats: Vec<String>,
}

/// Shows how many caveats there are: what they say can be an order's terms.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content")
            .field("caveats", &self.caveats.len())
            .finish_non_exhaustive()
    }
}

/// A text that is no macaroon, or one that nothing here would have written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a macaroon of the one accepted form")]
pub struct Malformed;

/// A macaroon that was read and not verified: its content is the sender's word.
pub struct Unverified {
    content: Content,
    signature: [u8; 32],
}

impl Unverified {
    /// Reads the one accepted form.
    pub fn decode(text: &str) -> Result<Self, Malformed> {
        if text.len() > BYTES_MAX.div_ceil(3) * 4 {
            return Err(Malformed);
        }
        let bytes = STANDARD.decode(text).map_err(|_| Malformed)?;
        if bytes.len() > BYTES_MAX || bytes.first() != Some(&VERSION) {
            return Err(Malformed);
        }
        let read = Macaroon::deserialize_binary(&bytes).map_err(|_| Malformed)?;
        // Nothing may stand behind the signature, and no length may be written in a longer way.
        if binary(&read).is_none_or(|written| written != bytes) {
            return Err(Malformed);
        }
        let content = content(&read).ok_or(Malformed)?;
        let signature = read.signature();
        let signature: &[u8; 32] = signature.as_ref();
        Ok(Self {
            content,
            signature: *signature,
        })
    }

    /// The content, once the chain holds under `root`.
    pub fn verify(&self, root: &RootKey) -> Option<&Content> {
        let expected = chain(&self.content, root)?.signature();
        let expected: &[u8; 32] = expected.as_ref();
        bool::from(expected.ct_eq(&self.signature)).then_some(&self.content)
    }

    /// The content, unverified: for texts that are trusted for another reason.
    pub fn content(&self) -> &Content {
        &self.content
    }
}

/// Shows nothing: a macaroon is a bearer's right.
impl fmt::Debug for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unverified(..)")
    }
}

/// Writes the macaroon of `content` under `root`, in standard base64.
///
/// Fails when it would be larger than what is accepted here.
pub fn mint(content: &Content, root: &RootKey) -> Result<String, Malformed> {
    let bytes = chain(content, root)
        .and_then(|chain| binary(&chain))
        .filter(|bytes| bytes.len() <= BYTES_MAX)
        .ok_or(Malformed)?;
    Ok(STANDARD.encode(bytes))
}

/// The macaroon as its holder narrows it: with more caveats, which needs no key.
pub fn narrow(text: &str, caveats: &[&str]) -> Result<String, Malformed> {
    let bytes = STANDARD.decode(text).map_err(|_| Malformed)?;
    let mut chain = Macaroon::deserialize_binary(&bytes).map_err(|_| Malformed)?;
    for caveat in caveats {
        chain.add_first_party_caveat(ByteString::from(*caveat));
    }
    Ok(STANDARD.encode(binary(&chain).ok_or(Malformed)?))
}

#[cfg(test)]
thread_local! {
    /// How many links of chains this thread has computed: what a check costs.
    pub(super) static LINKS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

fn chain(content: &Content, root: &RootKey) -> Option<Macaroon> {
    #[cfg(test)]
    LINKS.with(|links| links.set(links.get() + 1 + content.caveats.len()));
    if !*READY {
        return None;
    }
    let location = Some(content.location.clone());
    let identifier = ByteString::from(content.identifier.as_str());
    let mut chain = Macaroon::create(location, &root.key(), identifier).ok()?;
    for caveat in &content.caveats {
        chain.add_first_party_caveat(ByteString::from(caveat.as_str()));
    }
    Some(chain)
}

fn content(read: &Macaroon) -> Option<Content> {
    let utf8 = |bytes: ByteString| String::from_utf8(bytes.0).ok();
    let caveats = read.caveats();
    if caveats.len() > CAVEATS_MAX {
        return None;
    }
    let caveats = caveats.iter().map(|caveat| match caveat {
        Caveat::FirstParty(caveat) => utf8(caveat.predicate()),
        Caveat::ThirdParty(_) => None,
    });
    Some(Content {
        location: read.location()?,
        identifier: utf8(read.identifier())?,
        caveats: caveats.collect::<Option<_>>()?,
    })
}

/// The binary form. The crate only writes it in URL-safe base64.
fn binary(chain: &Macaroon) -> Option<Vec<u8>> {
    let text = chain.serialize(Format::V2).ok()?;
    URL_SAFE.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn root() -> RootKey {
        RootKey::new([7; 32])
    }

    fn sample(caveats: &[&str]) -> Content {
        Content {
            location: "brave.com".to_owned(),
            identifier: "an identifier".to_owned(),
            caveats: caveats.iter().map(|&caveat| caveat.to_owned()).collect(),
        }
    }

    fn refused(bytes: &[u8]) -> bool {
        match Unverified::decode(&STANDARD.encode(bytes)) {
            Ok(read) => read.verify(&root()) != Some(&sample(&["a = 1", "b = 2"])),
            Err(Malformed) => true,
        }
    }

    #[test]
    fn what_is_minted_is_read_and_holds_under_its_key_only() {
        let content = sample(&["a = 1", "b = 2"]);
        let text = mint(&content, &root()).unwrap();
        let read = Unverified::decode(&text).unwrap();

        assert_eq!(read.verify(&root()), Some(&content));
        assert_eq!(read.verify(&RootKey::new([8; 32])), None);
    }

    #[test]
    fn a_holder_can_add_caveats_and_take_none_away() {
        let text = mint(&sample(&["a = 1"]), &root()).unwrap();
        let narrowed = narrow(&text, &["b = 2"]).unwrap();
        let read = Unverified::decode(&narrowed).unwrap();

        assert_eq!(read.verify(&root()), Some(&sample(&["a = 1", "b = 2"])));
        let mut widened = Unverified::decode(&narrowed).unwrap();
        widened.content.caveats.pop();
        assert_eq!(widened.verify(&root()), None);
    }

    #[test]
    fn other_forms_of_the_same_macaroon_are_refused() {
        let text = mint(&sample(&["a>?~"]), &root()).unwrap();
        let bytes = STANDARD.decode(&text).unwrap();
        let longer = [bytes.as_slice(), b"\0"].concat();
        let v1 = Macaroon::deserialize_binary(&bytes).unwrap();
        let v1 = v1.serialize(Format::V1).unwrap();

        assert!(Unverified::decode(&text).is_ok());
        for wrong in [
            String::new(),
            text.trim_end_matches('=').to_owned() + "!",
            format!(" {text}"),
            format!("{text}\n"),
            URL_SAFE.encode(&bytes).replace('/', "_") + "-",
            STANDARD.encode(longer),
            STANDARD.encode(&bytes[..bytes.len() - 1]),
            v1,
            "{\"v\":2}".to_owned(),
            "A".repeat(1 << 20),
        ] {
            assert!(Unverified::decode(&wrong).is_err(), "{wrong:.80}");
        }
    }

    #[test]
    fn third_party_caveats_and_too_many_caveats_are_refused() {
        let text = mint(&sample(&[]), &root()).unwrap();
        let bytes = STANDARD.decode(&text).unwrap();
        let mut chain = Macaroon::deserialize_binary(&bytes).unwrap();
        chain.add_third_party_caveat("https://a.test", &[1; 32].into(), "id".into());
        let text = STANDARD.encode(binary(&chain).unwrap());

        assert!(Unverified::decode(&text).is_err());
        let many = ["a = 1"; CAVEATS_MAX + 1];
        let text = mint(&sample(&many), &root()).unwrap();
        assert!(Unverified::decode(&text).is_err());
        assert!(mint(&sample(&["a".repeat(BYTES_MAX).as_str()]), &root()).is_err());
    }

    #[test]
    fn nothing_secret_is_shown() {
        let text = mint(&sample(&["secret-caveat"]), &root()).unwrap();
        let shown = format!("{:?} {:?}", root(), Unverified::decode(&text).unwrap());
        let content = format!("{:?}", sample(&["secret-caveat"]));

        assert_eq!(shown, "RootKey(..) Unverified(..)");
        assert!(!content.contains("secret"), "{content}");
    }

    proptest! {
        #[test]
        fn any_changed_byte_is_refused(at in 0_usize..200, change in 1_u8..=255) {
            let text = mint(&sample(&["a = 1", "b = 2"]), &root()).unwrap();
            let mut bytes = STANDARD.decode(text).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= change;

            prop_assert!(refused(&bytes));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Unverified::decode(&STANDARD.encode([&[VERSION][..], &bytes].concat()));
            let _ = Unverified::decode(&STANDARD.encode(&bytes));
        }
    }
}
