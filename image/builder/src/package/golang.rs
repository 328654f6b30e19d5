//! Go programs from the module proxy, as static position-independent executables.

use super::{Workshop, cargo};
use crate::hash::Facts;
use crate::host::Part;
use crate::licence::{self, Component};
use crate::lock::{self, Locked};
use crate::recipe::{Build, GoProgram, Recipe};
use crate::stage::Stage;
use crate::tool::{Tool, version_of};
use anyhow::Context;
use std::path::{Path, PathBuf};

/// What is linked into every program beside its modules.
pub(super) const PARTS: &[Part] = &[Part::GoLibrary, Part::CLibrary, Part::CompilerRuntime];

/// The C linker makes a static executable that runs at any address, with everything read-only that can be. The list of what to
/// relocate is packed: 0.1 MB instead of 6.6 MB in the three programs that every container starts.
const LINKER: &str = "-static-pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,pack-relative-relocs,--build-id=none";

/// Packages that a whole build compiles; only the progress bar depends on it.
const USUAL_PACKAGES: u64 = 900;

/// What else the result depends on.
pub(super) fn facts(dir: &Path, has_own_c: bool, facts: &mut Facts) -> anyhow::Result<()> {
    if has_own_c {
        facts.add("C flags", cargo::C_FLAGS);
    }
    facts.add_file("go.mod", &dir.join("go.mod"))?.add_file("go.sum", &dir.join("go.sum"))?;
    facts.add_tree(dir, &|path| path.extension().is_some_and(|e| e == "go"))?;
    facts.add("go", version_of("go", &["version"])?).add("linker", LINKER);
    for tool in ["gcc", "as", "ld"] {
        facts.add(tool, version_of(tool, &["--version"])?);
    }
    Ok(())
}

/// Refuses `go.sum` and `go.mod` that are not what the lock pins. Does nothing for other kinds of package.
pub(super) fn check_lock(workshop: &Workshop, recipe: &Recipe) -> anyhow::Result<()> {
    for name in &recipe.body.inputs {
        if let Locked::Go { module, version, sha256 } = workshop.lock.get(name)? {
            let sum = recipe.dir.join("go.sum");
            lock::check(name, sha256, &crate::hash::file(&sum)?)?;
            let text = std::fs::read_to_string(recipe.dir.join("go.mod")).context("cannot read go.mod")?;
            let pinned = text.lines().any(|l| l.trim().trim_start_matches("require ").starts_with(&format!("{module} {version}")));
            anyhow::ensure!(pinned, "go.mod of {} does not require {module} {version}, which image/lock.toml names", recipe.name);
        }
    }
    Ok(())
}

/// Builds the commands; `libraries` is where the other inputs are unpacked.
pub(super) fn make(workshop: &Workshop, recipe: &Recipe, libraries: &Path, out: &Path, stage: &Stage) -> anyhow::Result<()> {
    let bin = out.join("root/usr/bin");
    std::fs::create_dir_all(&bin)?;
    build(workshop, recipe, libraries, &bin, stage)?;
    licence::write(&out.join("components.json"), components(workshop, &bin)?)
}

fn build(workshop: &Workshop, recipe: &Recipe, libraries: &Path, bin: &Path, stage: &Stage) -> anyhow::Result<()> {
    let Build::Go { programs, version_variable, libraries: linked } = &recipe.body.build else {
        anyhow::bail!("{} is not a Go package", recipe.name);
    };
    let (module, version) = module(workshop, recipe)?;
    let set_version = version_variable.as_ref().map_or(String::new(), |v| format!(" -X {v}={version}"));
    let mut done = 0;
    for (name, program) in programs {
        let mut tool = compiler(workshop, recipe, &set_version)?;
        if !linked.is_empty() {
            tool = with_libraries(tool, libraries);
        }
        tool.args(["-tags", &tags(program), "-o"]).arg(bin.join(name)).arg(program.path(&module)).run_with(stage, |_| {
            done += 1;
            stage.step(done.min(USUAL_PACKAGES), USUAL_PACKAGES);
        })?;
    }
    Ok(())
}

/// `go build`, in a machine-independent environment.
fn compiler(workshop: &Workshop, recipe: &Recipe, set_version: &str) -> anyhow::Result<Tool> {
    let mut tool = Tool::new("go").dir(&recipe.dir).args(["build", "-v", "-trimpath", "-buildvcs=false", "-buildmode=pie"]);
    tool = tool.arg(format!("-ldflags=-s -w -buildid= -linkmode=external -extldflags '{LINKER}'{set_version}"));
    tool = tool.envs(environment());
    Ok(tool.env("GOCACHE", compiled(workshop)?))
}

/// Where Go keeps what it has compiled. Not the user's: a second build elsewhere must compile, not find what the first has compiled. One for
/// each toolchain: Go does not see when the C library changes.
fn compiled(workshop: &Workshop) -> anyhow::Result<PathBuf> {
    let mut facts = Facts::default();
    workshop.host.add_to(&mut facts, PARTS)?;
    workshop.cache.shared(&format!("go-build-{}", &facts.finish()[..16]))
}

/// What every program is built with, and its own.
fn tags(program: &GoProgram) -> String {
    ["netgo", "osusergo", "static_build"].into_iter().chain(program.tags.iter().map(String::as_str)).collect::<Vec<_>>().join(",")
}

/// The whole machine-dependent part of a Go build, fixed.
fn environment() -> [(&'static str, &'static str); 8] {
    [
        ("CC", "gcc"),
        ("CGO_ENABLED", "1"),
        ("GOENV", "off"),
        ("GOFLAGS", "-mod=readonly"),
        ("GOWORK", "off"),
        ("GOTOOLCHAIN", "local"),
        ("GOOS", "linux"),
        ("GOAMD64", "v1"),
    ]
}

/// Lets cgo find the pinned C libraries and no others.
fn with_libraries(tool: Tool, root: &Path) -> Tool {
    let library = root.join("usr/lib").join("x86_64-linux-gnu");
    tool.env("PKG_CONFIG_LIBDIR", library.join("pkgconfig"))
        .env("PKG_CONFIG_SYSROOT_DIR", root)
        .env("CGO_CFLAGS", format!("-O2 {} -I{}", cargo::C_FLAGS, root.join("usr/include").display()))
        .env("CGO_LDFLAGS", format!("-L{}", library.display()))
}

fn module(workshop: &Workshop, recipe: &Recipe) -> anyhow::Result<(String, String)> {
    let first = recipe.body.inputs.first().context("a Go package has its module as first input")?;
    match workshop.lock.get(first)? {
        Locked::Go { module, version, .. } => Ok((module.clone(), version.clone())),
        Locked::Debian { .. } | Locked::Crate { .. } | Locked::Host { .. } => {
            anyhow::bail!("{first} is not a Go module, but the first input of a Go package must be")
        }
    }
}

/// What is in the programs: modules, as these say themselves, and the toolchain's libraries.
fn components(workshop: &Workshop, bin: &Path) -> anyhow::Result<Vec<Component>> {
    let mut found = std::collections::BTreeMap::new();
    let modules = PathBuf::from(Tool::new("go").args(["env", "GOMODCACHE"]).output()?.trim());
    for program in crate::hash::files_below(bin)? {
        let text = Tool::new("go").args(["version", "-m"]).arg(&program).output()?;
        for (name, version) in dependencies(&text) {
            let licence = licence::of_directory(&modules.join(format!("{}@{version}", escaped(&name))));
            let purl = format!("pkg:golang/{name}@{version}");
            found.insert((name.clone(), version.clone()), Component { name, version, licence, purl });
        }
    }
    Ok(found.into_values().chain(workshop.host.components(PARTS)?).collect())
}

/// The `dep` lines of `go version -m`.
fn dependencies(text: &str) -> Vec<(String, String)> {
    let fields = text.lines().map(|l| l.trim().split('\t').collect::<Vec<_>>());
    fields.filter(|f| f.len() >= 3 && f[0] == "dep").map(|f| (f[1].to_owned(), f[2].to_owned())).collect()
}

/// A module path as Go's cache writes it: `!` before what was an upper-case letter.
fn escaped(path: &str) -> String {
    path.chars().flat_map(|c| c.is_ascii_uppercase().then_some('!').into_iter().chain([c.to_ascii_lowercase()])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Go has the C compiler link what it compiled; the linker says what it took beside that.
    #[test]
    fn all_that_the_c_compiler_links_in_is_in_the_lock() {
        let dir = tempfile::tempdir().expect("a directory");
        let own = dir.path().canonicalize().expect("a path");
        let (source, map) = (own.join("program.c"), own.join("map"));
        std::fs::write(&source, "#include <stdio.h>\nint main(void) { return puts(\"x\"); }\n").expect("written");
        let gcc = Tool::new("gcc").env("TMPDIR", &own).args(LINKER.split(' ')).arg(format!("-Wl,-Map={}", map.display()));
        gcc.arg("-o").arg(own.join("program")).arg(&source).arg("-lpthread").output().expect("linked");
        let expected = ["libc.a", "libgcc.a", "rcrt1.o", "crti.o", "crtbeginS.o", "crtendS.o"];
        assert_eq!(crate::host::linked_beside(&map, &own, PARTS, &expected), Vec::<PathBuf>::new());
    }

    #[test]
    fn dependencies_are_read_from_a_program() {
        let text = "x: go1.26\n\tpath\texample.com/x\n\tdep\texample.com/a\tv1.2.3\th1:abc=\n\tbuild\t-trimpath=true\n";
        assert_eq!(dependencies(text), [("example.com/a".to_owned(), "v1.2.3".to_owned())]);
    }

    #[test]
    fn upper_case_is_escaped_as_go_does() {
        assert_eq!(escaped("github.com/Azure/go"), "github.com/!azure/go");
    }
}
