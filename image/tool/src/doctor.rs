//! `doctor`: does this machine have what is needed?

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use ampoule_builder::Requirement;
use ampoule_machine::{Accelerator, available_mib};
use anyhow::Result;

use crate::{paths, show::print};

/// What running and testing need beyond building.
const MORE: [Requirement; 18] = [
    need("qemu-system-x86_64", "qemu-system-x86", "runs nodes"),
    need("/usr/share/OVMF", "ovmf", "boots them through firmware"),
    need("setpriv", "util-linux", "ends machines with the program that started them"),
    need("skopeo", "skopeo", "moves container images in tests"),
    need("umoci", "umoci", "makes container images for tests"),
    need("mmdebstrap", "mmdebstrap", "makes container images for tests"),
    need("newuidmap", "uidmap", "makes them without root"),
    need("fakeroot", "fakeroot", "makes them without root"),
    need("mcopy", "mtools", "makes configuration volumes for tests"),
    need("mkfs.vfat", "dosfstools", "makes configuration volumes for tests"),
    need("xorrisofs", "xorriso", "makes configuration discs for tests"),
    need("ip", "iproute2", "tests the network in one of its own"),
    need("nft", "nftables", "reads back what tests tell the kernel"),
    need("/bin/kill", "procps", "tests what ends machines"),
    need("/usr/share/doc/python3-venv", "python3-venv", "tests the API against its document"),
    need("git", "git", "tells which files are the repository's"),
    need("curl", "curl", "fetches the compiler"),
    need("/etc/ssl/certs/ca-certificates.crt", "ca-certificates", "proves whom files come from"),
];

const fn need(program: &'static str, package: &'static str, purpose: &'static str) -> Requirement {
    Requirement { program, package, purpose }
}

/// `./ampoule doctor`.
pub(crate) fn run() -> Result<ExitCode> {
    let (list, missing) = programs();
    let (end, code) = match missing.as_slice() {
        [] => ("Everything is here. Next: `./ampoule run`.".to_owned(), ExitCode::SUCCESS),
        names => (format!("Missing. On Debian or Ubuntu:\n  apt-get install {}", names.join(" ")), ExitCode::FAILURE),
    };
    print(&format!("{list}\n{}\n{end}\n", surroundings()))?;
    Ok(code)
}

/// A line for each program; the packages of those that are missing.
fn programs() -> (String, Vec<&'static str>) {
    let all = ampoule_builder::REQUIREMENTS.iter().chain(&MORE);
    let (mut list, mut missing) = (String::new(), Vec::new());
    for need in all {
        let found = need.find();
        list.push_str(&line(need, found.is_some()));
        if found.is_none() {
            missing.push(need.package);
        }
    }
    missing.sort_unstable();
    missing.dedup();
    (list, missing)
}

fn line(need: &Requirement, found: bool) -> String {
    let mark = if found { '✓' } else { '✗' };
    let missing = if found { "" } else { "MISSING: " };
    format!("{mark} {:27} {missing}{}\n", need.program, need.purpose)
}

fn surroundings() -> String {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let place = |path: PathBuf| format!("{}{}", path.display(), if is_there(&path) { "" } else { " (not there yet)" });
    let rows = [
        ("engine", Accelerator::detect().to_string()),
        ("processors", processors.to_string()),
        ("memory", format!("{} MiB free", available_mib())),
        ("cache", place(paths::cache())),
        ("nodes", place(paths::state())),
    ];
    rows.map(|(name, value)| format!("{name:11} {value}\n")).concat()
}

fn is_there(path: &Path) -> bool {
    fs::metadata(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The script installs what it names, and this names what is missing.
    #[test]
    fn what_the_script_installs_is_looked_for() {
        let script = include_str!("../../../ampoule");
        let named = script.split_once("needs='").and_then(|(_, rest)| rest.split_once('\'')).expect("a list").0;
        let looked_for: Vec<(&str, &str)> =
            ampoule_builder::REQUIREMENTS.iter().chain(&MORE).map(|need| (need.program, need.package)).collect();
        let lines: Vec<(&str, &str)> = named.lines().filter_map(|line| line.split_once(' ')).collect();
        assert!(lines.len() > 30, "{lines:?}");
        let forgotten: Vec<_> = lines.iter().filter(|line| !looked_for.contains(line)).collect();
        assert!(forgotten.is_empty(), "{forgotten:?}");
    }

    #[test]
    fn lines_fit_a_terminal_and_name_what_is_missing() {
        for need in ampoule_builder::REQUIREMENTS.iter().chain(&MORE) {
            assert!(line(need, true).trim_end().chars().count() <= 80, "{}", line(need, true));
            assert!(line(need, false).contains("MISSING"));
        }
    }
}
