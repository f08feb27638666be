//! Blocks that go bad: sled drops what follows a damaged spot of its log without a word, so a store that has lost anything
//! must not open; and one that opens must serve everything as it was.

use super::{Folders, files};
use crate::store::conformance::{AMPLE, Engine as _, burn_key, chunk, day, envelope, id, letter, stored};
use crate::store::{Kind, OpenError, Shelf, StatementName, Store as _, StoreError};
use cssr_proto::index::Batch;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const BLOCK: usize = 4_096;
const LETTERS: [u64; 3] = [0, 1, 2];
const CHUNKS: [u64; 2] = [100, 102];
const BURNED: u64 = 101;
const STATEMENT: [u8; 700] = [7; 700];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Harm {
    Flip,
    Zeros,
    /// What another file had left there.
    Old,
}

/// Every block: where, how many bytes, and how.
fn harms(length: usize) -> impl Iterator<Item = (usize, usize, Harm)> {
    let blocks = (0..length).step_by(BLOCK).map(move |at| (at, BLOCK.min(length - at)));
    blocks.flat_map(|(at, length)| [Harm::Flip, Harm::Zeros, Harm::Old].map(|harm| (at, length, harm)))
}

fn harmed(block: &[u8], which: usize, harm: Harm) -> Vec<u8> {
    let mut bytes = block.to_vec();
    match harm {
        Harm::Flip => bytes[(which * 937 + 40) % block.len()] ^= 1 << (which % 8),
        Harm::Zeros => bytes.fill(0),
        Harm::Old => bytes.iter_mut().zip(0usize..).for_each(|(byte, n)| *byte = (n * 31 % 251) as u8),
    }
    bytes
}

fn statement() -> StatementName {
    StatementName::new("statement").unwrap()
}

/// Letters and chunks of one day: listed, waiting, burned.
async fn small(folders: &mut Folders) -> Vec<Arc<Batch>> {
    let store = folders.open(AMPLE);
    for seed in 0..2 {
        stored(&store, letter(seed, day(0))).await;
        stored(&store, chunk(100 + seed, day(0))).await;
    }
    store.seal(Kind::Letter).await.unwrap();
    store.seal(Kind::Chunk).await.unwrap();
    store.burn(id(BURNED), burn_key(BURNED)).await.unwrap();
    stored(&store, letter(2, day(0))).await;
    stored(&store, chunk(102, day(0))).await;
    store.put_statement(Shelf::Notes, statement(), STATEMENT.to_vec()).await.unwrap();
    let mut batches = store.batches(Kind::Letter, day(0)).await.unwrap();
    batches.extend(store.batches(Kind::Chunk, day(0)).await.unwrap());
    store.close().await.unwrap();
    batches
}

/// Opens the store, and looks at everything in it; whether all of it could be read. Nothing is missing without a word, and
/// nothing is wrong.
async fn serves(
    folders: &mut Folders,
    batches: &[Arc<Batch>],
    is_statement: bool,
    what: &str,
) -> Result<bool, OpenError> {
    let store = folders.try_open(AMPLE)?;
    let (mut all, letters) = (true, LETTERS.map(|seed| (Kind::Letter, seed)));
    for (kind, seed) in letters.into_iter().chain(CHUNKS.map(|seed| (Kind::Chunk, seed))) {
        match store.get(kind, None, &[id(seed)]).await.as_deref() {
            Ok([Some(found)]) => assert_eq!(*found, envelope(seed)),
            Err(StoreError::Unreadable(_)) => all = false,
            other => panic!("{what}: {other:?}"),
        }
    }
    assert!(matches!(store.get(Kind::Chunk, None, &[id(BURNED)]).await.as_deref(), Ok([None])));
    let mut found = store.batches(Kind::Letter, day(0)).await.unwrap();
    found.extend(store.batches(Kind::Chunk, day(0)).await.unwrap());
    assert_eq!(found, batches, "{what}");
    // Whoever reads a statement verifies it.
    let found = store.statement(Shelf::Notes, statement()).await.unwrap();
    assert!(is_statement || found.as_deref() == Some(&STATEMENT[..]));
    // It may know already that it cannot go on.
    let _ = store.close().await;
    Ok(all)
}

/// The store's files, without the blank end that a log has.
fn contents(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let written = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let content = |path: &PathBuf| {
        let mut bytes = std::fs::read(path).unwrap();
        bytes.truncate(written(&bytes).next_multiple_of(BLOCK).min(bytes.len()));
        bytes
    };
    files(root).into_iter().map(|path| (path.clone(), content(&path))).collect()
}

/// Puts a folder in the place of another.
fn restore(from: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        std::fs::remove_dir_all(to)?;
    }
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        std::fs::create_dir(to.join(&folder))?;
        for entry in from.join(&folder).read_dir()? {
            let (entry, name) = (entry.as_ref().unwrap(), folder.join(entry.as_ref().unwrap().file_name()));
            if entry.file_type()?.is_dir() {
                folders.push(name);
            } else {
                std::fs::copy(entry.path(), to.join(name))?;
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_store_with_a_bad_block_serves_all_of_it_or_says_why_it_does_not_open() {
    let mut folders = Folders::default();
    let batches = small(&mut folders).await;
    let (root, sound) = (folders.path().join("store"), folders.path().join("sound"));
    restore(&root, &sound).unwrap();
    assert!(serves(&mut folders, &batches, false, "sound").await.unwrap());
    let mut refused: BTreeMap<String, u32> = BTreeMap::new();
    let (mut served, mut in_part) = (0, 0);
    restore(&sound, &root).unwrap();
    for (path, content) in contents(&root) {
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        for (at, length, harm) in harms(content.len()) {
            restore(&sound, &root).unwrap();
            let file = File::options().write(true).open(&path).unwrap();
            file.write_all_at(&harmed(&content[at..at + length], at / BLOCK, harm), at as u64).unwrap();
            let what = format!("{name}, {harm:?} of {length} bytes at {at}");
            match serves(&mut folders, &batches, name.ends_with("statement"), &what).await {
                Ok(true) => served += 1,
                Ok(false) => in_part += 1,
                Err(error) => {
                    assert!(!matches!(error, OpenError::Locked | OpenError::Io { .. }), "{what}: {error}");
                    *refused.entry(error.to_string()).or_default() += 1;
                }
            }
        }
    }
    eprintln!("served {served}, in part {in_part}, refused {refused:#?}");
    assert!(served > 0 && !refused.is_empty());
}

/// Without its checksum one bit made a day void, and that is destroyed.
#[tokio::test]
async fn no_bit_of_a_manifest_can_be_another() {
    let mut folders = Folders::default();
    let batches = small(&mut folders).await;
    let root = folders.path().join("store");
    let manifest = std::fs::read(root.join("manifest")).unwrap();
    for bit in 0..manifest.len() * 8 {
        let mut bytes = manifest.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(root.join("manifest"), bytes).unwrap();
        let opened = folders.try_open(AMPLE).map(drop);
        assert!(matches!(opened, Err(OpenError::OtherEngine)), "bit {bit}: {opened:?}");
    }
    std::fs::write(root.join("manifest"), manifest).unwrap();
    assert!(serves(&mut folders, &batches, false, "as it was").await.unwrap());
}
