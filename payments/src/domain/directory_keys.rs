//! The directory keys that are configured, and which of them is in force (contracts §5).
//!
//! A key is replaced by configuring the new one as the present key and the old one as the previous key. Whatever is in
//! force and is neither is another process's or somebody else's: signing beside it would make a second history.

use ed25519_dalek::{SigningKey, VerifyingKey};
use messages::directory::{
    BrokenSequence, Directory, Entry, Head, KeyChange, KeySequence, OutOfTurn,
};

/// The directory keys that are configured.
#[derive(Clone, Debug)]
pub struct DirectoryKeys {
    present: SigningKey,
    previous: Option<SigningKey>,
}

/// Why nothing is signed, and what is to be done about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyTrouble {
    /// The entries of challenge-bypass change the key as no client accepts it.
    #[error(
        "challenge-bypass's key directory cannot be published: {0}. Somebody wrote to its database. No head is signed. \
         Put the latest sound state of challenge-bypass's database back"
    )]
    Broken(#[from] BrokenSequence),
    /// None of our keys is in the sequence.
    #[error(
        "challenge-bypass's key directory names directory keys of which none is configured here. No head is signed. \
         Configure its keys, or put the latest sound state of challenge-bypass's database back"
    )]
    Foreign,
    /// The key in force is none of ours.
    #[error(
        "the directory key in force is neither that of secrets.directory_key_file nor that of \
         secrets.previous_directory_key_file. No head is signed. Configure the key in force: as the present one, or as \
         the previous one of a new key that was never in force"
    )]
    NotInForce,
    /// Somebody put a key in force that is none of ours.
    #[error(
        "challenge-bypass's key directory changes the directory key to one that is not configured here. The change is \
         not stored, and no head is signed. If the new key is yours, configure it; otherwise somebody has the secret of the old one and \
         wrote to challenge-bypass's database: put its latest sound state back"
    )]
    Successor,
    /// The present key was replaced before.
    #[error(
        "the key of secrets.directory_key_file was replaced before and cannot come back. No head is signed. Make a new \
         key, and configure the one in force as secrets.previous_directory_key_file"
    )]
    Returns,
}

impl DirectoryKeys {
    /// With the key that is to sign, and the one that it replaces, if it is to replace one.
    pub fn new(present: SigningKey, previous: Option<SigningKey>) -> Self {
        Self { present, previous }
    }

    /// The key that signs heads.
    pub fn present(&self) -> &SigningKey {
        &self.present
    }

    /// Whether one of them signed `head`.
    pub fn signed(&self, head: &Head) -> bool {
        self.public().any(|key| head.is_signed_by(&key))
    }

    /// The directory keys of `entries`, which must have one of ours among them.
    ///
    /// Where no entry names one, it is the key that signed `heads`: ours, of which the previous one was first.
    pub fn sequence<'a>(
        &self,
        entries: &[Entry],
        heads: impl IntoIterator<Item = &'a Head>,
    ) -> Result<KeySequence, KeyTrouble> {
        let named = KeySequence::of(entries)?;
        if named.is_empty() {
            let previous = self.previous.as_ref().map(SigningKey::verifying_key);
            let signed = |key: &VerifyingKey| heads.into_iter().any(|head| head.is_signed_by(key));
            let first = previous.filter(signed);
            let first = first.unwrap_or_else(|| self.present.verifying_key());
            return Ok(KeySequence::of_one(first));
        }
        if self.public().any(|key| named.contains(&key)) {
            Ok(named)
        } else {
            Err(KeyTrouble::Foreign)
        }
    }

    /// Whether `added` may be stored, after which the directory's keys are `sequence`: entries that are stored stay, so a key that they
    /// put in force must be ours.
    pub fn allow(&self, added: &[Entry], sequence: &KeySequence) -> Result<(), KeyTrouble> {
        let is_change = |entry: &Entry| matches!(entry, Entry::DirectoryKey(_));
        let is_ours = self.public().any(|key| sequence.last() == Some(&key));
        if is_ours || !added.iter().any(is_change) {
            Ok(())
        } else {
            Err(KeyTrouble::Successor)
        }
    }

    /// What is to be appended to `directory` before the present key signs: nothing when it is in force.
    pub fn due_change(&self, directory: &Directory) -> Result<Option<KeyChange>, KeyTrouble> {
        let mut sequence = self.sequence(&directory.entries, &directory.heads)?;
        // Heads that the key in force did not sign are somebody's who replaced a key without saying so.
        if !directory
            .heads
            .last()
            .is_none_or(|head| sequence.signed(head))
        {
            return Err(KeyTrouble::NotInForce);
        }
        let is_in_force = |key: &SigningKey| sequence.last() == Some(&key.verifying_key());
        if is_in_force(&self.present) {
            return Ok(None);
        }
        let previous = self.previous.as_ref().filter(|key| is_in_force(key));
        let previous = previous.ok_or(KeyTrouble::NotInForce)?;
        let change = KeyChange::sign(previous, &self.present);
        let checked = change.check().map_err(|_| KeyTrouble::NotInForce)?;
        let index = u64::try_from(directory.entries.len()).unwrap_or(u64::MAX);
        match sequence.change(index, &checked) {
            Ok(()) => Ok(Some(change)),
            Err(OutOfTurn::NotInForce) => Err(KeyTrouble::NotInForce),
            Err(OutOfTurn::Returns) => Err(KeyTrouble::Returns),
        }
    }

    fn public(&self) -> impl Iterator<Item = VerifyingKey> {
        let both = std::iter::once(&self.present).chain(&self.previous);
        both.map(SigningKey::verifying_key)
    }
}
