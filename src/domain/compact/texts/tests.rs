use std::hash::DefaultHasher;

use proptest::prelude::*;

use super::*;

fn number_of(texts: &DigestList) -> u64 {
    let mut hasher = DefaultHasher::new();
    texts.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn a_digest_is_its_bytes_and_only_what_looks_like_one() {
    let digest = format!("sha256:{}", "0af9".repeat(16));
    assert!(matches!(Digest::new(&digest), Digest::Sha256(_)));
    let (capital, short) = (digest.to_uppercase(), &digest[..70]);
    for other in [&*capital, short, "", "sha256:", "sha512:ff"] {
        assert_eq!(Digest::new(other), Digest::Other(other.into()));
    }
    assert_eq!(*Digest::new(&digest).text(), digest);
    assert_eq!([digest].iter().collect::<DigestList>().own.len(), 33);
}

proptest! {
    #[test]
    fn texts_come_back_as_they_were(
        texts in prop::collection::vec(
            prop_oneof![".{0,80}", "[0-9a-f]{64}", "sha256:[0-9a-f]{64}", "[0-9a-z]{25}"],
            0..20,
        )
    ) {
        let kept: DigestList = texts.iter().collect();
        prop_assert_eq!(kept.len(), texts.len());
        let last = kept.last();
        prop_assert_eq!(last.as_deref(), texts.last().map(String::as_str));
        let again: Vec<Text> = kept.iter().collect();
        prop_assert!(again.iter().map(|it| &**it).eq(texts.iter().map(String::as_str)));
        let digests: Vec<Digest> = kept.digests().collect();
        prop_assert_eq!(&digests, &texts.iter().map(|it| Digest::new(it)).collect::<Vec<_>>());
        for (place, digest) in digests.into_iter().enumerate() {
            prop_assert_eq!(kept.digest(place), Some(digest));
        }
        prop_assert_eq!(kept.digest(texts.len()), None);
        // It is the same behind any front of its own, and nothing is taken for another's.
        for number in 0..=texts.len() {
            let front: SharedPrefix = kept.first(number).expect("as many").into();
            let behind = kept.clone().behind(&front);
            prop_assert_eq!(behind.own.len() + front.len(), kept.own.len());
            prop_assert_eq!(&behind, &kept);
            prop_assert_eq!(number_of(&behind), number_of(&kept));
            prop_assert!(behind.iter().eq(kept.iter()));
            let other = std::iter::once("another").chain(texts.iter().map(String::as_str));
            let other: DigestList = other.collect();
            prop_assert!(front.is_empty() || other.clone().behind(&front).front.is_none());
        }
        prop_assert_eq!(kept.first(texts.len() + 1), None);
    }
}
