//! The tree of the root file system, as the node will see it.

use crate::hash::{self, Facts};
use crate::package::{Built, make_parent};
use crate::seccomp;
use crate::variant::Variant;
use ampoule_supervise::identity;
use anyhow::Context;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// Directories that something is mounted on at boot. The root is read-only: what is missing here can never be mounted.
const MOUNT_POINTS: &[&str] = &["dev", "etc", "proc", "run", "state", "sys", "tmp", "var"];

/// What the node trusts for updates, at Bottlerocket's place.
pub(crate) const UPDATE_ROOT: &str = "usr/share/updog/root.json";

/// The trusted `root.json` of an image: the one given, else the one that the variant names.
pub(crate) fn update_root(repo: &Path, variant: &Variant, given: Option<&Path>) -> anyhow::Result<Option<Vec<u8>>> {
    let named = variant.update_root.as_ref().map(|name| repo.join(name));
    let Some(path) = given.map(Path::to_path_buf).or(named) else { return Ok(None) };
    let text = std::fs::read(&path).with_context(|| format!("cannot read the root of trust {}", path.display()))?;
    let document: serde_json::Value = serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    let is_root = document.pointer("/signed/_type").and_then(|kind| kind.as_str()) == Some("root");
    anyhow::ensure!(is_root, "{} is not a root.json of a TUF repository: `./ampoule publish keys` makes one", path.display());
    Ok(Some(text))
}

/// Copied to `/etc` at boot.
const ETC: &str = "usr/lib/ampoule/etc";

/// What the checkout's manifest says of this version of the system.
pub(crate) struct Release {
    pub(crate) version: String,
    /// Day it was cut, as `YYYY-MM-DD`. Written by hand: a date taken from a clock would make each build another image.
    pub(crate) date: String,
}

impl Release {
    /// `workspace.package.version` and `workspace.metadata.release.date` of the checkout.
    pub(crate) fn read(repo: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(repo.join("Cargo.toml")).context("cannot read Cargo.toml")?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let manifest: toml::Table = text.parse().context("Cargo.toml is wrong")?;
        let workspace = manifest.get("workspace").context("Cargo.toml has no workspace")?;
        let version = workspace.get("package").and_then(|p| p.get("version")?.as_str());
        let date = workspace.get("metadata").and_then(|m| m.get("release")?.get("date")?.as_str());
        let date = date.filter(|date| is_date(date)).context("workspace.metadata.release.date of Cargo.toml must be \"YYYY-MM-DD\"")?;
        Ok(Self { version: version.context("Cargo.toml has no workspace.package.version")?.to_owned(), date: date.to_owned() })
    }
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && text.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() })
}

/// Who the system says it is.
pub(crate) struct Identity {
    pub(crate) version: String,
    pub(crate) release_date: String,
    pub(crate) build_id: String,
    pub(crate) variant: String,
}

impl Identity {
    /// The identity of an image: its build id names everything that the root is made from.
    pub(crate) fn new(
        repo: &Path,
        release: &Release,
        variant: &Variant,
        packages: &[Built],
        services: &[(String, PathBuf)],
        update_root: Option<&[u8]>,
    ) -> anyhow::Result<Self> {
        let mut facts = Facts::default();
        facts.add("variant", variant.text()?).add("release-date", &release.date);
        if let Some(trusted) = update_root {
            facts.add("update-root", trusted);
        }
        for built in packages {
            facts.add(&built.package.name, &built.package.key);
        }
        for (name, path) in services {
            facts.add_file(name, path)?;
        }
        facts.add_tree(&repo.join("policy/seccomp"), &|_| true)?;
        facts.add_tree(&repo.join("policy/selinux"), &|_| true)?;
        let build_id = facts.finish()[..16].to_owned();
        Ok(Self { version: release.version.clone(), release_date: release.date.clone(), build_id, variant: variant.node.name.clone() })
    }

    /// The text of `os-release`.
    pub(crate) fn os_release(&self) -> String {
        let Self { version, release_date, build_id, variant } = self;
        format!(
            "NAME=Ampoule\nID=ampoule\nVERSION=\"{version} ({variant})\"\nVERSION_ID={version}\nVARIANT_ID={variant}\nBUILD_ID={build_id}\n\
             RELEASE_DATE={release_date}\n\
             PRETTY_NAME=\"Ampoule {version} ({variant})\"\n"
        )
    }
}

/// The service files of a variant: name and where it lies in the checkout.
pub(crate) fn services(repo: &Path, variant: &Variant) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let find = |name: &String| {
        let places = ["node", "image/packages", "tests", "tests/probe"].map(|room| repo.join(room).join(name).join("service.toml"));
        let found = places.into_iter().find(|p| p.is_file());
        let path = found.with_context(|| format!("variant {}: the service {name} has no service.toml", variant.node.name))?;
        Ok((name.clone(), path))
    };
    variant.node.services.iter().map(find).collect()
}

/// Fills the empty directory `root`.
pub(crate) fn fill(
    root: &Path,
    repo: &Path,
    packages: &[Built],
    services: &[(String, PathBuf)],
    variant: &Variant,
    identity: &Identity,
) -> anyhow::Result<()> {
    for dir in MOUNT_POINTS {
        std::fs::create_dir(root.join(dir))?;
    }
    for built in packages {
        copy_tree(&built.dir.join("root"), root)?;
        copy_configuration(&repo.join("image/packages").join(&built.package.name), root)?;
    }
    for (name, path) in services {
        place(root, &format!("usr/lib/ampoule/services/{name}.toml"), &std::fs::read(path)?)?;
    }
    for (name, program) in seccomp::compile(repo, services, variant.seccomp)? {
        place(root, &format!("usr/share/ampoule/seccomp/{name}.bpf"), &program)?;
    }
    place(root, "usr/lib/ampoule/variant.toml", variant.text()?.as_bytes())?;
    place(root, "usr/lib/os-release", identity.os_release().as_bytes())?;
    fill_etc(root)?;
    set_modes(root)
}

/// What `/etc` begins with. Links, so that the verified file itself is read.
fn fill_etc(root: &Path) -> anyhow::Result<()> {
    let links = [
        ("os-release", "/usr/lib/os-release"),
        // What tools for Bottlerocket read a node's version from; the same format.
        ("bottlerocket-release", "/usr/lib/os-release"),
        ("ssl/certs/ca-certificates.crt", "/usr/share/ca-certificates/ca-bundle.crt"),
        // The network daemon writes it among its own files, and nothing else in /etc.
        ("resolv.conf", "/run/ampoule/netd/resolv.conf"),
    ];
    for (name, target) in links {
        let path = root.join(ETC).join(name);
        make_parent(&path)?;
        symlink(target, path)?;
    }
    // For who asks for names: the programs of a node know each other by number.
    place(root, &format!("{ETC}/passwd"), identity::passwd().as_bytes())?;
    place(root, &format!("{ETC}/group"), identity::group().as_bytes())?;
    place(root, &format!("{ETC}/nsswitch.conf"), b"hosts: files dns\n")
}

/// A package's `config.toml` belongs where its program looks for it.
fn copy_configuration(recipe: &Path, root: &Path) -> anyhow::Result<()> {
    let Ok(text) = std::fs::read(recipe.join("config.toml")) else { return Ok(()) };
    let name = recipe.file_name().unwrap_or_default().to_string_lossy();
    place(root, &format!("usr/share/{name}/config.toml"), &text)
}

pub(crate) fn place(root: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let path = root.join(name);
    make_parent(&path)?;
    anyhow::ensure!(!path.exists(), "two parts of the image want to write /{name}");
    std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Copies files and links; refuses to write one over another.
fn copy_tree(from: &Path, to: &Path) -> anyhow::Result<()> {
    if !from.is_dir() {
        return Ok(());
    }
    for source in hash::files_below(from)? {
        let name = source.strip_prefix(from)?;
        let target = to.join(name);
        make_parent(&target)?;
        anyhow::ensure!(target.symlink_metadata().is_err(), "two packages want to write /{}", name.display());
        match source.symlink_metadata()?.is_symlink() {
            true => symlink(std::fs::read_link(&source)?, &target)?,
            false => drop(std::fs::copy(&source, &target).with_context(|| format!("cannot copy {}", source.display()))?),
        }
    }
    Ok(())
}

/// Modes do not come from the machine that builds: programs are executable, nothing else is.
fn set_modes(root: &Path) -> anyhow::Result<()> {
    let mut open = vec![root.to_path_buf()];
    while let Some(dir) = open.pop() {
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755))?;
        for entry in std::fs::read_dir(&dir)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                // Whoever cannot read his own program is not looked into by others of his user, and leaves no core file (`would_dump` of the kernel).
                let mode = if dir == root.join("usr/bin") { 0o711 } else { 0o644 };
                std::fs::set_permissions(entry.path(), std::fs::Permissions::from_mode(mode))?;
            }
        }
    }
    Ok(())
}

/// Bytes of all files below `root`.
pub(crate) fn contents(root: &Path) -> anyhow::Result<u64> {
    hash::files_below(root)?.iter().map(|p| Ok(p.symlink_metadata()?.len())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn os_release_has_what_the_contract_names() {
        let identity = Identity { version: "1.2.3".into(), release_date: "2026-01-02".into(), build_id: "abc".into(), variant: "v".into() };
        let text = identity.os_release();
        for key in [
            "NAME=",
            "ID=ampoule",
            "VERSION=\"1.2.3 (v)\"",
            "VERSION_ID=1.2.3",
            "VARIANT_ID=v",
            "BUILD_ID=abc",
            "RELEASE_DATE=2026-01-02",
            "PRETTY_NAME=",
        ] {
            assert!(text.lines().any(|l| l.starts_with(key)), "{key}");
        }
    }

    #[test]
    fn a_release_has_a_version_and_a_date() {
        let text = |date: &str| format!("[workspace.package]\nversion = \"1.2.3\"\n[workspace.metadata.release]\ndate = \"{date}\"\n");
        let release = Release::parse(&text("2026-01-02")).expect("a release");
        assert_eq!((release.version.as_str(), release.date.as_str()), ("1.2.3", "2026-01-02"));
        for date in ["", "soon", "2026-1-2", "02-01-2026"] {
            assert!(Release::parse(&text(date)).is_err(), "{date}");
        }
    }

    #[test]
    fn the_root_of_trust_is_the_one_given_or_the_variants_and_nothing_else() {
        let dir = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect("written");
        write("v.toml", "summary = \"\"\nupdate-root = \"named.json\"\n");
        write("named.json", r#"{"signed":{"_type":"root","version":1}}"#);
        write("given.json", r#"{"signed":{"_type":"root","version":2}}"#);
        write("wrong.json", r#"{"signed":{"_type":"targets"}}"#);
        let variant = Variant::read(dir.path(), "v").expect("a variant");
        let of = |given: Option<&str>| update_root(dir.path(), &variant, given.map(|name| dir.path().join(name)).as_deref());
        let text = |given| String::from_utf8(of(given).expect("read").expect("a root")).expect("text");
        assert!(text(None).contains("\"version\":1") && text(Some("given.json")).contains("\"version\":2"));
        assert!(of(Some("wrong.json")).is_err() && of(Some("missing.json")).is_err());
    }

    #[test]
    fn the_keys_that_everybody_knows_are_trusted_by_images_for_tests_alone() {
        let repo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for (name, trusts) in [("test", true), ("learn", true), ("base", false), ("standalone", false)] {
            let variant = Variant::read(&repo.join("variants"), name).expect("a variant");
            assert_eq!(update_root(&repo, &variant, None).expect("read").is_some(), trusts, "{name}");
        }
    }

    #[test]
    fn a_nodes_version_is_found_under_both_names() {
        let dir = tempfile::tempdir().expect("a directory");
        fill_etc(dir.path()).expect("filled");
        for name in ["os-release", "bottlerocket-release"] {
            assert_eq!(std::fs::read_link(dir.path().join(ETC).join(name)).expect("a link"), Path::new("/usr/lib/os-release"), "{name}");
        }
    }

    #[test]
    fn no_package_overwrites_another() {
        let dir = tempfile::tempdir().expect("a directory");
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        place(&from, "usr/bin/x", b"1").expect("placed");
        copy_tree(&from, &to).expect("copied");
        assert!(copy_tree(&from, &to).expect_err("refused").to_string().contains("/usr/bin/x"));
        assert!(place(&to, "usr/bin/x", b"2").is_err());
    }

    #[test]
    fn modes_are_ours() {
        let dir = tempfile::tempdir().expect("a directory");
        place(dir.path(), "usr/bin/x", b"1").expect("placed");
        place(dir.path(), "usr/share/y", b"1").expect("placed");
        std::fs::set_permissions(dir.path().join("usr/share/y"), std::fs::Permissions::from_mode(0o4777)).expect("set");
        set_modes(dir.path()).expect("set");
        let mode = |name: &str| std::fs::metadata(dir.path().join(name)).expect("there").permissions().mode() & 0o7777;
        assert_eq!((mode("usr/bin/x"), mode("usr/share/y")), (0o711, 0o644));
    }
}
