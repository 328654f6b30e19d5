//! Our own programs, as static position-independent executables.

use super::Workshop;
use crate::hash::Facts;
use crate::host::Part;
use crate::licence::{self, Component};
use crate::stage::Stage;
use crate::tool::{Tool, version_of};
use anyhow::Context;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(super) const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What is linked into every program beside its crates.
pub(super) const PARTS: &[Part] = &[Part::RustLibrary, Part::CLibrary, Part::CompilerRuntime];

/// Equal functions are there once, and the list of what to relocate is packed: a tenth less to read, to verify and to fetch.
const FLAGS: &[&str] = &[
    "-Ctarget-feature=+crt-static",
    "-Crelocation-model=pie",
    "-Clink-arg=-Wl,-z,relro,-z,now,-z,noexecstack,--build-id=none",
    "-Clink-arg=-Wl,-z,pack-relative-relocs,--icf=all",
];

/// For what is C in our programs, which the compiler does not guard by itself; the C library that is linked in has it from its packagers. Stable Rust has no stack protector: it checks bounds, and guards
/// the end of the stack.
pub(super) const C_FLAGS: &str = "-fstack-protector-strong -fstack-clash-protection";
/// Where build scripts of crates look for the compiler and for these flags.
pub(super) const C_COMPILER: [(&str, &str); 2] = [("CC_x86_64_unknown_linux_gnu", "gcc"), ("CFLAGS_x86_64_unknown_linux_gnu", C_FLAGS)];

/// What else the result depends on: compilers, linker, flags and every source file.
pub(super) fn facts(repo: &Path, sources: &[PathBuf], facts: &mut Facts) -> anyhow::Result<()> {
    toolchain(facts)?;
    facts.add("protoc", version_of("protoc", &["--version"])?);
    add_sources(repo, sources, facts)
}

/// Every file that can change a program.
pub(super) fn add_sources(repo: &Path, sources: &[PathBuf], facts: &mut Facts) -> anyhow::Result<()> {
    for source in sources {
        let path = repo.join(source);
        match path.is_dir() {
            true => facts.add_tree(&path, &is_source)?,
            false => facts.add_file(&source.to_string_lossy(), &path)?,
        };
    }
    Ok(())
}

/// Compilers, linker (it comes with Rust, as long as no other is asked for by name) and flags. What they link in is an input.
pub(super) fn toolchain(facts: &mut Facts) -> anyhow::Result<()> {
    facts.add("rustc", rustc()?).add("gcc", version_of("gcc", &["--version"])?).add("as", version_of("as", &["--version"])?);
    facts.add("flags", FLAGS.join(" ")).add("C flags", C_FLAGS);
    Ok(())
}

/// Whether a file of a crate can change its program. Tests and pages cannot.
fn is_source(path: &Path) -> bool {
    let is_test = path.components().any(|c| c.as_os_str() == "tests" || c.as_os_str() == "fuzz");
    !is_test && path.extension().is_some_and(|e| e != "md")
}

pub(super) fn rustc() -> anyhow::Result<String> {
    Tool::new("rustc").arg("-vV").output()
}

/// Builds the programs and their other names.
pub(super) fn make(
    workshop: &Workshop,
    programs: &[String],
    links: &BTreeMap<String, String>,
    out: &Path,
    stage: &Stage,
) -> anyhow::Result<()> {
    let bin = out.join("root/usr/bin");
    std::fs::create_dir_all(&bin)?;
    let target = target_dir(workshop, PARTS)?;
    // Cargo leaves what another build is making in the same directory half done for us.
    let _held = workshop.cache.hold(&target.file_name().unwrap_or_default().to_string_lossy())?;
    compile(workshop.repo, programs, &target, stage)?;
    for program in programs {
        let built = target.join(TARGET).join("release").join(program);
        std::fs::copy(&built, bin.join(program)).with_context(|| format!("cargo made no program {program}"))?;
    }
    for (link, program) in links {
        std::os::unix::fs::symlink(program, bin.join(link))?;
    }
    licence::write(&out.join("components.json"), components(workshop, workshop.repo, programs)?)
}

/// Cargo's own directory, one for each toolchain, so that a small change is a small build. Cargo does not see when the C library changes and
/// would give the program that has the old one in it.
pub(super) fn target_dir(workshop: &Workshop, parts: &[Part]) -> anyhow::Result<PathBuf> {
    let mut facts = Facts::default();
    facts.add("rustc", rustc()?).add("repo", workshop.repo.as_os_str().as_encoded_bytes());
    workshop.host.add_to(&mut facts, parts)?;
    workshop.cache.shared(&format!("cargo-{}", &facts.finish()[..16]))
}

fn compile(repo: &Path, programs: &[String], target: &Path, stage: &Stage) -> anyhow::Result<()> {
    let packages = programs.iter().flat_map(|p| ["-p".to_owned(), format!("ampoule-{p}")]);
    let mut done = 0;
    Tool::new("cargo")
        .dir(repo)
        .args(["build", "--release", "--locked", "--target", TARGET])
        .args(packages)
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags(repo, target)?.join("\x1f"))
        .envs(C_COMPILER)
        .run_with(stage, |line| {
            done += u64::from(line.trim_start().starts_with("Compiling "));
            stage.step(done, done.max(200));
        })
}

/// The flags, and fixed names for directories.
pub(super) fn flags(repo: &Path, target: &Path) -> anyhow::Result<Vec<String>> {
    Ok(FLAGS.iter().map(|f| (*f).to_owned()).chain(fixed_names(repo, target)?).collect())
}

/// A fixed name for every directory whose path would otherwise stand in the programs.
pub(super) fn fixed_names(repo: &Path, target: &Path) -> anyhow::Result<Vec<String>> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|h| h.join(".cargo"))).context("neither CARGO_HOME nor HOME is set")?;
    let sysroot = Tool::new("rustc").args(["--print", "sysroot"]).output()?;
    // The last prefix that fits wins, so a directory inside another comes after it.
    let mut names = vec![
        (home, "/cargo"),
        (PathBuf::from(sysroot.trim()), "/rust"),
        (repo.to_path_buf(), "/ampoule"),
        (target.to_path_buf(), "/target"),
    ];
    names.sort_by_key(|(dir, _)| dir.as_os_str().len());
    Ok(names.into_iter().map(|(dir, name)| format!("--remap-path-prefix={}={name}", dir.display())).collect())
}

/// What is in the programs: crates (without programs, those below the one manifest in `dir`) and the toolchain's libraries.
pub(super) fn components(workshop: &Workshop, dir: &Path, programs: &[String]) -> anyhow::Result<Vec<Component>> {
    let mut components = crates_for(TARGET, dir, programs)?;
    components.extend(workshop.host.components(PARTS)?);
    Ok(components)
}

/// The crates of programs for the platform `target`.
pub(super) fn crates_for(target: &str, repo: &Path, programs: &[String]) -> anyhow::Result<Vec<Component>> {
    let packages = programs.iter().flat_map(|p| ["-p".to_owned(), format!("ampoule-{p}")]);
    let tree = Tool::new("cargo")
        .dir(repo)
        .args(["tree", "--locked", "--target", target, "-e", "normal,no-proc-macro", "--prefix", "none", "-f", "{p}\t{l}"])
        .args(packages)
        .output()?;
    Ok(crates(&tree))
}

/// Third-party crates in the lines of `cargo tree`.
fn crates(tree: &str) -> Vec<Component> {
    let mut found = BTreeMap::new();
    for (package, licence) in tree.lines().filter_map(|l| l.split_once('\t')) {
        let mut words = package.split(' ');
        let (name, version) = (words.next().unwrap_or_default(), words.next().unwrap_or_default().trim_start_matches('v'));
        // Ours are followed by their path.
        if package.contains('/') || name.is_empty() {
            continue;
        }
        let licence = licence.trim_end_matches(" (*)").split('/').map(str::trim).collect::<Vec<_>>().join(" OR ");
        let component = Component { name: name.into(), version: version.into(), licence, purl: format!("pkg:cargo/{name}@{version}") };
        found.insert((component.name.clone(), component.version.clone()), component);
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: &str = "use std::net::ToSocketAddrs;
fn main() {
    let number = std::env::args().count() as f64;
    let thread = std::thread::spawn(|| (\"localhost\", 1).to_socket_addrs().map(|found| found.count()));
    println!(\"{} {:?}\", number.sin().powf(number), thread.join());
}
";

    /// The linker says what it took.
    #[test]
    fn all_that_is_linked_into_a_program_is_in_the_lock() {
        let dir = tempfile::tempdir().expect("a directory");
        let own = dir.path().canonicalize().expect("a path");
        let (source, map) = (own.join("program.rs"), own.join("map"));
        std::fs::write(&source, PROGRAM).expect("written");
        let rustc = Tool::new("rustc").env("TMPDIR", &own).args(["--edition=2024", "--target", TARGET]).args(FLAGS);
        let rustc = rustc.arg(format!("-Clink-arg=-Wl,-Map={}", map.display())).arg("-o").arg(own.join("program")).arg(&source);
        rustc.output().expect("compiled");
        let expected = ["libstd-", "libcore-", "libc.a", "libm-", "libgcc_eh.a", "rcrt1.o", "crtbeginS.o"];
        assert_eq!(crate::host::linked_beside(&map, &own, PARTS, &expected), Vec::<PathBuf>::new());
    }

    #[test]
    fn crates_are_read_once_and_ours_are_left_out() {
        let tree = "ampoule-init v0.1.0 (/x/node/init)\tMIT\nlibc v0.2.1\tMIT/Apache-2.0\n\nlibc v0.2.1\tMIT/Apache-2.0 (*)\n";
        let found = crates(tree);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].version.as_str(), found[0].licence.as_str()), ("0.2.1", "MIT OR Apache-2.0"));
    }

    #[test]
    fn tests_and_pages_do_not_change_a_program() {
        assert!(is_source(Path::new("init/src/main.rs")) && is_source(Path::new("init/Cargo.toml")));
        assert!(!is_source(Path::new("init/README.md")) && !is_source(Path::new("init/tests/x.rs")));
    }
}
