use crate::Outcome;
use crate::case::Case;
use crate::primitives::{ed25519, h};
use cssr_proto::keys::RootPublicKey;
use cssr_proto::{Card, CardError, Fingerprint, Hash, Lineage, LineageError, Root, commitment};

pub fn card(case: &Case) -> Outcome {
    let card: Card = case.given("text").text().parse().map_err(|error| match error {
        CardError::Prefix => "card-prefix",
        CardError::NoAddress => "card-no-address",
        CardError::Character { .. } => "card-character",
        CardError::Length { .. } => "card-length",
        CardError::Typo => "card-checksum",
        CardError::Padding => "card-padding",
        CardError::Address { .. } => "card-address",
        CardError::TooManyAddresses => "card-too-many-addresses",
        other => panic!("{other}"),
    })?;
    case.expect("fingerprint", card.fingerprint().as_bytes());
    case.expect("card", card.to_string());
    case.expect_all("url", card.addresses().iter().map(|address| address.url()));
    Ok(())
}

pub fn lineage(case: &Case) -> Outcome {
    let card = Fingerprint::from_bytes(case.given("card").array());
    let roots = case.all("root").into_iter().zip(case.all("commitment"));
    let roots = roots.map(|(key, next)| Root { key: RootPublicKey(key.array()), commitment: Hash(next.array()) });
    let roots: Vec<Root> = roots.collect();
    let lineage = Lineage::new(roots.clone()).map_err(|_| "malformed")?;
    lineage.check(card).map_err(lineage_error)?;

    let seeds = case.sources("root-seed");
    assert_eq!(seeds.len(), roots.len() + 1);
    for (root, seed) in roots.iter().zip(seeds.windows(2)) {
        let [own, next] = [&seed[0], &seed[1]].map(|seed| ed25519(&seed.array()));
        assert_eq!(root.key.0, own);
        assert_eq!(root.commitment, commitment(&RootPublicKey(next)));
        assert_eq!(root.commitment.0, h("cssr1 root commitment", &next));
        assert_eq!(root.fingerprint().as_bytes()[..], h("cssr1 card", &[own, root.commitment.0].concat())[..16]);
    }
    case.expect("office", lineage.office().as_bytes());
    case.expect("current-root", lineage.current().key.0);
    case.expect("current-fingerprint", lineage.current().fingerprint().as_bytes());
    Ok(())
}

pub fn lineage_error(error: LineageError) -> &'static str {
    match error {
        LineageError::Broken(_) => "lineage-broken",
        LineageError::OtherOffice => "lineage-other-office",
        other => panic!("{other}"),
    }
}
