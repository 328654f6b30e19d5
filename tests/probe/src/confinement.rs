//! The box of every service, as the kernel has it: one line for each.

use std::{collections::BTreeMap, fs};

use crate::report::Report;

/// Lines of `/proc/PID/status` that say what a process may do.
const FACTS: [&str; 9] = ["Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs"];

pub(crate) fn look(report: &mut Report) {
    let main = main_processes();
    if main.len() < 5 {
        report.failed(&format!("box: only {} services found", main.len()));
    }
    for (service, pid) in main {
        report.ok(&format!("box {service} {}", facts(&service, pid)));
    }
}

/// The process of the lowest number in the control group of each service.
fn main_processes() -> BTreeMap<String, u32> {
    let mut main = BTreeMap::new();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
        let group = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        if let Some(service) = group.trim().strip_prefix("0::/system/") {
            let lowest: &mut u32 = main.entry(service.to_owned()).or_insert(pid);
            *lowest = pid.min(*lowest);
        }
    }
    main
}

fn facts(service: &str, pid: u32) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mut words: Vec<String> = FACTS.iter().chain(&["Seccomp"]).map(|name| format!("{name}={}", value(&status, name))).collect();
    words.extend(["mnt", "net", "ipc"].map(|kind| format!("{kind}={}", namespace(pid, kind))));
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size"));
    words.push(format!("core={}", core.unwrap_or_default().split_whitespace().take(2).collect::<Vec<_>>().join(",")));
    words.push(format!("writable={}", writable(pid).join(",")));
    words.push(format!("devices={}", devices(&mounts(pid))));
    words.push(format!("dumpable={}", dumpable(pid, &value(&status, "Uid"))));
    words.extend([("memory", "memory.max"), ("tasks", "pids.max")].map(|(name, file)| format!("{name}={}", limit(service, file))));
    words.join(" ")
}

/// Its value with commas for blanks; of four equal numbers, one.
fn value(status: &str, name: &str) -> String {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let words: Vec<&str> = line.unwrap_or("?").split_whitespace().collect();
    let all_the_same = matches!(name, "Uid" | "Gid") && words.iter().all(|word| *word == words[0]);
    if all_the_same { words[0].to_owned() } else { words.join(",") }
}

/// Whether it shares a namespace with PID 1.
fn namespace(pid: u32, kind: &str) -> &'static str {
    let of = |pid: u32| fs::read_link(format!("/proc/{pid}/ns/{kind}"));
    match (of(pid), of(1)) {
        (Ok(its), Ok(host)) if its == host => "host",
        (Ok(_), Ok(_)) => "own",
        _ => "unknown",
    }
}

/// Where it sees a file system that can be written to, containers' own aside.
fn writable(pid: u32) -> Vec<String> {
    let mut places: Vec<String> = mounts(pid).lines().filter_map(writable_place).collect();
    places.sort();
    places
}

fn mounts(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default()
}

/// What is in a `/dev` of its own, or `host`.
fn devices(mounts: &str) -> String {
    let line = |text: &str| -> Option<(String, String, String)> {
        let fields: Vec<&str> = text.split(' ').collect();
        let kind = text.split_once(" - ")?.1.split(' ').next()?;
        Some(((*fields.first()?).to_owned(), (*fields.get(4)?).to_owned(), format!("{} {kind}", fields.get(1)?)))
    };
    let lines: Vec<_> = mounts.lines().filter_map(line).collect();
    let own = lines.iter().find(|(_, place, rest)| place == "/dev" && rest.ends_with(" tmpfs"));
    let Some((id, ..)) = own else { return "host".to_owned() };
    let inside = lines.iter().filter(|(_, _, rest)| rest.split(' ').next() == Some(id));
    let mut names: Vec<&str> = inside.filter_map(|(_, place, _)| place.strip_prefix("/dev/")).collect();
    names.sort_unstable();
    names.join(",")
}

/// Whether others of its user may look into it: then its files in `/proc` are that user's, else root's (proc(5)); not its folder, which is the user's in any case. Of root's own this does not tell.
fn dumpable(pid: u32, user: &str) -> &'static str {
    use std::os::unix::fs::MetadataExt;
    match fs::metadata(format!("/proc/{pid}/status")).map(|facts| facts.uid()) {
        _ if user == "0" => "unknown",
        Ok(0) => "no",
        _ => "yes",
    }
}

/// A limit of the service's control group.
fn limit(service: &str, file: &str) -> String {
    let text = fs::read_to_string(format!("/sys/fs/cgroup/system/{service}/{file}"));
    text.map_or_else(|error| error.to_string().replace(' ', "-"), |text| text.trim().to_owned())
}

/// `36 35 98:0 /root /place options …` (proc(5)).
fn writable_place(line: &str) -> Option<String> {
    let mut fields = line.split(' ').skip(4);
    let (place, options) = (fields.next()?, fields.next()?);
    options.split(',').any(|option| option == "rw").then(|| place.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_written_to_is_told_by_the_mount_not_by_the_file_system() {
        let line = |options: &str| format!("36 35 0:30 / /state/clock {options} shared:1 - ext4 /dev/vda6 rw");
        assert_eq!(writable_place(&line("rw,nosuid")), Some("/state/clock".to_owned()));
        assert_eq!(writable_place(&line("ro,nosuid")), None);
    }

    #[test]
    fn a_dev_of_its_own_is_told_by_what_is_mounted_in_it() {
        let host = "1 0 0:5 / /dev rw - devtmpfs x rw\n2 1 0:6 / /dev/shm rw - tmpfs x rw\n";
        assert_eq!(devices(host), "host");
        let own =
            "9 1 0:7 / /dev ro - tmpfs x rw\n7 9 0:5 /null /dev/null ro - devtmpfs x rw\n8 9 0:5 /full /dev/full ro - devtmpfs x rw\n";
        assert_eq!(devices(&format!("{host}{own}")), "full,null");
    }

    #[test]
    fn numbers_of_a_user() {
        let status = "Uid:\t7\t7\t7\t7\nGroups:\t1 2 \nCapEff:\t00ff\n";
        assert_eq!((value(status, "Uid"), value(status, "Groups"), value(status, "CapEff")), ("7".into(), "1,2".into(), "00ff".into()));
        assert_eq!(value(status, "CapAmb"), "?");
        assert_eq!(value("Uid:\t7\t0\t7\t7\n", "Uid"), "7,0,7,7");
    }
}
