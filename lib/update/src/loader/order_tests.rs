use proptest::prelude::*;

use super::*;

/// The examples of UAPI.10, from the oldest to the newest, and what our os-releases say.
#[test]
fn versions_of_the_specification() {
    let rising: [&[&str]; 6] = [
        &["~1", "", "1"],
        &["1.0~rc1", "1.0", "1.0-1", "1.0^1", "1.0.1", "1.1"],
        &["11α", "11a", "12"],
        &["1_2_3", "1_3_3"],
        &["122.1", "123~rc1-1", "123", "123-a", "123-a.1", "123-1", "123-1.1", "123^post1", "123.a-1", "123.1-1", "123a-1", "124-1"],
        &["0.1.0 (standalone)", "0.1.0 (standalone).parameters", "0.2.0-rc.1 (standalone)", "0.2.0 (standalone)", "0.10.0 (standalone)"],
    ];
    for list in rising {
        for pair in list.windows(2) {
            assert!(compare_versions(pair[0], pair[1]) != Ordering::Greater, "{pair:?}");
            assert!(compare_versions(pair[1], pair[0]) != Ordering::Less, "{pair:?}");
        }
    }
    for (a, b) in [
        ("1.0", "1.0.1"),
        ("1.0~rc1", "1.0"),
        ("0.1.0", "0.1.0.parameters"),
        ("0.9.0", "0.10.0"),
        ("00123", "124"),
        ("a", "1"),
        ("ab", "abc"),
    ] {
        assert_eq!(compare_versions(a, b), Ordering::Less, "{a} {b}");
    }
    for (a, b) in [("1_2_3", "1 2 3"), ("00123", "123"), ("1.2.3", "1.2.3")] {
        assert_eq!(compare_versions(a, b), Ordering::Equal, "{a} {b}");
    }
}

#[test]
fn the_version_is_the_most_precise_of_the_os_release() {
    let release = "NAME=Ampoule\nVERSION_ID=1.2.3\nVERSION=\"1.2.3 (standalone)\"\nBUILD_ID=x\n";
    assert_eq!(order_of(release), "1.2.3 (standalone)");
    assert_eq!(order_of("IMAGE_VERSION='7'\nVERSION=8"), "7");
    assert_eq!(order_of("VERSION_IDS=9\n"), "");
}

fn image(version: &str) -> Image {
    Image { version: version.parse().expect("a version"), order: format!("{version} (standalone)") }
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

#[test]
fn exhausted_entries_come_last_and_parameters_before_their_image() {
    let esp = Esp {
        images: names(&["ampoule_1.0.0.efi", "ampoule_1.1.0+0-3.efi", "ampoule_1.2.0+3.efi", "other.efi"]),
        entries: names(&["ampoule_1.0.0.parameters.conf", "ampoule_1.1.0.parameters.conf"]),
        copies: names(&["1.0.0.efi"]),
    };
    let found: Vec<_> = entries(&esp, &[image("1.0.0"), image("1.1.0"), image("1.2.0")]).into_iter().map(|entry| entry.path).collect();
    let expected = [
        "EFI/Linux/ampoule_1.2.0+3.efi",
        "loader/entries/ampoule_1.0.0.parameters.conf",
        "EFI/Linux/ampoule_1.0.0.efi",
        "EFI/Linux/ampoule_1.1.0+0-3.efi",
    ];
    assert_eq!(found, expected);
}

#[test]
fn counting_goes_as_the_loader_does_it() {
    let mut esp = Esp { images: names(&["ampoule_1.0.0+3.efi"]), ..Esp::default() };
    let mut seen = Vec::new();
    for _ in 0..4 {
        let path = counted(&entries(&esp, &[image("1.0.0")])[0]);
        seen.push(path.clone());
        esp.images = vec![path.rsplit('/').next().expect("a name").to_owned()];
    }
    assert_eq!(seen, ["+2-1", "+1-2", "+0-3", "+0-4"].map(|counter| format!("EFI/Linux/ampoule_1.0.0{counter}.efi")));
}

#[test]
fn a_newer_image_is_first_with_and_without_parameters() {
    assert!(is_first(&image("1.1.0"), &image("1.0.0")) && is_first(&image("1.1.0"), &image("1.1.0-rc.1")));
    assert!(!is_first(&image("1.0.0"), &image("1.1.0")) && !is_first(&image("1.0.0"), &image("1.0.0")));
}

const TEXT: &str = "[0-9a-z~.^ _-]{0,12}";

proptest! {
    #[test]
    fn it_is_an_order(a in TEXT, b in TEXT, c in TEXT) {
        prop_assert_eq!(compare_versions(&a, &b), compare_versions(&b, &a).reverse());
        prop_assert_eq!(compare_versions(&a, &a), Ordering::Equal);
        if compare_versions(&a, &b) == Ordering::Less && compare_versions(&b, &c) == Ordering::Less {
            prop_assert_eq!(compare_versions(&a, &c), Ordering::Less);
        }
    }

    /// Releases without pre-release parts are ordered as semantic versions are.
    #[test]
    fn releases_are_ordered_as_everywhere(a in (0u64..30, 0u64..30, 0u64..30), b in (0u64..30, 0u64..30, 0u64..30)) {
        let (a, b) = (Version::new(a.0, a.1, a.2), Version::new(b.0, b.1, b.2));
        prop_assert_eq!(compare_versions(&format!("{a} (standalone)"), &format!("{b} (standalone)")), a.cmp(&b));
    }

    #[test]
    fn any_text_is_answered(a in "\\PC{0,30}", b in "\\PC{0,30}") {
        let _ = compare_versions(&a, &b);
    }
}
