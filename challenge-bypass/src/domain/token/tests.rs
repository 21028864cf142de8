//! The golden vectors of both derivations, from first principles: nothing here calls the crate's own
//! derivation except the functions under test.

use challenge_bypass_ristretto::voprf::{
    BatchDLEQProof, BlindedToken, PublicKey, Token, UnblindedToken,
};
use curve25519_dalek::{RistrettoPoint, Scalar, ristretto::CompressedRistretto};
use hmac::Mac as _;
use messages::encoding::Fixed;
use rand::{SeedableRng as _, rngs::StdRng};
use sha2::Digest as _;

use super::*;

const PAYLOAD: &[u8] = b"test message";

/// `expand_message_xmd` of RFC 9380 §5.3.1 for 64 bytes of SHA-512: one block.
fn expand(message: &[u8]) -> [u8; 64] {
    let dst = b"HashToGroup-OPRFV1-\x00-ristretto255-SHA512";
    let suffix = [dst.as_slice(), &[u8::try_from(dst.len()).unwrap()]].concat();
    let first = Sha512::new()
        .chain_update([0; 128])
        .chain_update(message)
        .chain_update([0, 64, 0])
        .chain_update(&suffix)
        .finalize();
    Sha512::new()
        .chain_update(first)
        .chain_update([1])
        .chain_update(&suffix)
        .finalize()
        .into()
}

fn finalized(preimage: &[u8; 64], unblinded: &[u8; 32]) -> [u8; 64] {
    Sha512::new()
        .chain_update([0, 0x40])
        .chain_update(preimage)
        .chain_update([0, 0x20])
        .chain_update(unblinded)
        .chain_update(b"Finalize")
        .finalize()
        .into()
}

fn mac(key: &[u8; 64], payload: &[u8]) -> Signature {
    let mut mac = Hmac::<Sha512>::new_from_slice(key).unwrap();
    mac.update(payload);
    Fixed(mac.finalize().into_bytes().into())
}

/// What the holder of a token signed by `scalar` would send.
fn signature_by(scalar: Scalar, preimage: &[u8; 64], payload: &[u8]) -> Signature {
    let point = RistrettoPoint::from_uniform_bytes(&expand(preimage));
    let unblinded = (scalar * point).compress().to_bytes();
    mac(&finalized(preimage, &unblinded), payload)
}

#[test]
fn the_golden_vectors_of_the_rfc_path_hold() {
    let preimage = [0x42; 64];
    let expanded = expand(&preimage);
    assert_eq!(
        hex::encode(expanded),
        "da0077922b449d7eca15fead64dc05ae9198226d4a3429fb6bf5c0dee5ea573f\
         750c230e86efed8c03a768dd2f76ce596278236fe7cb807eea98d6381792eb90"
    );
    assert_eq!(
        hex::encode(
            RistrettoPoint::from_uniform_bytes(&expanded)
                .compress()
                .to_bytes()
        ),
        "dadc88ba93de7fb16e1fff435e9d364ed752477fff21e84417849f7c95283910"
    );
    let key = finalized(&preimage, &[0x11; 32]);
    assert_eq!(
        hex::encode(key),
        "a6c72d096fd0b5d02530151d6fc33c9dd8267809bf837a2a8f67a8bf07b35173\
         8d841e4065f841ed8fe1fcbc9b4f9fabe606a42a0c1135d311d3a7244e3c037d"
    );
    let signature = mac(&key, PAYLOAD);
    assert_eq!(
        hex::encode(signature.as_bytes()),
        "2754d121b3f5afbb80f0cad7bde8efdea0872f3a366467d5b23e15ff11985476\
         3663da33147c49ffa140c97de0869911b4a871158d4f18dd2229d446f5920e4a"
    );

    // The crate's finalization gives the same, and the check accepts the whole path.
    let mut bytes = [0x42; 96];
    bytes[64..].fill(0x11);
    let crate_signature = UnblindedToken::from_bytes(&bytes)
        .unwrap()
        .derive_verification_key_rfc::<Sha512>()
        .sign::<Hmac<Sha512>>(PAYLOAD);
    assert!(crate_signature.encode_base64() == signature.to_string());

    let scalar = Scalar::from_bytes_mod_order([5; 32]);
    let secret = SigningKey::from_bytes(&scalar.to_bytes()).unwrap();
    let signature = signature_by(scalar, &preimage, PAYLOAD);
    assert!(check_token(&secret, &Fixed(preimage), PAYLOAD, &signature));
}

/// The derivation of clients until 2026. Nothing here takes its tokens; the vectors say what the crate means by it.
#[test]
fn the_golden_vectors_of_the_legacy_path_hold_and_its_tokens_are_refused() {
    let key = SigningKey::decode_base64("fzJbqh6l/xWAjT6Ulmu+/Taxz8XZ7SDnJ/dUXPgtnQE=").unwrap();
    let public = PublicKey::decode_base64("jKj71sdk2XYMwZNSxvUfNkSNCUQeBuUxuTbdjIbupmE=").unwrap();
    let blinded =
        BlindedToken::decode_base64("yoGo7zfMr5vAzwyyFKwoFEsUcyUlXKY75VvWLfYi7go=").unwrap();
    let preimage: Preimage =
        "Aa61pQzyxsy3Z6tSwccnOqiW23fNYp0z3xw6XGlA5FG8O/EqlxR87DWnas49U2JUau44dpiveAt7kBXDH5RjPQ=="
            .parse()
            .unwrap();
    let signature =
        "zx1zdMhN4Et8WnrkVQOad6xhUBAJ7Pq4b8A0n96CRE0QdAQ+tJe0/eFiJqIPMuKkyfQ6VncIkGj9VzkByh9uFA==";

    let scalar = Scalar::from_canonical_bytes(key.to_bytes()).unwrap();
    let base = curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
    assert_eq!(
        (scalar * base).compress().to_bytes(),
        key.public_key.to_bytes()
    );
    assert_eq!(key.public_key.to_bytes(), public.to_bytes());
    assert_eq!(
        key.sign(&blinded).unwrap().encode_base64(),
        "ohwnBITMSphAFK/06LtbC+PYl6PmmEhOdybvsfqZjG4="
    );

    // T = map(t), W = kT, K = SHA-512("hash_derive_key", t, W).
    let unhashed = RistrettoPoint::from_uniform_bytes(preimage.as_bytes());
    let unblinded = (scalar * unhashed).compress().to_bytes();
    let derived = Sha512::new()
        .chain_update(b"hash_derive_key")
        .chain_update(preimage.as_bytes())
        .chain_update(unblinded)
        .finalize();
    assert_eq!(mac(&derived.into(), PAYLOAD).to_string(), signature);
    let by_crate = key
        .rederive_unblinded_token(&TokenPreimage::from_bytes(preimage.as_bytes()).unwrap())
        .derive_verification_key::<Sha512>()
        .sign::<Hmac<Sha512>>(PAYLOAD);
    assert_eq!(by_crate.encode_base64(), signature);

    let signature: Signature = signature.parse().unwrap();
    assert!(!check_token(&key, &preimage, PAYLOAD, &signature));
}

#[test]
fn a_token_that_a_client_made_with_the_crate_is_accepted() {
    let mut rng = StdRng::seed_from_u64(1);
    let key = SigningKey::random(&mut rng);
    let token = Token::random::<Sha512, _>(&mut rng);
    let blinded = [token.blind_rfc::<Sha512>().unwrap()];
    let signed = [key.sign(&blinded[0]).unwrap()];
    let proof = BatchDLEQProof::new::<Sha512, _>(&mut rng, &blinded, &signed, &key).unwrap();
    let unblinded = proof
        .verify_and_unblind::<Sha512, _>([&token], &blinded, &signed, &key.public_key)
        .unwrap();
    let signature = unblinded[0]
        .derive_verification_key_rfc::<Sha512>()
        .sign::<Hmac<Sha512>>(PAYLOAD);

    let preimage = Fixed(unblinded[0].t.to_bytes());
    let signature = signature.encode_base64().parse().unwrap();
    assert!(check_token(&key, &preimage, PAYLOAD, &signature));
    assert!(!check_token(&key, &preimage, b"test messagf", &signature));
    assert!(!check_token(
        &SigningKey::random(&mut rng),
        &preimage,
        PAYLOAD,
        &signature
    ));
}

/// With the old derivation, the holder of some tokens knows the unblinded points of other preimages
/// too. For each such preimage the old derivation accepts what the holder can compute, which shows
/// that the attack is the real one, and this one refuses it, and what it would take with its own
/// finalization.
#[test]
fn preimages_that_are_altered_to_known_points_are_refused() {
    let mut rng = StdRng::seed_from_u64(2);
    let key = SigningKey::random(&mut rng);
    let [a, b]: [[u8; 32]; 2] =
        [3, 5].map(|step| std::array::from_fn(|i| u8::try_from(i * step % 127).unwrap()));
    let known = join(a, b);
    let altered = [
        join(flip_bit_255(a), b),
        join(a, flip_bit_255(b)),
        join(minus(a), b),
        join(a, minus(b)),
        join(b, a),
    ];
    for altered in altered {
        assert_only_the_old_derivation_accepts(&key, &altered, &old_unblinded(&key, &known));
    }

    // The points of two preimages with a zero half add up to the point of a third.
    let sum = add(
        old_unblinded(&key, &join(a, [0; 32])),
        old_unblinded(&key, &join(b, [0; 32])),
    );
    assert_only_the_old_derivation_accepts(&key, &known, &sum);

    // Of the all-zero preimage everybody knows the point, whatever the key.
    assert_only_the_old_derivation_accepts(&key, &[0; 64], &[0; 32]);
}

fn assert_only_the_old_derivation_accepts(key: &SigningKey, forged: &[u8; 64], known: &[u8; 32]) {
    let token = UnblindedToken::from_bytes(&[&forged[..], known].concat()).unwrap();
    let old = token
        .derive_verification_key::<Sha512>()
        .sign::<Hmac<Sha512>>(PAYLOAD);
    let old = old.encode_base64();
    let derived = key
        .rederive_unblinded_token(&token.t)
        .derive_verification_key::<Sha512>();
    assert_eq!(derived.sign::<Hmac<Sha512>>(PAYLOAD).encode_base64(), old);

    let finalized = mac(&finalized(forged, known), PAYLOAD);
    for signature in [old.parse().unwrap(), finalized] {
        assert!(!check_token(key, &Fixed(*forged), PAYLOAD, &signature));
    }
}

fn old_unblinded(key: &SigningKey, preimage: &[u8; 64]) -> [u8; 32] {
    let preimage = TokenPreimage::from_bytes(preimage).unwrap();
    let bytes = key.rederive_unblinded_token(&preimage).to_bytes();
    bytes[64..].try_into().unwrap()
}

fn add(one: [u8; 32], other: [u8; 32]) -> [u8; 32] {
    let point = |bytes| CompressedRistretto(bytes).decompress().unwrap();
    (point(one) + point(other)).compress().to_bytes()
}

fn join(head: [u8; 32], tail: [u8; 32]) -> [u8; 64] {
    [head, tail].concat().try_into().unwrap()
}

fn flip_bit_255(mut half: [u8; 32]) -> [u8; 32] {
    half[31] ^= 0x80;
    half
}

/// p − r, for p = 2^255 − 19 and r below p. The map takes r and −r to the same point.
fn minus(half: [u8; 32]) -> [u8; 32] {
    let mut p = [0xFF_u8; 32];
    p[0] = 0xED;
    p[31] = 0x7F;
    let mut borrow = 0_i16;
    std::array::from_fn(|i| {
        let digit = i16::from(p[i]) - i16::from(half[i]) - borrow;
        borrow = i16::from(digit < 0);
        u8::try_from(digit.rem_euclid(256)).unwrap()
    })
}
