//! `bench update`: what a node fetches for typical updates, beside other ways to bring them.
//!
//! The updates are put together from two real images: the tree of the older one with some files of the newer one, laid out as the builder does.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use ampoule_publish::{DeltaReport, Parts, Root, delta_between};
use anyhow::{Context, Result, ensure};

use crate::{bench::tell, figures::bytes, paths, show::Show};

/// An update: which files of the newer image it has, and whether it has its kernel.
struct Case {
    name: &'static str,
    /// Paths below the root; whole folders end in `/`.
    files: &'static [&'static str],
    kernel: bool,
    /// Of the full image, what may be fetched at most.
    wanted: Option<f64>,
}

const CASES: [Case; 4] = [
    Case { name: "one daemon rebuilt (`netd`)", files: &["usr/bin/netd"], kernel: false, wanted: Some(0.1) },
    Case { name: "another kernel (its modules and the kernel image)", files: &["usr/lib/modules/"], kernel: true, wanted: None },
    Case {
        name: "another containerd (with shim and runc)",
        files: &["usr/bin/containerd", "usr/bin/containerd-shim-runc-v2", "usr/bin/runc"],
        kernel: false,
        wanted: None,
    },
    Case { name: "everything", files: &["/"], kernel: true, wanted: None },
];

/// Of the image, what tree and metadata may take beside the changed files.
const OVERHEAD: f64 = 0.02;

/// A case, measured. Lengths in bytes.
struct Measured {
    name: &'static str,
    wanted: Option<f64>,
    report: DeltaReport,
    /// The changed files and the kernel, as the image has them.
    changed: u64,
    others: Vec<Option<u64>>,
}

/// Another way to bring the root and the kernel image, and how its bytes are counted.
type Way = (&'static str, fn(&Path, &Path, &Path) -> Option<u64>);

const WAYS: [Way; 4] = [("zchunk", zchunk), ("casync", casync), ("xdelta3 -9", xdelta), ("bsdiff", bsdiff)];

/// `./ampoule bench update FROM TO`.
pub(crate) fn run(from: &Path, to: &Path, write: bool) -> Result<()> {
    let _lock = super::lock()?;
    let show = Show::new();
    let work = super::workdir()?;
    let (old, new) = (work.join("old"), work.join("new"));
    ampoule_builder::unpack(&from.join("root.erofs"), &old)?;
    ampoule_builder::unpack(&to.join("root.erofs"), &new)?;
    let base = place(&show, &work, "base", &old)?;
    let cases = CASES.iter().map(|case| measure(&show, &work, case, (from, to), (&old, &new), &base)).collect::<Result<Vec<_>>>()?;
    drop(show);
    tell(&page(&cases, from, to), write.then_some("benchmarks-update.md"))
}

/// A tree, laid out as a root.
struct Laid {
    dir: PathBuf,
    root: Root,
}

fn place(show: &Show, work: &Path, name: &str, tree: &Path) -> Result<Laid> {
    let dir = work.join(format!("image-{name}"));
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let (root_hash, blocks) = ampoule_builder::lay_out(&paths::repo()?, tree, &dir, &paths::cache(), show)?;
    Ok(Laid { dir, root: Root { root_hash, blocks } })
}

fn measure(show: &Show, work: &Path, case: &Case, images: (&Path, &Path), trees: (&Path, &Path), base: &Laid) -> Result<Measured> {
    let tree = work.join("tree");
    crate::remove::tree(&tree)?;
    copy(trees.0, &tree)?;
    for name in case.files {
        replace(&trees.1.join(name.trim_start_matches('/')), &tree.join(name.trim_matches('/')))?;
    }
    let name: String = case.name.chars().filter(char::is_ascii_alphanumeric).collect();
    let laid = place(show, work, &name, &tree)?;
    let kernel = if case.kernel { images.1 } else { images.0 };
    let parts = |dir: &Path, boot: &Path| Parts {
        root: dir.join("root.erofs"),
        hash: dir.join("root.verity"),
        boot: boot.join("ampoule.efi"),
        loader: images.0.join("loader.efi"),
    };
    let (old, new) = (parts(&base.dir, images.0), parts(&laid.dir, kernel));
    let report = delta_between((&old, base.root), (&new, laid.root))?;
    let files: u64 = report.files.iter().map(|file| file.blocks * ampoule_publish::BLOCK).sum();
    let changed = files + if case.kernel { report.kernel_image } else { 0 };
    let others = WAYS.iter().map(|(_, way)| both(*way, (&old, &new), work)).collect();
    Ok(Measured { name: case.name, wanted: case.wanted, report, changed, others })
}

/// The way's bytes for the root and, if it is another one, the kernel image.
fn both(way: fn(&Path, &Path, &Path) -> Option<u64>, (old, new): (&Parts, &Parts), work: &Path) -> Option<u64> {
    let scratch = work.join("scratch");
    let mut total = 0;
    for (old, new) in [(&old.root, &new.root), (&old.boot, &new.boot)] {
        if old != new {
            crate::remove::tree(&scratch).ok()?;
            fs::create_dir_all(&scratch).ok()?;
            total += way(old, new, &scratch)?;
        }
    }
    Some(total)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let status = Command::new("cp").arg("-a").args([from, to]).status().context("cannot run cp")?;
    ensure!(status.success(), "cannot copy {}", from.display());
    Ok(())
}

/// Puts a file or folder of the newer tree in the place of the older one.
fn replace(from: &Path, to: &Path) -> Result<()> {
    if to.is_dir() {
        crate::remove::tree(to)?
    } else {
        fs::remove_file(to).with_context(|| format!("{} is in both images", to.display()))?
    }
    copy(from, to)
}

/// Runs a program; nothing if it is not there or fails.
fn quietly(program: &str, dir: &Path, args: &[&Path]) -> Option<Vec<u8>> {
    let output = Command::new(program).current_dir(dir).args(args).stderr(Stdio::null()).output().ok()?;
    output.status.success().then_some(output.stdout)
}

fn zchunk(old: &Path, new: &Path, work: &Path) -> Option<u64> {
    let (a, b) = (work.join("a.zck"), work.join("b.zck"));
    quietly("zck", work, &[Path::new("-o"), &a, old])?;
    quietly("zck", work, &[Path::new("-o"), &b, new])?;
    let text = String::from_utf8(quietly("zck_delta_size", work, &[&a, &b])?).ok()?;
    // `Would download N of M bytes`
    text.split_whitespace().find_map(|word| word.parse().ok())
}

fn casync(old: &Path, new: &Path, work: &Path) -> Option<u64> {
    let store = work.join("store");
    let make = |index: &str, of: &Path| {
        quietly("casync", work, &[Path::new("make"), Path::new("--store"), &store, Path::new(index), of])?;
        Some(size(&store))
    };
    let before = make("old.caibx", old)?;
    let after = make("new.caibx", new)?;
    Some(after - before + fs::metadata(work.join("new.caibx")).ok()?.len())
}

fn size(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { size(&entry.path()) } else { entry.metadata().map_or(0, |m| m.len()) }).sum()
}

fn xdelta(old: &Path, new: &Path, work: &Path) -> Option<u64> {
    let patch = work.join("patch");
    quietly(
        "xdelta3",
        work,
        &["-e", "-9", "-f", "-B", "134217728", "-s"].map(Path::new).into_iter().chain([old, new, &patch]).collect::<Vec<_>>(),
    )?;
    Some(fs::metadata(patch).ok()?.len())
}

fn bsdiff(old: &Path, new: &Path, work: &Path) -> Option<u64> {
    let patch = work.join("patch");
    quietly("bsdiff", work, &[old, new, &patch])?;
    Some(fs::metadata(patch).ok()?.len())
}

fn page(cases: &[Measured], from: &Path, to: &Path) -> String {
    let name =
        |path: &Path| ampoule_builder::inspect(path).map_or_else(|_| "?".to_owned(), |m| format!("{} (build {})", m.version, m.build_id));
    let rows = [
        "# Measured: what an update brings over the network".to_owned(),
        format!("By\n\n```sh\n./ampoule bench update FROM TO --write\n```\n\nbetween two images of this repository's history, {} and {}.", name(from), name(to)),
        "Each update is the older image with the named files of the newer one, laid out as the builder does; nothing was made up for it, but the mixtures were never booted. \"Fetched\" is\n\
         all that a node asks for beside TUF's metadata (some KiB): blocks of the root that it does not have, with the small gaps between them, the hash tree whole, and the kernel image without the kernel if that\n\
         is the same."
            .to_owned(),
        ours(cases).trim_end().to_owned(),
        "Wanted: at most the changed files as the image has them, compressed, and 2 % of the image; for one daemon at most a tenth of the image.".to_owned(),
        others(cases).trim_end().to_owned(),
        "Other ways, for root and kernel image: the whole image packed with zstd at its default level; zchunk and casync (Debian's versions, their own chunk sizes), whose chunks come from a server as ours\n\
         do, over the same image files; xdelta3 and bsdiff, which need a patch for each pair of versions, as the floor. `-`: the program is not on this machine."
            .to_owned(),
    ];
    rows.join("\n\n") + "\n"
}

fn ours(cases: &[Measured]) -> String {
    let head = "| update | fetched | of the full image | root: blocks, requests | hash tree | kernel image | changed files + 2 % | reached |\n|---|---|---|---|---|---|---|---|\n";
    cases.iter().fold(head.to_owned(), |table, case| {
        let (report, full) = (&case.report, case.report.full as f64);
        let limit = case.changed as f64 + OVERHEAD * full;
        let share = report.total as f64 / full;
        let reached = report.total as f64 <= limit && case.wanted.is_none_or(|wanted| share <= wanted);
        table
            + &format!(
                "| {} | {} | {:.1} % | {}: {}, {} | {} | {} | {} | {} |\n",
                case.name,
                bytes(report.total),
                100.0 * share,
                bytes(report.root),
                report.missing_blocks,
                report.requests,
                bytes(report.tree),
                bytes(report.kernel_image),
                bytes(limit as u64),
                if reached { "yes" } else { "no" },
            )
    })
}

fn others(cases: &[Measured]) -> String {
    let names: String = WAYS.iter().map(|(name, _)| format!(" {name} |")).collect();
    let head = format!("| update | fetched | full image | full, zstd |{names}\n|---|---|---|---|{}\n", "---|".repeat(WAYS.len()));
    let shown = |length: Option<u64>| length.map_or_else(|| "-".to_owned(), bytes);
    cases.iter().fold(head, |table, case| {
        let ways: String = case.others.iter().map(|length| format!(" {} |", shown(*length))).collect();
        let report = &case.report;
        table + &format!("| {} | {} | {} | {} |{ways}\n", case.name, bytes(report.total), bytes(report.full), shown(report.full_zstd))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(total: u64, changed: u64) -> Measured {
        let report = DeltaReport {
            blocks: 1000,
            missing_blocks: 10,
            requests: 2,
            root: total,
            tree: 0,
            kernel_image: 0,
            loader: 0,
            metadata: 0,
            total,
            full: 10_000,
            full_zstd: None,
            metadata_blocks: 0,
            files: Vec::new(),
        };
        Measured { name: "x", wanted: Some(0.1), report, changed, others: vec![None, Some(2048), None, None] }
    }

    #[test]
    fn a_case_reaches_its_aim_only_with_both_limits() {
        let reached = |total, changed| ours(&[case(total, changed)]).trim_end().ends_with("| yes |");
        assert!(reached(1000, 800) && !reached(1001, 1000) && !reached(1000, 799));
        assert!(others(&[case(1000, 800)]).contains("| - | 2.0 KiB | - | - |"));
    }
}
