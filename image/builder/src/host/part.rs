//! The parts of the host's toolchain that end up in programs, and the files they consist of.

use crate::hash::{self, Facts};
use crate::licence::Component;
use crate::manifest::Input;
use crate::tool::{Tool, version_of};
use anyhow::Context;
use std::path::{Path, PathBuf};

/// A part of the host's toolchain that goes into programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// The C library, as archives, and the code that starts a static program.
    CLibrary,
    /// What the C compiler adds by itself.
    CompilerRuntime,
    /// Rust's standard library for programs of a node.
    RustLibrary,
    /// Rust's standard library for programs of the firmware.
    FirmwareLibrary,
    /// Go's standard library, which is compiled anew for each way to build.
    GoLibrary,
}

const LINUX: &str = "x86_64-unknown-linux-gnu";
const FIRMWARE: &str = "x86_64-unknown-uefi";

/// Everything that a compiler names to the linker of a static program, be it empty: since 2.34 threads are in `libc.a`.
const C_LIBRARY: &[&str] = &["rcrt1.o", "crti.o", "crtn.o", "libc.a", "libm.a", "libpthread.a", "libdl.a", "librt.a", "libutil.a"];
const COMPILER_RUNTIME: &[&str] = &["crtbeginS.o", "crtendS.o", "libgcc.a", "libgcc_eh.a"];

/// Crates that lie beside the standard library and are in no program but tests, compilers and measurements.
const RUST_UNUSED: &[&str] = &["libtest-", "libgetopts-", "libproc_macro-", "libprofiler_builtins-"];

impl Part {
    pub(crate) const ALL: [Self; 5] = [Self::CLibrary, Self::CompilerRuntime, Self::RustLibrary, Self::FirmwareLibrary, Self::GoLibrary];

    /// Its entry in the lock.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::CLibrary => "glibc",
            Self::CompilerRuntime => "libgcc",
            Self::RustLibrary => "rust-std-x86_64-unknown-linux-gnu",
            Self::FirmwareLibrary => "rust-std-x86_64-unknown-uefi",
            Self::GoLibrary => "go-std",
        }
    }

    /// The part of that name in the lock.
    pub(crate) fn named(name: &str) -> anyhow::Result<Self> {
        let known = Self::ALL.into_iter().find(|part| part.name() == name);
        known.with_context(|| format!("no part of the toolchain is called {name}, though image/lock.toml has it `from = \"host\"`"))
    }

    /// What this machine has, by version and content.
    pub(crate) fn examine(self) -> anyhow::Result<Input> {
        let name = self.name();
        let version = self.version().with_context(|| format!("cannot tell the version of {name}"))?;
        let sha256 = digest(&self.files().with_context(|| format!("cannot find the files of {name}"))?)?;
        Ok(Input { name: name.to_owned(), version, sha256 })
    }

    fn version(self) -> anyhow::Result<String> {
        match self {
            Self::CLibrary => release("ldd"),
            Self::CompilerRuntime => release("gcc"),
            Self::RustLibrary | Self::FirmwareLibrary => rust_version(&Tool::new("rustc").arg("-vV").output()?),
            Self::GoLibrary => Ok(Tool::new("go").args(["env", "GOVERSION"]).output()?.trim().trim_start_matches("go").to_owned()),
        }
    }

    /// Its files, each under a name that is the same on every machine, in a fixed order.
    pub(crate) fn files(self) -> anyhow::Result<Vec<(String, PathBuf)>> {
        match self {
            Self::CLibrary => of_gcc(C_LIBRARY),
            Self::CompilerRuntime => of_gcc(COMPILER_RUNTIME),
            Self::RustLibrary => of_rust(LINUX),
            Self::FirmwareLibrary => of_rust(FIRMWARE),
            Self::GoLibrary => of_go(),
        }
    }

    /// Its line in the bill of materials.
    pub(crate) fn component(self, version: &str) -> Component {
        let (kind, licence) = match self {
            Self::CLibrary => ("generic/glibc", "LGPL-2.1-or-later"),
            Self::CompilerRuntime => ("generic/libgcc", "GPL-3.0-or-later WITH GCC-exception-3.1"),
            Self::RustLibrary | Self::FirmwareLibrary => ("generic/rust-std", "MIT OR Apache-2.0"),
            Self::GoLibrary => ("golang/stdlib", "BSD-3-Clause"),
        };
        let purl = format!("pkg:{kind}@{}", version.replace('+', "%2B"));
        Component { name: self.name().to_owned(), version: version.to_owned(), licence: licence.to_owned(), purl }
    }
}

/// Hash over the files, in their order.
fn digest(files: &[(String, PathBuf)]) -> anyhow::Result<String> {
    let mut facts = Facts::default();
    for (name, path) in files {
        facts.add_file(name, path)?;
    }
    Ok(facts.finish())
}

/// The distribution's release of a GNU program.
fn release(tool: &'static str) -> anyhow::Result<String> {
    let text = version_of(tool, &["--version"])?;
    Ok(release_of(&text).with_context(|| format!("{tool} does not say which release it is: {text}"))?.to_owned())
}

/// The distribution's release in `ldd (Debian GLIBC 2.36-9+deb12u10) 2.36`, or the number at the end.
fn release_of(text: &str) -> Option<&str> {
    let inside = text.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    let release = inside.and_then(|(words, _)| words.rsplit(' ').next()).filter(|r| r.starts_with(|c: char| c.is_ascii_digit()));
    release.or_else(|| text.rsplit(' ').next()).map(|v| v.trim_end_matches(')')).filter(|v| !v.is_empty())
}

/// Release and commit, as in `1.95.0+59807616e1fa`, of what `rustc -vV` prints.
fn rust_version(text: &str) -> anyhow::Result<String> {
    let of = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).with_context(|| format!("rustc -vV has no line {key:?}"));
    Ok(format!("{}+{}", of("release: ")?, of("commit-hash: ")?))
}

/// The files of these names that gcc would link.
fn of_gcc(names: &[&str]) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for name in names {
        let path = PathBuf::from(Tool::new("gcc").arg(format!("-print-file-name={name}")).output()?.trim());
        // What gcc does not find it prints as it was asked for it.
        anyhow::ensure!(path.is_absolute(), "gcc knows no {name}: `./ampoule doctor` names the package that has it");
        files.extend(with_named(&path)?);
    }
    Ok(files)
}

/// The file and, if it is a script of the linker (`GROUP ( /usr/lib/… )`), those that it names.
fn with_named(path: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let script = std::str::from_utf8(&bytes).ok().filter(|text| !text.starts_with("!<arch>"));
    let words = script.unwrap_or_default().split_whitespace().filter(|word| word.starts_with('/') && word.ends_with(".a"));
    let paths = std::iter::once(path.to_path_buf()).chain(words.map(PathBuf::from));
    Ok(paths.map(|path| (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), path)).collect())
}

/// The standard library for the platform `target`: code, and what generic and inlined functions are made from (`rmeta`).
fn of_rust(target: &str) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let dir = PathBuf::from(Tool::new("rustc").args(["--print", "target-libdir", "--target", target]).output()?.trim());
    let files = named_below(&dir, &is_rust_library)?;
    let whole = files.iter().any(|(name, _)| name.starts_with("libcore-"));
    anyhow::ensure!(whole, "{} has no standard library: `rustup target add {target}`", dir.display());
    Ok(files)
}

fn is_rust_library(path: &Path) -> bool {
    let name = path.to_string_lossy();
    path.extension().is_some_and(|e| e == "rlib" || e == "rmeta") && !RUST_UNUSED.iter().any(|unused| name.starts_with(unused))
}

/// The sources of the standard library, and what its assembler files include.
fn of_go() -> anyhow::Result<Vec<(String, PathBuf)>> {
    let root = PathBuf::from(Tool::new("go").args(["env", "GOROOT"]).output()?.trim());
    let mut files = named_below(&root.join("src"), &is_go_library)?;
    files.extend(named_below(&root.join("pkg/include"), &|_| true)?);
    Ok(files)
}

/// Not the compiler, nor tests, nor what lies beside the packages: scripts, and manifests that have another name when Go fetched itself.
fn is_go_library(path: &Path) -> bool {
    let beside = path.parent() == Some(Path::new(""));
    let elsewhere = path.starts_with("cmd") || path.components().any(|part| part.as_os_str() == "testdata");
    !beside && !elsewhere && !path.to_string_lossy().ends_with("_test.go")
}

/// The files below `dir` that `keep` accepts, under their paths in it.
fn named_below(dir: &Path, keep: &dyn Fn(&Path) -> bool) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for path in hash::files_below(dir)? {
        let name = path.strip_prefix(dir)?;
        if keep(name) {
            files.push((name.to_string_lossy().into_owned(), path));
        }
    }
    Ok(files)
}

/// Says by a linker's map of a program what was linked into it that is no file of `parts`, nor below `own`; and insists that `expected` were.
#[cfg(test)]
pub(crate) fn linked_beside(map: &Path, own: &Path, parts: &[Part], expected: &[&str]) -> Vec<PathBuf> {
    let text = std::fs::read_to_string(map).expect("a map");
    let words = text.split(|c: char| c.is_whitespace() || "():".contains(c)).filter(|word| word.starts_with('/'));
    let linked: std::collections::BTreeSet<PathBuf> = words.filter_map(|word| Path::new(word).canonicalize().ok()).collect();
    for name in expected {
        let found = linked.iter().any(|path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(name)));
        assert!(found, "{name} is not linked: {linked:?}");
    }
    let files = parts.iter().flat_map(|part| part.files().expect("files"));
    let known: Vec<PathBuf> = files.map(|(_, path)| path.canonicalize().expect("there")).collect();
    linked.into_iter().filter(|path| path.is_file() && !path.starts_with(own) && !known.contains(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_of_a_gnu_program_is_found() {
        assert_eq!(release_of("ldd (Debian GLIBC 2.36-9+deb12u10) 2.36"), Some("2.36-9+deb12u10"));
        assert_eq!(release_of("gcc (Debian 12.2.0-14+deb12u1) 12.2.0"), Some("12.2.0-14+deb12u1"));
        assert_eq!(release_of("gcc (GCC) 14.2.1 20240912 (Red Hat 14.2.1-3)"), Some("14.2.1-3"));
        assert_eq!(release_of("ldd (GNU libc) 2.41"), Some("2.41"));
        assert_eq!(release_of(""), None);
    }

    #[test]
    fn rust_is_known_by_release_and_commit() {
        assert_eq!(rust_version("rustc 1.9\nrelease: 1.9.0\ncommit-hash: abc\n").expect("told"), "1.9.0+abc");
        assert!(rust_version("rustc 1.9\nrelease: 1.9.0\n").is_err());
    }

    #[test]
    fn a_part_is_named_by_content_and_names_and_not_by_its_place() {
        let digest_of = |name: &str, text: &str| {
            let dir = tempfile::tempdir().expect("a directory");
            let path = dir.path().join("anything");
            std::fs::write(&path, text).expect("written");
            digest(&[(name.to_owned(), path)]).expect("read")
        };
        assert_eq!(digest_of("libc.a", "x"), digest_of("libc.a", "x"));
        assert_ne!(digest_of("libc.a", "x"), digest_of("libc.a", "y"));
        assert_ne!(digest_of("libc.a", "x"), digest_of("libm.a", "x"));
    }

    #[test]
    fn archives_that_a_script_names_belong_to_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).expect("written");
            with_named(&path).expect("read").into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(write("libm.a", "/* ld */\nGROUP ( /lib/libm-2.36.a /lib/libmvec.a )\n"), ["libm.a", "libm-2.36.a", "libmvec.a"]);
        assert_eq!(write("libc.a", "!<arch>\n /lib/libm-2.36.a "), ["libc.a"]);
    }

    #[test]
    fn tests_and_compilers_are_no_part_of_a_program() {
        let rust = |name: &str| is_rust_library(Path::new(name));
        assert!(rust("libstd-1.rlib") && rust("libcore-1.rmeta") && !rust("libtest-1.rlib") && !rust("libstd-1.so"));
        let go = |name: &str| is_go_library(Path::new(name));
        assert!(go("runtime/proc.go") && go("runtime/asm_amd64.s") && go("crypto/internal/p256.bin"));
        assert!(
            !go("cmd/go/main.go") && !go("runtime/proc_test.go") && !go("go/types/testdata/x.go") && !go("_go.mod") && !go("make.bash")
        );
    }
}
