//! Two workloads on one node, told apart by their categories alone: same user, same domain, folders and files that Unix opens to everybody,
//! and process numbers that both see.

use std::{
    fs::{self, OpenOptions, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::Path,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::bundle::{Bundle, MINE, PLACE, THEIRS, in_memory};

const DOMAIN: &str = "container_t";
/// Volumes of who attacks: what is its own, what all share, and what is its neighbour's.
const VOLUMES: [(&str, &str); 3] = [("mine", MINE), ("shared", "s0"), ("theirs", THEIRS)];

/// What the attacker said, a line for each thing that it tried. What is its own shows that the attempts are right.
pub(crate) fn meet() -> io::Result<Vec<String>> {
    let (twin, victim) = (waiting("twin", MINE)?, waiting("victim", THEIRS)?);
    let pids = [twin.start(DOMAIN)?, victim.start(DOMAIN)?];
    let mut attacker = Bundle::new("attacker", MINE)?;
    attacker.mounts = VOLUMES.iter().map(|(name, level)| volume(name, level)).collect::<io::Result<String>>()?;
    attacker.processes = "";
    attacker.words = format!(r#""reach","{}","{}""#, pids[0], pids[1]);
    let output = attacker.run(DOMAIN)?;
    twin.delete(DOMAIN)?;
    victim.delete(DOMAIN)?;
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    Ok(said.lines().map(str::to_owned).collect())
}

fn waiting(name: &str, level: &'static str) -> io::Result<Bundle> {
    let mut bundle = Bundle::new(name, level)?;
    bundle.processes = "";
    bundle.words = r#""wait""#.to_owned();
    Ok(bundle)
}

/// A folder that everybody may write to, with a file that everybody may read and write, as an entry of `mounts`.
fn volume(name: &str, level: &str) -> io::Result<String> {
    let place = Path::new(PLACE).join("volumes").join(name);
    in_memory(&place, level)?;
    fs::set_permissions(&place, Permissions::from_mode(0o777))?;
    fs::write(place.join("file"), "kept")?;
    fs::set_permissions(place.join("file"), Permissions::from_mode(0o666))?;
    Ok(format!(r#",{{"destination":"/{name}","type":"bind","source":"{}","options":["bind"]}}"#, place.display()))
}

/// Inside: tries all on each of its volumes, and on its twin and its neighbour, whose process numbers it is given.
pub(crate) fn reach(pids: &[String]) {
    for (name, _) in VOLUMES {
        let folder = Path::new("/").join(name);
        said("reads", name, fs::read(folder.join("file")).map(drop));
        said("writes", name, OpenOptions::new().append(true).open(folder.join("file")).map(drop));
        said("makes a file in", name, fs::write(folder.join("new"), "x"));
        said("lists", name, fs::read_dir(&folder).map(drop));
    }
    for (name, pid) in ["twin", "victim"].into_iter().zip(pids) {
        said("looks into", name, fs::read(format!("/proc/{pid}/environ")).map(drop));
        said("signals", name, end(pid));
    }
}

fn end(pid: &str) -> io::Result<()> {
    let pid = pid.parse().ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(kill_process(pid, Signal::TERM)?)
}

fn said(what: &str, whom: &str, outcome: io::Result<()>) {
    match outcome {
        Ok(()) => println!("INSIDE {what} {whom}: ok"),
        Err(error) => println!("INSIDE {what} {whom}: {error}"),
    }
}
