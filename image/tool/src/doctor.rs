//! `doctor`: does this machine have what is needed?

use std::{fs, path::Path, process::ExitCode};

use ampoule_builder::Requirement;
use ampoule_machine::{Accelerator, available_mib};

use crate::paths;

/// What running and testing need beyond building.
const MORE: [Requirement; 6] = [
    need("qemu-system-x86_64", "qemu-system-x86", "runs nodes"),
    need("/usr/share/OVMF", "ovmf", "boots them through firmware"),
    need("setpriv", "util-linux", "ends machines with the program that started them"),
    need("skopeo", "skopeo", "moves container images in tests"),
    need("umoci", "umoci", "makes container images for tests"),
    need("mmdebstrap", "mmdebstrap", "makes container images for tests"),
];

const fn need(program: &'static str, package: &'static str, purpose: &'static str) -> Requirement {
    Requirement { program, package, purpose }
}

/// `./ampoule doctor`.
pub(crate) fn run() -> ExitCode {
    let missing = programs();
    surroundings();
    if missing.is_empty() {
        println!("\nEverything is here. Next: `./ampoule run`.");
        return ExitCode::SUCCESS;
    }
    println!("\nMissing. On Debian or Ubuntu:\n  apt-get install {}", missing.join(" "));
    ExitCode::FAILURE
}

/// Prints each program; the packages of those that are missing.
fn programs() -> Vec<&'static str> {
    let all = ampoule_builder::REQUIREMENTS.iter().chain(&MORE);
    let mut missing = Vec::new();
    for need in all {
        let found = need.find();
        let place = found.as_ref().map_or("MISSING".into(), |path| path.display().to_string());
        println!("{:28} {:32} {}", need.program, place, need.purpose);
        if found.is_none() {
            missing.push(need.package);
        }
    }
    missing.sort_unstable();
    missing.dedup();
    missing
}

fn surroundings() {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    println!("\nengine      {}", Accelerator::detect());
    println!("processors  {processors}");
    println!("memory      {} MiB free", available_mib());
    for (what, path) in [("cache", paths::cache()), ("nodes", paths::state())] {
        println!("{what:11} {}{}", path.display(), if is_there(&path) { "" } else { " (not there yet)" });
    }
}

fn is_there(path: &Path) -> bool {
    fs::metadata(path).is_ok()
}
