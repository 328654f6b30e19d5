//! Targets for what an update brings along: a repository's manifest, trees and kernel images, names on the boot partition, a node's own records.

use std::collections::BTreeMap;

use ampoule_fuzz::run;
use ampoule_layout::{Guid, RootHash, gpt};
use ampoule_update::{
    Manifest, Record, Timestamp,
    delta::Bitmap,
    loader::{Esp, Image, compare_versions, counted, entries, image_name, parse_entry_name, parse_image_name},
    policy::Policy,
    tree::{self, Tree},
    uki::{self, Uki},
    waves::{MAX_SEED, Waves},
};

/// A search that starts from what is refused at once would find nothing.
#[test]
fn seeds_are_understood() {
    let any = |target: &str, understood: &dyn Fn(&[u8]) -> bool| {
        assert!(ampoule_fuzz::seeds(target).iter().any(|seed| understood(seed)), "no seed of {target} is understood");
    };
    any("update-manifest", &|seed| Manifest::parse(seed).is_ok_and(|manifest| manifest.updates.len() == 2));
    any("update-tree", &|seed| seed.len() as u64 == tree::length(300));
    any("update-kernel-image", &|seed| Uki::parse(seed).is_ok_and(|uki| uki.root().is_ok()));
    any("update-record", &|seed| Record::read(Some(seed)).1.is_none());
    any("update-progress", &|seed| Bitmap::from_bytes(seed, "07".repeat(32).parse().expect("a hash"), 300).is_ok());
    any("update-wave-policy", &|seed| std::str::from_utf8(seed).is_ok_and(|text| Policy::parse(text).is_ok()));
    any("update-partition-table", &|seed| {
        gpt::set_guids(seed, 512, 16 << 20, &[(1, Guid::from_u128(7))]).is_ok_and(|writes| writes.len() == 2)
    });
}

/// What is taken can be published again, and every node finds its time.
#[test]
fn fuzz_update_manifest() {
    run("update-manifest", |bytes| {
        let Ok(manifest) = Manifest::parse(bytes) else { return };
        for update in &manifest.updates {
            assert!(
                [0, 1, MAX_SEED - 1, u32::MAX]
                    .map(|seed| update.waves.ready_at(seed))
                    .is_sorted_by(|a, b| a <= b || update.waves.is_empty())
            );
            let images = [&update.images.boot, &update.images.root, &update.images.hash, &update.images.loader];
            assert!(images.iter().all(|name| !name.as_str().contains(['/', '\\'])), "a path");
            assert_eq!(update.size.hash, tree::length(update.root_blocks));
        }
        let again = manifest.to_json().expect("what was read can be published");
        assert_eq!(Manifest::parse(again.as_bytes()).expect("read again"), manifest);
    });
}

/// Only the whole tree belongs to its root hash: whatever else is taken is the same but for the fields that nobody reads.
#[test]
fn fuzz_update_tree() {
    let seeds = ampoule_fuzz::seeds("update-tree");
    let whole = seeds.iter().max_by_key(|seed| seed.len()).expect("a tree").clone();
    let root: RootHash = include_str!("../../../lib/update/src/tree_fixture.root").trim().parse().expect("a hash");
    run("update-tree", |bytes| {
        if let Ok(tree) = Tree::verify(bytes.to_vec(), root, 300) {
            assert_eq!(tree.bytes()[4096..], whole[4096..]);
        }
        let blocks = bytes.iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        let _ = (tree::length(blocks % 1_000_000), Tree::verify(bytes.to_vec(), root, blocks));
    });
}

#[test]
fn fuzz_update_kernel_image() {
    run("update-kernel-image", |bytes| {
        if let Ok(uki) = Uki::parse(bytes) {
            assert!(uki.command_line.len() <= 2048 && !uki.command_line.contains('\0'));
            let _ = (uki.root(), uki.order());
        }
        if uki::starts(bytes).is_ok() {
            assert!(uki::kernel(bytes).is_ok_and(|kernel| bytes[kernel].starts_with(b"MZ")));
        }
    });
}

/// The loader's order is an order whatever names there are, and what is read from a name makes that name.
#[test]
fn fuzz_update_file_names() {
    run("update-file-names", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let names: Vec<String> = text.lines().take(12).map(|line| line.chars().take(300).collect()).collect();
        for name in &names {
            if let Some((version, counter)) = parse_image_name(name) {
                assert_eq!(parse_image_name(&image_name(&version, counter)), Some((version, counter)));
            }
            let _ = parse_entry_name(name);
        }
        for (a, b) in names.iter().zip(names.iter().skip(1)) {
            assert_eq!(compare_versions(a, b), compare_versions(b, a).reverse(), "{a:?} {b:?}");
        }
        let images: Vec<_> = names
            .iter()
            .filter_map(|name| parse_image_name(name))
            .map(|(version, _)| Image { order: version.to_string(), version })
            .collect();
        let esp = Esp { images: names.clone(), entries: names.clone(), copies: names };
        let found = entries(&esp, &images);
        assert!(found.iter().all(|entry| counted(entry).len() < 1000));
    });
}

/// There is always a record to go on with, and it can be kept.
#[test]
fn fuzz_update_record() {
    run("update-record", |bytes| {
        let (record, _) = Record::read(Some(bytes));
        let (again, error) = Record::read(Some(record.to_json().as_bytes()));
        assert!(error.is_none() && again == record, "{error:?}");
    });
}

#[test]
fn fuzz_update_progress() {
    let root: RootHash = "07".repeat(32).parse().expect("a hash");
    run("update-progress", |bytes| {
        if let Ok(bitmap) = Bitmap::from_bytes(bytes, root, 300) {
            assert!(bitmap.count() <= 300 && bitmap.to_bytes(root) == bytes);
        }
    });
}

#[test]
fn fuzz_update_wave_policy() {
    run("update-wave-policy", |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        if let Ok(policy) = Policy::parse(text) {
            let waves: Waves = policy.waves(Timestamp::LAST);
            let bounds: BTreeMap<u32, Timestamp> = waves.clone().into();
            assert!(!bounds.is_empty() && waves.ready_at(u32::MAX).is_some());
        }
    });
}

/// A table that is changed is whole again; one that is not whole is left.
#[test]
fn fuzz_update_partition_table() {
    let guid = Guid::from_u128(7);
    run("update-partition-table", |bytes| {
        for sector in [512, 4096] {
            let _ = gpt::grow(bytes, sector, 64 << 20, 2);
            let Ok(writes) = gpt::set_guids(bytes, sector, 16 << 20, &[(1, guid)]) else { continue };
            if let Some(primary) = writes.last() {
                assert_eq!(primary.offset, 0);
                let entries = gpt::entries(&primary.bytes, sector).expect("a whole table");
                assert!(entries.iter().any(|entry| (entry.number, entry.guid) == (1, guid)) && writes.len() == 2);
            }
        }
    });
}
