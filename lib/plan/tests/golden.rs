//! Each file that settings become, byte for byte: `golden/NAME.toml` is user data, `golden/NAME/` has the files below `/` that it makes.
//! What a change of the code does to the files of a node is then part of the change.
//!
//! `AMPOULE_WRITE_GOLDEN=1 cargo test -p ampoule-plan --test golden` writes them anew.

use ampoule_plan::{Files, Image, render};
use ampoule_settings::{Fragment, Layers, Model, all_keys};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const CASES: &[&str] = &["defaults", "everything"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn image() -> Image {
    let services = [
        "apid",
        "boot-parameters",
        "containerd",
        "hostd",
        "kernel-settings",
        "metricd",
        "modload",
        "netd",
        "ntpd",
        "update-fetcher",
        "updated",
    ];
    Image { services: services.iter().map(|service| (*service).to_owned()).collect(), certificates: b"those of the image\n".to_vec() }
}

fn files(text: &str) -> Option<Files> {
    let chosen = Fragment::from_toml(&Model::complete(), text).ok()?;
    Some(render(&image(), &Layers { chosen, ..Layers::default() }.settings().ok()?))
}

fn rendered(case: &str) -> BTreeMap<String, String> {
    let text = fs::read_to_string(folder().join(format!("{case}.toml"))).expect("user data");
    let files = files(&text).unwrap_or_else(|| panic!("{case}.toml is refused"));
    let with_mode = |content: &[u8], mode: u32| format!("mode {mode:04o}\n{}", String::from_utf8_lossy(content));
    files.into_iter().map(|(path, file)| (path.trim_start_matches('/').to_owned(), with_mode(&file.content, file.mode))).collect()
}

fn golden(case: &str) -> BTreeMap<String, String> {
    let root = folder().join(case);
    let mut found = BTreeMap::new();
    let mut open = vec![root.clone()];
    while let Some(place) = open.pop() {
        for entry in fs::read_dir(&place).unwrap_or_else(|error| panic!("{}: {error}", place.display())).flatten() {
            match entry.path() {
                path if path.is_dir() => open.push(path),
                path => {
                    let name = path.strip_prefix(&root).expect("below").display().to_string();
                    drop(found.insert(name, fs::read_to_string(&path).expect("text")));
                }
            }
        }
    }
    found
}

fn write(case: &str, files: &BTreeMap<String, String>) {
    let root = folder().join(case);
    // None at the first time.
    let _ = fs::remove_dir_all(&root);
    for (path, text) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folder");
        fs::write(path, text).expect("written");
    }
}

#[test]
fn settings_become_the_files_that_are_written_down() {
    for case in CASES {
        let rendered = rendered(case);
        if std::env::var_os("AMPOULE_WRITE_GOLDEN").is_some() {
            write(case, &rendered);
        }
        let golden = golden(case);
        assert_eq!(rendered.keys().collect::<Vec<_>>(), golden.keys().collect::<Vec<_>>(), "{case}: other files");
        for (path, text) in &rendered {
            assert_eq!(text, &golden[path], "{case}: /{path}");
        }
    }
}

/// No setting makes a kind of file of which there is no golden one. (Names of registries are the settings' own.)
#[test]
fn each_kind_of_file_is_there() {
    let kind = |path: &str| match path.split_once("certs.d/") {
        Some((before, _)) => format!("{before}certs.d/*"),
        None => path.to_owned(),
    };
    let known: BTreeSet<String> = CASES.iter().flat_map(|case| golden(case).into_keys()).map(|path| kind(&path)).collect();
    let examples = all_keys().filter_map(|key| files(&format!("[settings]\n{} = {}\n", key.example_key(), key.example)));
    let made: BTreeSet<String> = examples.flat_map(Files::into_keys).map(|path| kind(path.trim_start_matches('/'))).collect();
    assert!(made.is_subset(&known), "without a golden file: {:?}", made.difference(&known).collect::<Vec<_>>());
    assert!(made.len() > 5, "examples make files: {made:?}");
}
