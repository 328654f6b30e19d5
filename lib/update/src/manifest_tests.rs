use proptest::prelude::*;

use super::*;
use crate::example;

fn with(change: impl FnOnce(&mut serde_json::Value)) -> Result<Manifest, ManifestError> {
    let mut json = serde_json::to_value(example::manifest(&["1.0.0", "1.1.0"])).expect("JSON");
    change(&mut json);
    Manifest::parse(json.to_string().as_bytes())
}

#[test]
fn it_is_bottlerockets_file_with_our_fields() {
    let text = r#"{"updates":[{"variant":"standalone","arch":"x86_64","version":"1.2.3","max_version":"1.2.3",
        "waves":{"0":"2026-01-01T00:00:00Z","1024":"2026-01-02T00:00:00Z"},
        "images":{"boot":"b.efi","root":"r.erofs","hash":"h.verity","loader":"l.efi"},
        "root_hash":"ff29863a1c50e9a19e59eb2d497dd33b066ee87fb4b09fa3db359b0f190184d9","root_blocks":12588,
        "size":{"root":51560448,"hash":413696,"boot":7413760,"loader":100000},"new-field":true}],
        "migrations":{"(1.0.0, 1.2.3)":["migrate_x"]},"datastore_versions":{}}"#;
    let manifest = Manifest::parse(text.as_bytes()).expect("a manifest");
    assert_eq!(manifest.updates[0].size.hash, 413_696);
    assert_eq!(Manifest::parse(manifest.to_json().expect("JSON").as_bytes()).expect("again"), manifest);
}

#[test]
fn lengths_that_contradict_each_other_are_refused() {
    assert!(with(|_| ()).is_ok());
    for field in ["root", "hash", "boot", "loader"] {
        for value in [0, u64::MAX] {
            let answer = with(|json| json["updates"][1]["size"][field] = value.into());
            assert!(matches!(answer, Err(ManifestError::Update { .. })), "{field} {value}");
        }
    }
    for blocks in [0, MAX_ROOT_BLOCKS + 1, u64::MAX] {
        assert!(with(|json| json["updates"][0]["root_blocks"] = blocks.into()).is_err(), "{blocks}");
    }
}

#[test]
fn names_are_names() {
    for name in ["../x", "a/b", "a\\b", "a\u{7}", ""] {
        for part in ["boot", "root", "hash", "loader"] {
            assert!(with(|json| json["updates"][0]["images"][part] = name.into()).is_err(), "{part} {name:?}");
        }
        assert!(with(|json| json["updates"][0]["variant"] = name.into()).is_err(), "{name:?}");
        assert!(with(|json| json["updates"][0]["arch"] = name.into()).is_err(), "{name:?}");
    }
}

#[test]
fn a_version_is_no_boot_counter() {
    for version in ["1.2.3+3", "1.2.3+3-1", &format!("1.2.3-{}", "x".repeat(64))] {
        assert!(with(|json| json["updates"][0]["version"] = version.into()).is_err(), "{version}");
        assert!(with(|json| json["updates"][0]["max_version"] = version.into()).is_err(), "{version}");
    }
}

#[test]
fn the_boot_partition_holds_the_largest_images() {
    let esp = ampoule_layout::PARTITIONS[0].size;
    // FAT32 takes under 1 MiB for its tables at this size.
    assert!(5 * MAX_BOOT + 4 * MAX_LOADER + ampoule_layout::MIB < esp);
}

#[test]
fn it_is_bounded() {
    assert!(matches!(Manifest::parse(&vec![b' '; MAX_MANIFEST + 1]), Err(ManifestError::TooLong(_))));
    let versions: Vec<String> = (0..=MAX_UPDATES).map(|minor| format!("1.{minor}.0")).collect();
    let many = example::manifest(&versions.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(matches!(many.check(), Err(ManifestError::TooMany { what: "updates", .. })));
    let migrations = vec![String::new(); MAX_MIGRATIONS];
    let many = Manifest { migrations: [("(1.0.0, 1.1.0)".to_owned(), migrations)].into(), ..Manifest::default() };
    assert!(matches!(many.check(), Err(ManifestError::TooMany { what: "migrations", .. })));
}

#[test]
fn an_image_is_listed_once() {
    assert!(with(|json| json["updates"][1]["version"] = "1.0.0".into()).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Manifest::parse(&bytes);
    }
}

#[test]
fn a_kernel_lies_inside_of_its_image() {
    use crate::example::update;
    let with = |offset, size, sha256: &str| {
        let kernel = Some(Kernel { offset, size, sha256: sha256.to_owned() });
        Manifest { updates: vec![Update { kernel, ..update("1.2.3") }], ..Manifest::default() }.check()
    };
    let digits = "0a".repeat(32);
    let boot = update("1.2.3").size.boot;
    assert!(with(4096, boot - 4096, &digits).is_ok());
    for (offset, size) in [(4096, boot - 4095), (0, 0), (u64::MAX, 2), (2, u64::MAX)] {
        assert!(with(offset, size, &digits).is_err(), "{offset} {size}");
    }
    for sha256 in ["", "0a", &digits.to_uppercase(), &"0g".repeat(32)] {
        assert!(with(0, 1, sha256).is_err(), "{sha256}");
    }
}
