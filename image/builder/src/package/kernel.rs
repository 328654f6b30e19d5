//! The kernel: Debian's source, our configuration, modules signed with a key that lives only during the build.

use crate::hash::{self, Facts};
use crate::stage::Stage;
use crate::tool::{Tool, version_of};
use anyhow::Context;
use std::path::Path;

/// Lines that a whole build prints; only the progress bar depends on it.
const USUAL_LINES: u64 = 3100;

/// What stands at the end of a signed module (Linux, `include/linux/module_signature.h`).
const SIGNED: &[u8] = b"~Module signature appended~\n";

/// Files that kmod's own programs read; `modload` reads the text ones.
const UNREAD: &[&str] = &[
    "build",
    "source",
    "modules.alias.bin",
    "modules.builtin.alias.bin",
    "modules.builtin.bin",
    "modules.dep.bin",
    "modules.devname",
    "modules.order",
    "modules.symbols",
    "modules.symbols.bin",
    "modules.weakdep",
    "modules.builtin.modinfo",
];

/// The host's programs that have a hand in what the kernel and its modules are, and how each is asked for its version. Those that only
/// unpack the source or copy files have none.
const TOOLS: &[(&str, &[&str])] = &[
    ("gcc", &["--version"]),
    ("as", &["--version"]),
    ("ld", &["--version"]),
    ("objcopy", &["--version"]),
    ("make", &["--version"]),
    // They make what reads the configuration.
    ("flex", &["--version"]),
    ("bison", &["--version"]),
    // Tables, constants and code that the sources leave to be generated.
    ("awk", &["-W", "version"]),
    ("bc", &["--version"]),
    ("perl", &["-v"]),
    // objtool is linked with it, and writes sections of its own.
    ("pkg-config", &["--modversion", "libelf"]),
    ("zstd", &["--version"]),
    ("openssl", &["version"]),
    ("depmod", &["--version"]),
];

/// What else the result depends on.
pub(super) fn facts(fragment: &Path, facts: &mut Facts) -> anyhow::Result<()> {
    facts.add_file("fragment", fragment)?;
    add_tools(facts, &version_of)
}

fn add_tools(facts: &mut Facts, version: &dyn Fn(&'static str, &[&str]) -> anyhow::Result<String>) -> anyhow::Result<()> {
    for (tool, question) in TOOLS {
        facts.add(tool, version(tool, question)?);
    }
    Ok(())
}

/// Builds from the source archive; `work` is a directory to do it in.
pub(super) fn make(archive: &Path, fragment: &Path, work: &Path, out: &Path, stage: &Stage) -> anyhow::Result<()> {
    let source = work.join("linux");
    std::fs::create_dir(&source)?;
    Tool::new("tar").arg("-xf").arg(archive).args(["--strip-components=1", "-C"]).arg(&source).run(stage)?;
    configure(&source, fragment, stage)?;
    compile(&source, stage)?;
    install(&source, out, stage)
}

fn tool(source: &Path) -> Tool {
    Tool::new("make")
        .dir(source)
        .env("KBUILD_BUILD_USER", "ampoule")
        .env("KBUILD_BUILD_HOST", "ampoule")
        .env("KBUILD_BUILD_VERSION", "1")
        .env("KBUILD_BUILD_TIMESTAMP", "2026-01-01")
}

/// The smallest configuration, plus the fragment, plus what these depend on.
fn configure(source: &Path, fragment: &Path, stage: &Stage) -> anyhow::Result<()> {
    tool(source).arg("tinyconfig").run(stage)?;
    let config = source.join(".config");
    let asked = std::fs::read_to_string(fragment).with_context(|| format!("cannot read {}", fragment.display()))?;
    let merged = merge(&std::fs::read_to_string(&config)?, &asked);
    std::fs::write(&config, merged)?;
    tool(source).arg("olddefconfig").run(stage)?;
    let unmet = unmet(&asked, &std::fs::read_to_string(&config)?);
    anyhow::ensure!(
        unmet.is_empty(),
        "the kernel's configuration ignored what {} asks for (renamed, or a dependency is missing): {}",
        fragment.display(),
        unmet.join(", ")
    );
    Ok(())
}

/// The option that a line of a configuration decides.
fn option(line: &str) -> Option<&str> {
    let name = match line.strip_prefix("# ") {
        Some(comment) => comment.strip_suffix(" is not set")?,
        None => line.split_once('=')?.0,
    };
    Some(name).filter(|n| n.starts_with("CONFIG_"))
}

/// `config` with every option that `asked` decides decided by `asked`.
fn merge(config: &str, asked: &str) -> String {
    let decided: std::collections::HashSet<_> = asked.lines().filter_map(option).collect();
    let kept = config.lines().filter(|l| option(l).is_none_or(|o| !decided.contains(o)));
    kept.chain(asked.lines()).flat_map(|l| [l, "\n"]).collect()
}

/// The lines of `asked` that `config` does not fulfil.
fn unmet<'a>(asked: &'a str, config: &str) -> Vec<&'a str> {
    let set: std::collections::HashSet<_> = config.lines().filter(|l| !l.starts_with('#')).collect();
    let on: std::collections::HashSet<_> = set.iter().filter_map(|l| option(l)).collect();
    let met = |line: &str| match line.strip_suffix("=n") {
        Some(name) => !on.contains(name),
        None => set.contains(line),
    };
    asked.lines().filter(|l| option(l).is_some() && !l.starts_with('#') && !met(l)).collect()
}

fn compile(source: &Path, stage: &Stage) -> anyhow::Result<()> {
    let jobs = std::thread::available_parallelism()?;
    let mut done = 0;
    tool(source).args([format!("-j{jobs}"), "bzImage".into(), "modules".into()]).run_with(stage, |_| {
        done += 1;
        stage.step(done.min(USUAL_LINES), USUAL_LINES);
    })
}

fn install(source: &Path, out: &Path, stage: &Stage) -> anyhow::Result<()> {
    let usr = out.join("root/usr");
    // Stripped first, then signed: modules_install keeps that order.
    tool(source).args(["modules_install", "INSTALL_MOD_STRIP=1"]).arg(format!("INSTALL_MOD_PATH={}", usr.display())).run(stage)?;
    destroy_key(source)?;
    let release = tool(source).args(["-s", "kernelrelease"]).output()?;
    let modules = usr.join("lib/modules").join(release.trim());
    for name in UNREAD {
        // Which of them exist depends on the version of kmod.
        let _ = std::fs::remove_file(modules.join(name));
    }
    check_signed(&modules)?;
    let boot = out.join("boot");
    std::fs::create_dir(&boot)?;
    std::fs::copy(source.join("arch/x86/boot/bzImage"), boot.join("vmlinuz"))?;
    std::fs::copy(source.join(".config"), boot.join("kernel.config"))?;
    Ok(std::fs::write(boot.join("kernel.release"), release.trim())?)
}

/// The key must not outlive the build: whoever has it can load modules.
fn destroy_key(source: &Path) -> anyhow::Result<()> {
    let key = source.join("certs/signing_key.pem");
    let length = std::fs::metadata(&key).context("the kernel's build made no signing key: is CONFIG_MODULE_SIG_ALL on?")?.len();
    std::fs::write(&key, vec![0; usize::try_from(length)?])?;
    std::fs::remove_file(&key).context("cannot remove the signing key")
}

fn check_signed(modules: &Path) -> anyhow::Result<()> {
    let files = hash::files_below(modules)?;
    let modules: Vec<_> = files.iter().filter(|p| p.extension().is_some_and(|e| e == "ko")).collect();
    anyhow::ensure!(!modules.is_empty(), "the kernel has no modules");
    for path in modules {
        let signed = std::fs::read(path)?.ends_with(SIGNED);
        anyhow::ensure!(signed, "the module {} is not signed", path.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key when one program has another version than all others.
    fn key(other: &str) -> String {
        let mut facts = Facts::default();
        let version = |tool: &'static str, _: &[&str]| Ok(if tool == other { "2" } else { "1" }.to_owned());
        add_tools(&mut facts, &version).expect("told");
        facts.finish()
    }

    #[test]
    fn each_tool_of_the_host_is_part_of_the_key() {
        for tool in ["gcc", "as", "ld", "objcopy", "make", "flex", "bison", "awk", "bc", "perl", "pkg-config", "zstd", "openssl", "depmod"]
        {
            assert_ne!(key(tool), key(""), "{tool}");
        }
        assert_eq!(key("tar"), key(""), "what only unpacks changes nothing");
    }

    #[test]
    fn each_tool_of_the_host_tells_its_version() {
        for (tool, question) in TOOLS {
            let version = version_of(tool, question).expect("doctor asks for it");
            assert!(version.contains(|c: char| c.is_ascii_digit()), "{tool}: {version}");
        }
    }

    const ASKED: &str = "# why\nCONFIG_A=y\nCONFIG_B=n\nCONFIG_C=\"x\"\n";

    #[test]
    fn the_fragment_decides() {
        let config = merge("CONFIG_B=y\n# CONFIG_A is not set\nCONFIG_D=y\n", ASKED);
        assert!(config.contains("CONFIG_D=y\n") && config.contains("CONFIG_B=n\n") && !config.contains("CONFIG_B=y"));
        assert!(!config.contains("CONFIG_A is not set"));
    }

    #[test]
    fn an_ignored_option_is_named() {
        assert!(unmet(ASKED, "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=\"x\"\n").is_empty());
        assert_eq!(unmet(ASKED, "CONFIG_A=m\nCONFIG_C=\"x\"\n"), ["CONFIG_A=y"]);
        assert_eq!(unmet(ASKED, "CONFIG_A=y\nCONFIG_B=m\n"), ["CONFIG_B=n", "CONFIG_C=\"x\""]);
    }

    #[test]
    fn no_option_is_asked_for_twice() {
        let fragment = include_str!("../../../packages/kernel/x86_64.fragment");
        let mut seen = std::collections::HashSet::new();
        let twice: Vec<_> = fragment.lines().filter_map(option).filter(|o| !seen.insert(*o)).collect();
        assert!(twice.is_empty(), "{twice:?}");
    }
}
