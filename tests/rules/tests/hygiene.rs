//! What no tracked file may hold, and that service files are ones `init` accepts.

use ampoule_rules::{text, tracked_files};

/// Split in two so that this file does not break its own rule.
const FORBIDDEN: &[(&str, &str)] = &[
    ("/wo", "rk/main"),
    ("/ro", "ot/"),
    ("deb.", "debian.org"),
    ("proxy.", "golang.org"),
    ("index.", "crates.io"),
    ("static.", "crates.io"),
    ("registry.", "npmjs.org"),
    ("files.", "pythonhosted.org"),
];

/// Names that look forbidden and are not: addresses that a lock file or a format demands.
fn is_exempt(path: &str) -> bool {
    path == "Cargo.lock" || path.ends_with("go.sum")
}

#[test]
fn no_machine_paths_or_registry_hosts() {
    let words: Vec<String> = FORBIDDEN.iter().map(|(a, b)| format!("{a}{b}")).collect();
    let files = tracked_files();
    assert!(files.len() > 50, "too few files to be this repository");
    for path in files.iter().filter(|p| !is_exempt(p)) {
        let content = text(path).unwrap_or_default();
        let found: Vec<_> = words.iter().filter(|w| content.contains(*w)).collect();
        assert!(found.is_empty(), "{path} holds {found:?}");
    }
}

#[test]
fn the_lock_file_names_no_mirror() {
    let lock = text("Cargo.lock").expect("Cargo.lock is tracked");
    for line in lock.lines().filter(|l| l.starts_with("source = ")) {
        assert!(line.contains("github.com/rust-lang/crates.io-index"), "{line}");
    }
}
