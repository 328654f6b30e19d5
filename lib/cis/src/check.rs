//! One check, and how it is done.

use crate::{Mode, Status};

/// What a check may look at: small files of the node.
pub trait System {
    /// The text of a file, if it can be read.
    fn read(&self, path: &str) -> Option<String>;
    /// Permission bits of a file or folder, if it is there.
    fn mode(&self, path: &str) -> Option<u32>;
}

/// A check of a benchmark.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Name in reports, such as `br01010101`.
    pub name: &'static str,
    /// Number in the benchmark, such as `1.1.1.1`.
    pub id: &'static str,
    /// 1: for every system; 2: may cost function.
    pub level: u8,
    /// What the benchmark calls it.
    pub title: &'static str,
    /// How it is done.
    pub probe: Probe,
}

/// How a check is done.
#[derive(Debug, Clone, Copy)]
pub enum Probe {
    /// By a person.
    Manual,
    /// Each file says one of the values.
    Values(&'static [(&'static str, &'static [&'static str])]),
    /// One of the words of a file stands in brackets, as in `none [integrity] confidentiality`.
    Chosen(&'static str, &'static [&'static str]),
    /// The kernel has this neither built in nor as a module: name of the file system, if it is one, and of the module.
    NoDriver(&'static str),
    /// The root file system is on dm-verity and read-only.
    VerifiedRoot,
    /// A file is there.
    Present(&'static str),
    /// A folder is there, and its file system outlives a restart.
    OnDisk(&'static str),
    /// A folder gives others none of these permission bits.
    Closed(&'static str, u32),
    /// This design does not do it; the reason.
    NotDone(&'static str),
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Passed, failed or left to a person.
    pub status: Status,
    /// Why it did not pass; empty otherwise.
    pub error: String,
}

impl Finding {
    fn of(result: Result<(), String>) -> Self {
        match result {
            Ok(()) => Self { status: Status::Pass, error: String::new() },
            Err(error) => Self { status: Status::Fail, error },
        }
    }
}

impl Probe {
    /// Who does it.
    pub(crate) fn mode(self) -> Mode {
        if matches!(self, Self::Manual) { Mode::Manual } else { Mode::Automatic }
    }

    /// Does it.
    pub fn look(self, system: &dyn System) -> Finding {
        Finding::of(match self {
            Self::Manual => {
                return Finding { status: Status::Skip, error: "Manual check, see the benchmark for what to look at.".to_owned() };
            }
            Self::Values(files) => files.iter().try_for_each(|(path, allowed)| value(system, path, allowed)),
            Self::Chosen(path, allowed) => chosen(system, path, allowed),
            Self::NoDriver(name) => no_driver(system, name),
            Self::VerifiedRoot => verified_root(system),
            Self::Present(path) => mode(system, path).map(drop),
            Self::OnDisk(path) => on_disk(system, path),
            Self::Closed(path, bits) => closed(system, path, bits),
            Self::NotDone(why) => Err(why.to_owned()),
        })
    }
}

fn read(system: &dyn System, path: &str) -> Result<String, String> {
    system.read(path).ok_or_else(|| format!("{path} cannot be read"))
}

fn value(system: &dyn System, path: &str, allowed: &[&str]) -> Result<(), String> {
    let text = read(system, path)?;
    let found = text.trim();
    if allowed.contains(&found) { Ok(()) } else { Err(format!("{path} is {found}, not {}", allowed.join(" or "))) }
}

fn chosen(system: &dyn System, path: &str, allowed: &[&str]) -> Result<(), String> {
    let text = read(system, path)?;
    let found = text.split_whitespace().find_map(|word| word.strip_prefix('[')?.strip_suffix(']')).unwrap_or("nothing");
    if allowed.contains(&found) { Ok(()) } else { Err(format!("{path} says {found}, not {}", allowed.join(" or "))) }
}

fn no_driver(system: &dyn System, name: &str) -> Result<(), String> {
    let built_in = read(system, "/proc/filesystems")?;
    let release = read(system, "/proc/sys/kernel/osrelease")?;
    let folder = format!("/usr/lib/modules/{}", release.trim());
    let built_in_modules = read(system, &format!("{folder}/modules.builtin"))?;
    let modules = read(system, &format!("{folder}/modules.dep"))?;
    let is_module = |line: &str| line.split(':').next().is_some_and(|path| path.ends_with(&format!("/{name}.ko")));
    if built_in.lines().any(|line| line.split_whitespace().last() == Some(name)) || built_in_modules.lines().any(is_module) {
        return Err(format!("the kernel has {name} built in"));
    }
    if modules.lines().any(is_module) { Err(format!("the image has the module {name}")) } else { Ok(()) }
}

fn verified_root(system: &dyn System) -> Result<(), String> {
    let line = read(system, "/proc/cmdline")?;
    let mounts = read(system, "/proc/self/mounts")?;
    let table = line.split_once("dm-mod.create=\"").and_then(|(_, rest)| rest.split_once('"')).map_or("", |(table, _)| table);
    if !table.contains(" verity ") || !line.split(' ').any(|word| word == "root=/dev/dm-0") {
        return Err("the kernel was not told to verify its root".to_owned());
    }
    let root = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()).find(|mount| mount.get(1) == Some(&"/"));
    let read_only = root.is_some_and(|mount| mount.get(3).is_some_and(|options| options.split(',').any(|option| option == "ro")));
    if read_only { Ok(()) } else { Err("the root file system is not mounted read-only".to_owned()) }
}

fn on_disk(system: &dyn System, path: &str) -> Result<(), String> {
    mode(system, path)?;
    let mounts = read(system, "/proc/self/mounts")?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let holds = |place: &str| path == place || path.strip_prefix(place.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'));
    // Of two mounts on one place the later one is seen.
    let found = mounts.filter(|(place, _)| holds(place)).max_by_key(|(place, _)| place.len());
    match found {
        Some((_, "ext4" | "xfs")) => Ok(()),
        Some((place, kind)) => Err(format!("{path} lies on {place}, which is {kind} and does not outlive a restart")),
        None => Err(format!("{path} lies on no file system")),
    }
}

fn mode(system: &dyn System, path: &str) -> Result<u32, String> {
    system.mode(path).ok_or_else(|| format!("{path} is not there"))
}

fn closed(system: &dyn System, path: &str, bits: u32) -> Result<(), String> {
    let mode = mode(system, path)? & 0o7777;
    if mode & bits == 0 { Ok(()) } else { Err(format!("{path} has the mode {mode:o}, of which {:o} must not be", mode & bits)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    struct Files(BTreeMap<&'static str, &'static str>);

    impl System for Files {
        fn read(&self, path: &str) -> Option<String> {
            self.0.get(path).map(|text| (*text).to_owned())
        }

        fn mode(&self, path: &str) -> Option<u32> {
            u32::from_str_radix(self.0.get(path)?, 8).ok()
        }
    }

    fn error(probe: Probe, files: &[(&'static str, &'static str)]) -> String {
        probe.look(&Files(files.iter().copied().collect())).error
    }

    #[test]
    fn values_must_be_read_and_right() {
        let probe = Probe::Values(&[("/a", &["1"]), ("/b", &["0", "2"])]);
        assert_eq!(error(probe, &[("/a", "1\n"), ("/b", "2\n")]), "");
        assert_eq!(error(probe, &[("/a", "1\n"), ("/b", "1\n")]), "/b is 1, not 0 or 2");
        assert_eq!(error(probe, &[("/a", "1\n")]), "/b cannot be read");
    }

    #[test]
    fn the_chosen_word_counts_not_the_possible_ones() {
        let probe = Probe::Chosen("/l", &["integrity"]);
        assert_eq!(error(probe, &[("/l", "none [integrity] confidentiality")]), "");
        assert_eq!(error(probe, &[("/l", "[none] integrity")]), "/l says none, not integrity");
    }

    #[test]
    fn a_driver_is_missed_built_in_and_as_a_module() {
        let files = |systems, built_in, dep| {
            [
                ("/proc/filesystems", systems),
                ("/proc/sys/kernel/osrelease", "6\n"),
                ("/usr/lib/modules/6/modules.builtin", built_in),
                ("/usr/lib/modules/6/modules.dep", dep),
            ]
        };
        let probe = Probe::NoDriver("udf");
        assert_eq!(error(probe, &files("nodev\ttmpfs\n\text4\n", "kernel/a.ko\n", "kernel/fs/udfs.ko:\n")), "");
        assert_eq!(error(probe, &files("\tudf\n", "", "")), "the kernel has udf built in");
        assert_eq!(error(probe, &files("", "kernel/fs/udf.ko\n", "")), "the kernel has udf built in");
        assert_eq!(error(probe, &files("", "", "kernel/fs/udf/udf.ko: kernel/lib/crc.ko\n")), "the image has the module udf");
    }

    #[test]
    fn the_root_must_be_verified_and_read_only() {
        let line = "quiet dm-mod.create=\"root,,,ro,0 88 verity 1 a b\" root=/dev/dm-0 ro";
        let files = |line, mounts| [("/proc/cmdline", line), ("/proc/self/mounts", mounts)];
        assert_eq!(error(Probe::VerifiedRoot, &files(line, "/dev/root / erofs ro,relatime 0 0\n")), "");
        assert!(error(Probe::VerifiedRoot, &files(line, "/dev/root / ext4 rw,errors=remount-ro 0 0\n")).contains("read-only"));
        assert!(error(Probe::VerifiedRoot, &files("root=/dev/vda2", "x / erofs ro 0 0\n")).contains("verify"));
    }

    #[test]
    fn logs_in_memory_are_not_on_disk() {
        let files = |mounts| [("/var/log/ampoule", "755"), ("/proc/self/mounts", mounts)];
        let probe = Probe::OnDisk("/var/log/ampoule");
        assert_eq!(error(probe, &files("r / erofs ro 0 0\nd /var ext4 rw 0 0\nt /var/lo tmpfs rw 0 0\n")), "");
        assert!(error(probe, &files("d /var ext4 rw 0 0\nt /var/log tmpfs rw 0 0\n")).contains("tmpfs"));
        assert_eq!(error(probe, &[("/proc/self/mounts", "d /var ext4 rw 0 0\n")]), "/var/log/ampoule is not there");
    }

    #[test]
    fn a_folder_open_to_others_fails() {
        assert_eq!(error(Probe::Closed("/log", 0o027), &[("/log", "40750")]), "");
        assert_eq!(error(Probe::Closed("/log", 0o027), &[("/log", "40755")]), "/log has the mode 755, of which 5 must not be");
    }
}
