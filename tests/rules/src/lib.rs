//! Reads the repository's own manifests and files, so that the tests beside this crate can hold it to its rules.
//!
//! The rules: `ARCHITECTURE.md` (dependency directions), `node/init/README.md` (PID 1's dependencies), `CONTRIBUTING.md` (unsafe, paths), `policy/selinux` (promises).

pub mod policy;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Crates of `lib/` that do no I/O and may use only one another.
pub const PURE: &[&str] = &[
    "base",
    "cis",
    "confirm",
    "denials",
    "fetchwire",
    "kernel",
    "layout",
    "logwire",
    "migrate",
    "modalias",
    "netmodel",
    "nft",
    "plan",
    "provision",
    "settings",
    "supervise",
    "tls",
    "update",
    "workload",
];

/// One member of the workspace.
#[derive(Debug)]
pub struct Member {
    /// Path from the root, such as `node/init`.
    pub path: String,
    /// Names of all dependencies that reach the built product (not dev-dependencies).
    pub dependencies: Vec<String>,
    /// The manifest.
    pub manifest: toml::Table,
}

impl Member {
    /// The folder right below the root, such as `node`.
    #[must_use]
    pub fn room(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// The crate's folder name, such as `init`.
    #[must_use]
    pub fn leaf(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Whether this is one of the crates that do no I/O.
    #[must_use]
    pub fn is_pure(&self) -> bool {
        self.room() == "lib" && PURE.contains(&self.leaf())
    }
}

/// The repository's root.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("tests/rules lies two below the root").to_owned()
}

/// Every file git tracks, as paths from the root.
#[must_use]
pub fn tracked_files() -> Vec<String> {
    let out = Command::new("git").arg("-C").arg(root()).args(["ls-files", "-z"]).output().expect("git runs");
    assert!(out.status.success(), "git ls-files failed: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout.split(|b| *b == 0).filter(|p| !p.is_empty()).map(|p| String::from_utf8_lossy(p).into_owned()).collect()
}

/// Reads a tracked text file; `None` for binary ones.
#[must_use]
pub fn text(path: &str) -> Option<String> {
    std::fs::read_to_string(root().join(path)).ok()
}

/// All members of the workspace, by package name.
#[must_use]
pub fn members() -> BTreeMap<String, Member> {
    // A package of an image may have a manifest too; it only pins what is built and is no member.
    let manifests = tracked_files().into_iter().filter(|p| p.ends_with("/Cargo.toml") && !p.starts_with("image/packages/"));
    manifests.filter_map(|p| member(p.trim_end_matches("/Cargo.toml"))).collect()
}

fn member(path: &str) -> Option<(String, Member)> {
    let manifest: toml::Table = text(&format!("{path}/Cargo.toml"))?.parse().expect("a manifest is TOML");
    let name = manifest.get("package")?.get("name")?.as_str()?.to_owned();
    let dependencies = ["dependencies", "build-dependencies"].iter().flat_map(|t| table_keys(&manifest, t)).collect();
    Some((name, Member { path: path.to_owned(), dependencies, manifest }))
}

/// Keys of a table of the manifest, empty when it is absent.
#[must_use]
pub fn table_keys(manifest: &toml::Table, table: &str) -> Vec<String> {
    manifest.get(table).and_then(|t| t.as_table()).map(|t| t.keys().cloned().collect()).unwrap_or_default()
}
