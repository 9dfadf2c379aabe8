//! What holds for every content and every text.

use proptest::prelude::*;
use wharf_digest::{Algorithm, Digest, DigestSet, Digester, LookupError, Verifier, split};

fn algorithm() -> impl Strategy<Value = Algorithm> {
    prop::sample::select(&Algorithm::ALL[..])
}

fn digest() -> impl Strategy<Value = Digest> {
    (algorithm(), any::<[u8; 8]>()).prop_map(|(algorithm, content)| Digest::of(algorithm, &content))
}

/// Two algorithms, often both SHA-256, which has a way of its own for two.
fn algorithms() -> impl Strategy<Value = [Algorithm; 2]> {
    prop_oneof![Just([Algorithm::Sha256; 2]), [algorithm(), algorithm()]]
}

/// How much further one digester is than another: often by whole blocks.
fn distance() -> impl Strategy<Value = usize> {
    prop_oneof![(0usize..4).prop_map(|blocks| 64 * blocks), 0usize..200]
}

/// Bytes that do not repeat from block to block.
fn bytes(seed: u32, len: usize) -> Vec<u8> {
    let word = |i: u32| (seed ^ i).wrapping_mul(0x9e37_79b1);
    (0..len as u32).map(|i| (word(i) >> 24) as u8).collect()
}

proptest! {
    #[test]
    fn a_digest_is_its_text(digest in digest()) {
        let text = digest.to_string();
        prop_assert_eq!(Digest::parse(&text).unwrap(), digest);
        prop_assert_eq!(Digest::from_parts(digest.algorithm(), &digest.encoded()).unwrap(), digest);
        prop_assert_eq!(split(&text).unwrap(), (digest.algorithm().name(), &*digest.encoded()));
        prop_assert_eq!(format!("{digest:?}"), text);
        let json = serde_json::to_string(&digest).unwrap();
        prop_assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
    }

    #[test]
    fn digests_are_ordered_like_their_texts(a in digest(), b in digest()) {
        prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
    }

    #[test]
    fn no_text_panics(text in prop_oneof![
        any::<String>(),
        "(sha256|sha512|foo|[+._-])?:?[0-9a-fA-Fé:]{0,140}",
        "sha256:([0-9a-f]{62,66}|[0-9a-fé]{60,64})",
    ]) {
        if let Ok(digest) = Digest::parse(&text) {
            prop_assert_eq!(digest.to_string(), text.as_str());
            prop_assert!(split(&text).is_ok());
        }
        let _ = DigestSet::from_iter([Digest::sha256(b"")]).lookup(&text);
    }

    #[test]
    fn hashing_can_stop_and_go_on_anywhere(
        algorithm in algorithm(),
        content in prop::collection::vec(any::<u8>(), 0..600),
        cut in any::<prop::sample::Index>(),
    ) {
        let (start, end) = content.split_at(cut.index(content.len() + 1));
        let mut digester = Digester::new(algorithm);
        digester.update(start);
        let state = digester.state();
        let mut resumed = Digester::resume(&state).unwrap();
        prop_assert_eq!(resumed.len(), start.len() as u64);
        prop_assert_eq!(resumed.state(), state);
        resumed.update(end);
        prop_assert_eq!(resumed.algorithm(), algorithm);
        prop_assert_eq!(resumed.len(), content.len() as u64);
        prop_assert_eq!(resumed.finish(), Digest::of(algorithm, &content));
        digester.update(end);
        prop_assert_eq!(digester.finish(), Digest::of(algorithm, &content));
    }

    #[test]
    fn two_digesters_take_the_same_bytes_as_each_would(
        algorithms in algorithms(),
        start in 0usize..200,
        distance in distance(),
        pieces in prop::collection::vec((any::<u32>(), 0usize..4000), 0..5),
    ) {
        let [mut one, mut other] = algorithms.map(Digester::new);
        one.update(&bytes(1, start));
        other.update(&bytes(2, start + distance));
        let (mut plain_one, mut plain_other) = (one.clone(), other.clone());
        for (seed, len) in pieces {
            let piece = bytes(seed, len);
            one.update_with(&mut other, &piece);
            plain_one.update(&piece);
            plain_other.update(&piece);
            prop_assert_eq!(one.state(), plain_one.state());
            prop_assert_eq!(other.state(), plain_other.state());
            one = Digester::resume(&one.state()).unwrap();
            other = Digester::resume(&other.state()).unwrap();
        }
        prop_assert_eq!((one.len(), other.len()), (plain_one.len(), plain_other.len()));
        prop_assert_eq!(one.finish(), plain_one.finish());
        prop_assert_eq!(other.finish(), plain_other.finish());
    }

    #[test]
    fn a_changed_state_is_refused(
        algorithm in algorithm(),
        content in prop::collection::vec(any::<u8>(), 0..300),
        place in any::<prop::sample::Index>(),
        flip in 1u8..,
        cut in any::<prop::sample::Index>(),
    ) {
        let mut digester = Digester::new(algorithm);
        digester.update(&content);
        let state = digester.state();
        prop_assert!(Digester::resume(&state[..cut.index(state.len())]).is_err());
        let mut changed = state;
        let place = place.index(changed.len());
        changed[place] ^= flip;
        prop_assert!(Digester::resume(&changed).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_no_state(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Digester::resume(&bytes).is_err());
    }

    #[test]
    fn a_verifier_takes_nothing_but_the_content(
        algorithm in algorithm(),
        content in prop::collection::vec(any::<u8>(), 0..100),
        other in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut verifier = Verifier::new(Digest::of(algorithm, &content));
        verifier.update(&other);
        prop_assert_eq!(verifier.verified(), other == content);
    }

    #[test]
    fn every_short_code_finds_its_digest(
        digests in prop::collection::hash_set(digest(), 0..40),
        least in 0usize..8,
    ) {
        let set = DigestSet::from_iter(digests.iter().copied());
        let codes = set.short_codes(least);
        prop_assert_eq!(codes.len(), digests.len());
        for (digest, code) in codes {
            prop_assert!(code.len() >= least);
            prop_assert_eq!(set.lookup(&code), Ok(digest));
        }
    }
}

#[test]
fn known_digests() {
    let check = |algorithm, text: &str| assert_eq!(Digest::of(algorithm, b"").to_string(), text);
    check(
        Algorithm::Sha256,
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    );
    check(
        Algorithm::Sha384,
        "sha384:38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da\
         274edebfe76f65fbd51ad2f14898b95b",
    );
    check(
        Algorithm::Sha512,
        "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce\
         47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
    );
}

/// The million of FIPS 180, taken by two digesters of which one has a million before.
#[test]
fn known_digests_of_two_digesters() {
    let million = vec![b'a'; 1_000_000];
    let mut two = Digester::new(Algorithm::Sha256);
    two.update(&million);
    let mut one = Digester::new(Algorithm::Sha256);
    for piece in million.chunks(300_000) {
        two.update_with(&mut one, piece);
    }
    assert_eq!(
        one.finish().to_string(),
        "sha256:cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    );
    assert_eq!(
        two.finish().to_string(),
        "sha256:bcf7f9d1b4311c3352e60502255ce09a6744df84e8f2c89f79c4b5d74933a95a",
    );
}

#[test]
fn json_that_is_no_digest_is_refused() {
    for json in ["\"sha256:cafe\"", "\"md5:d41d8cd98f00b204e9800998ecf8427e\"", "7", "null"] {
        assert!(serde_json::from_str::<Digest>(json).is_err(), "{json}");
    }
}

#[test]
fn short_texts_find_digests() {
    let digest = |start: &str| Digest::parse(&format!("sha256:{start:0<64}")).unwrap();
    let long = |start: &str| Digest::parse(&format!("sha512:{start:0<128}")).unwrap();
    let mut set = DigestSet::new();
    for digest in [digest("1234"), digest("12345"), digest("54321"), long("5432"), long("1234")] {
        assert!(set.insert(digest));
    }
    assert!(!set.insert(digest("1234")));
    let check = |text: &str, expected| assert_eq!(set.lookup(text), expected, "{text}");
    check("12345", Ok(digest("12345")));
    check("543", Err(LookupError::Ambiguous));
    check("54321", Ok(digest("54321")));
    check("sha512:5", Ok(long("5432")));
    check("sha256:5", Ok(digest("54321")));
    check("1234", Err(LookupError::Ambiguous));
    check("", Err(LookupError::Ambiguous));
    check("9", Err(LookupError::NotFound));
    check("sha384:5", Err(LookupError::NotFound));
    check("foo:5", Err(LookupError::NotFound));
    check("1234-", Err(LookupError::NotFound));
    check("12345É", Err(LookupError::NotFound));
    // The hex of one digest is the start of another one here: only the algorithm tells them apart.
    check(&digest("1234").encoded(), Err(LookupError::Ambiguous));
    check(&digest("1234").to_string(), Ok(digest("1234")));
    check(&long("1234").to_string(), Ok(long("1234")));
    assert!(set.remove(&long("5432")));
    assert!(!set.remove(&long("5432")));
    assert_eq!(set.lookup("543"), Ok(digest("54321")));
    assert_eq!(set.len(), 4);
    assert_eq!(DigestSet::new().lookup(""), Err(LookupError::NotFound));
    assert_eq!(DigestSet::from_iter([digest("1")]).lookup(""), Ok(digest("1")));
}
