//! The SELinux policy: compiled from `policy/selinux/*.cil` into the image, where `init` loads it before anything else runs.

use crate::stage::Stage;
use crate::tool::Tool;
use anyhow::Context;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Where the image has it, below the root.
pub(crate) const POLICY: &str = "usr/share/ampoule/selinux/policy";
/// Where the labels of the root's files stand, in the checkout.
const FILE_CONTEXTS: &str = "policy/selinux/file-contexts";
/// Format of the policy: the newest that this kernel reads (Linux, `security/selinux/include/security.h`).
const FORMAT: &str = "33";
/// Categories `c0` to one less than this; a workload has two of them.
const CATEGORIES: u32 = 1024;

/// Writes the compiled policy into `root`. The compiler refuses one that breaks a promise (`never*.cil`).
pub(crate) fn compile(repo: &Path, root: &Path, scratch: &Path, stage: &Stage) -> anyhow::Result<()> {
    let levels = scratch.join("categories.cil");
    std::fs::write(&levels, categories()).context("cannot write the categories")?;
    let policy = root.join(POLICY);
    std::fs::create_dir_all(policy.parent().context("the policy has a folder")?)?;
    // No file of contexts for a tool that relabels: nothing on a node does.
    Tool::new("secilc").args(["-c", FORMAT, "-f", "/dev/null", "-o"]).arg(&policy).arg(&levels).args(sources(repo)?).run(stage)?;
    std::fs::set_permissions(&policy, std::os::unix::fs::PermissionsExt::from_mode(0o644)).context("cannot set the policy's mode")
}

/// The files of the policy, in a fixed order.
fn sources(repo: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let folder = repo.join("policy/selinux");
    let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "cil"));
    files.sort();
    Ok(files)
}

/// One sensitivity and its categories: a thousand lines that nobody need read.
fn categories() -> String {
    let mut text = String::from("(sensitivity s0)\n(sensitivityorder (s0))\n");
    let mut order = String::new();
    for number in 0..CATEGORIES {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "(category c{number})");
        let _ = write!(order, " c{number}");
    }
    text + &format!("(categoryorder ({order}))\n(sensitivitycategory s0 (range c0 c{}))\n", CATEGORIES - 1)
}

/// The file that says how the root is labelled.
pub(crate) fn file_contexts(repo: &Path) -> PathBuf {
    repo.join(FILE_CONTEXTS)
}
