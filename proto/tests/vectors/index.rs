use crate::Outcome;
use crate::case::Case;
use crate::primitives::h;
use cssr_proto::index::{Batch, GroupSize, Head, Index, IndexError, Window, chunk_genesis, letter_genesis};
use cssr_proto::keys::RelayPublicKey;
use cssr_proto::{Day, Hash};

pub fn batch(case: &Case) -> Outcome {
    let bytes = case.given("batch").bytes();
    let batch = Batch::from_bytes(&bytes).map_err(|_| "malformed")?;
    assert_eq!(batch.to_bytes(), bytes);
    case.expect("number", batch.number());
    case.expect("day", batch.day().0);
    case.expect("previous", batch.previous().0);
    case.expect_all("id", batch.ids().iter().map(|id| id.0));
    case.expect("chain", batch.chain_value().0);
    let ids: Vec<u8> = batch.ids().iter().flat_map(|id| id.0).collect();
    let (number, day, count) = (batch.number().to_be_bytes(), batch.day().0.to_be_bytes(), batch.ids().len() as u32);
    let input = [&batch.previous().0[..], &number, &day, &count.to_be_bytes(), &ids].concat();
    case.expect("chain", h("cssr1 index batch", &input));
    Ok(())
}

pub fn window(case: &Case) -> Outcome {
    let relay = RelayPublicKey(case.given("relay-key").array());
    let first = Day(case.given("first-day").small());
    let size = GroupSize::new(case.given("group-size").number()).unwrap();
    let (number, day) = (case.given("head-number").number(), Day(case.given("head-day").small()));
    let chain = Hash(case.given("head-chain").array());
    let indexes: Vec<_> = case.all("index").iter().map(|index| Index::from_bytes(&index.bytes())).collect();
    let head = Head::new(number, day, chain).map_err(|_| "malformed")?;
    let days = indexes.into_iter().collect::<Result<Vec<_>, _>>().map_err(|_| "malformed")?;
    let window = Window::verify(first, days, &letter_genesis(&relay), &head).map_err(|error| match error {
        IndexError::WrongDay => "wrong-day",
        IndexError::Gap => "gap",
        IndexError::BrokenChain => "broken-chain",
        IndexError::WrongGenesis => "wrong-genesis",
        IndexError::Duplicate => "duplicate",
        IndexError::Hidden => "hidden",
        IndexError::Forked => "forked",
        IndexError::HeadAfterWindow => "head-after-window",
        other => panic!("{other}"),
    })?;
    case.expect("genesis", letter_genesis(&relay).0);
    case.expect("genesis", h("cssr1 index genesis", &relay.0));
    case.expect("chunk-genesis", chunk_genesis(&relay).0);
    case.expect("chunk-genesis", h("cssr1 chunk genesis", &relay.0));
    case.expect("last-chain", window.head().map(|head| head.chain().0));
    case.expect_all("id", window.ids().map(|(id, ..)| id.0));
    case.expect_all("id-day", window.ids().map(|(_, day, _)| day.0));
    let groups = window.ids().map(|(id, day, position)| {
        let group = window.group_of(day, position, size);
        assert!(window.members(group, size).contains(id));
        group.number
    });
    case.expect_all("id-group", groups);
    Ok(())
}
