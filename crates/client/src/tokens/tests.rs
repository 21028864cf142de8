use challenge_bypass_ristretto::voprf::SigningKey;
use proptest::prelude::*;
use rand::rngs::OsRng;

use super::*;

/// An issuer's answer: signatures and their proof.
fn sign(key: &SigningKey, points: &[BlindedToken]) -> (Vec<SignedToken>, BatchProof) {
    let blinded: Vec<_> = points
        .iter()
        .map(|point| voprf::BlindedToken::from_bytes(point.as_bytes()).unwrap())
        .collect();
    let signed: Vec<_> = blinded
        .iter()
        .map(|point| key.sign(point).unwrap())
        .collect();
    let proof = BatchDLEQProof::new::<Sha512, _>(&mut OsRng, &blinded, &signed, key).unwrap();
    let signed = signed.iter().map(|point| Fixed(point.to_bytes())).collect();
    (signed, Fixed(proof.to_bytes()))
}

fn public(key: &SigningKey) -> PublicKey {
    Fixed(key.public_key.to_bytes())
}

#[test]
fn a_vote_verifies_under_the_key_that_signed_its_tokens() {
    let key = SigningKey::random(&mut OsRng);
    let blinding = Blinding::random(4, &mut OsRng);
    let (signed, proof) = sign(&key, &blinding.points().unwrap());
    let tokens = blinding.unblind(&signed, &proof, &public(&key)).unwrap();

    let credential = tokens[0].sign("a vote");

    let preimage = voprf::TokenPreimage::from_bytes(credential.t.as_bytes()).unwrap();
    let rederived = key
        .rederive_unblinded_token_rfc::<Sha512>(&preimage)
        .unwrap();
    let expected = rederived
        .derive_verification_key_rfc::<Sha512>()
        .sign::<Hmac<Sha512>>(b"a vote");
    assert_eq!(expected.encode_base64(), credential.signature.to_string());
}

#[test]
fn signatures_of_another_key_are_refused() {
    let (key, other) = (
        SigningKey::random(&mut OsRng),
        SigningKey::random(&mut OsRng),
    );
    let blinding = Blinding::random(4, &mut OsRng);
    let (signed, proof) = sign(&other, &blinding.points().unwrap());

    let refused = blinding.unblind(&signed, &proof, &public(&key));

    assert_eq!(refused.unwrap_err(), ProofError::Proof);
}

#[test]
fn a_proof_over_other_points_or_another_count_is_refused() {
    let key = SigningKey::random(&mut OsRng);
    let (ours, theirs) = (
        Blinding::random(4, &mut OsRng),
        Blinding::random(4, &mut OsRng),
    );
    let (signed, proof) = sign(&key, &theirs.points().unwrap());
    let refused = ours.unblind(&signed, &proof, &public(&key));
    assert_eq!(refused.unwrap_err(), ProofError::Proof);

    let (mut signed, proof) = sign(&key, &ours.points().unwrap());
    signed.swap(0, 1);
    let refused = ours.unblind(&signed, &proof, &public(&key));
    assert_eq!(refused.unwrap_err(), ProofError::Proof);
    signed.pop();
    let refused = ours.unblind(&signed, &proof, &public(&key));
    assert_eq!(
        refused.unwrap_err(),
        ProofError::Count {
            expected: 4,
            found: 3
        }
    );
}

#[test]
fn what_is_kept_on_disk_comes_back_and_debug_shows_nothing_of_it() {
    let key = SigningKey::random(&mut OsRng);
    let blinding = Blinding::random(2, &mut OsRng);
    let text = serde_json::to_string(&blinding).unwrap();
    let again: Blinding = serde_json::from_str(&text).unwrap();
    assert_eq!(again.points().unwrap(), blinding.points().unwrap());

    let (signed, proof) = sign(&key, &blinding.points().unwrap());
    let tokens = blinding.unblind(&signed, &proof, &public(&key)).unwrap();
    let text = serde_json::to_string(&tokens).unwrap();
    let again: Vec<Unspent> = serde_json::from_str(&text).unwrap();
    let (one, other) = (tokens[1].sign("a vote"), again[1].sign("a vote"));
    assert_eq!((one.t, one.signature), (other.t, other.signature));
    assert_eq!(format!("{again:?}"), "[Unspent(..), Unspent(..)]");
    assert_eq!(format!("{blinding:?}"), "Blinding { count: 2, .. }");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn one_altered_byte_of_an_answer_is_refused(place in 0..160_usize, change in 1..=255_u8) {
        let key = SigningKey::random(&mut OsRng);
        let blinding = Blinding::random(3, &mut OsRng);
        let (mut signed, mut proof) = sign(&key, &blinding.points().unwrap());

        match place.checked_sub(96) {
            None => signed[place / 32].0[place % 32] ^= change,
            Some(place) => proof.0[place] ^= change,
        }

        prop_assert!(blinding.unblind(&signed, &proof, &public(&key)).is_err());
    }
}
