//! `bench surface`: what a stranger could attack, counted on both systems in the same state: one container runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use ampoule_api_client::LogQuery;
use ampoule_api_types::v1::LogRecord;
use ampoule_builder::BuiltImage;
use ampoule_registry::Registry;
use ampoule_supervise::service::ServiceFile;
use ampoule_syscalls::List;
use anyhow::{Context, Result, bail};

use crate::{
    bench::{Conditions, debian, ours},
    building, demo, paths,
    show::Show,
};

/// What the program of the test image is told by the message of the day.
const WISH: &str = "[settings]\nmotd = \"probe-surface\"\n";
const LIMIT: Duration = Duration::from_secs(400);
/// The API's port, which the measurement itself opens.
const OWN_PORT: &str = "tcp 9443";

/// One system.
#[derive(Default)]
struct Surface {
    figures: BTreeMap<String, String>,
    listening: BTreeSet<String>,
    /// How many system calls each service may make.
    calls: BTreeMap<String, String>,
}

/// `./ampoule bench surface`
pub(crate) fn run(conditions: Conditions, write: bool) -> Result<()> {
    let _lock = super::lock()?;
    let show = Show::new();
    let registry = Registry::start(vec![("demo".to_owned(), demo::image(&show)?)])?;
    let debian = debian::prepare(&show, &registry)?;
    let built = building::image(&show, "standalone", None)?;
    let with_probe = building::image(&show, "test", None)?;
    let work = super::workdir()?;
    let ours = ours(&show, &built, &with_probe, registry.port(), conditions, &work)?;
    let lines = show.stage("debian", "counts what can be attacked", || debian::surface(&debian, conditions, &work))?;
    let mut theirs = Surface::of(lines);
    theirs.figures.insert("executables".into(), debian.size().executables.to_string());
    theirs.figures.insert("policy".into(), "0".into());
    drop(show);
    super::tell(&page(&ours, &theirs), write.then_some("benchmarks-surface.md"))
}

impl Surface {
    /// From lines such as `root 7`, `listening tcp 22`, `calls x.service 120`.
    fn of(lines: Vec<Vec<String>>) -> Self {
        let mut surface = Self::default();
        for line in lines {
            match line.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["listening", kind, port] => drop(surface.listening.insert(format!("{kind} {port}"))),
                ["calls", service, calls] => drop(surface.calls.insert(service.to_owned(), calls.to_owned())),
                [name, value] => drop(surface.figures.insert(name.to_owned(), value.to_owned())),
                _ => {}
            }
        }
        surface
    }

    fn figure(&self, name: &str) -> &str {
        self.figures.get(name).map_or("-", String::as_str)
    }
}

/// The image that is counted is the one that nodes run; what can only be seen from inside comes from the same with the program of the test image, which does not count itself.
fn ours(show: &Show, built: &BuiltImage, with_probe: &BuiltImage, registry: u16, conditions: Conditions, work: &Path) -> Result<Surface> {
    let prepared = ours::prepare_with(show, with_probe, registry, conditions, work, WISH)?;
    let lines = show.stage("ampoule", "counts what can be attacked", || node(&prepared, conditions, work))?;
    let mut surface = Surface::of(lines);
    surface.listening.remove(OWN_PORT);
    let manifest = &built.manifest;
    let config = fs::read_to_string(built.dir.join("kernel.config")).context("the image has no kernel.config: build it again")?;
    let options = |end: &str| config.lines().filter(|line| line.ends_with(end)).count().to_string();
    for (name, value) in [
        ("executables", manifest.executables.len().to_string()),
        ("setuid", manifest.executables.iter().filter(|one| one.setuid).count().to_string()),
        ("modules-there", manifest.modules.len().to_string()),
        ("built-in", options("=y")),
        ("as-modules", options("=m")),
        ("policy", policy_lines()?.to_string()),
    ] {
        surface.figures.insert(name.to_owned(), value);
    }
    surface.calls = calls(&manifest.services)?;
    Ok(surface)
}

fn node(prepared: &ours::Prepared, conditions: Conditions, work: &Path) -> Result<Vec<Vec<String>>> {
    let (mut machine, client) = ours::start(prepared, conditions, work.join("surface"))?;
    let query = LogQuery { sources: vec!["probe".into()], tail: Some(1000), ..LogQuery::default() };
    let start = Instant::now();
    loop {
        let lines = client.logs(&query).into_iter().flatten().flatten();
        let texts: Vec<String> = lines.filter_map(|line| Some(serde_json::from_str::<LogRecord>(&line).ok()?.text)).collect();
        if texts.iter().any(|text| text == "PROBE surface done") {
            machine.kill()?;
            let words = |text: &String| Some(text.strip_prefix("PROBE surface ")?.split(' ').map(str::to_owned).collect());
            return Ok(texts.iter().filter_map(words).collect());
        }
        if !machine.alive() || start.elapsed() > LIMIT {
            bail!("the node did not come so far:\n{}", machine.describe_end());
        }
        thread::sleep(Duration::from_secs(5));
    }
}

/// By the reviewed lists; `all` for who has none.
fn calls(services: &[String]) -> Result<BTreeMap<String, String>> {
    let repo = paths::repo()?;
    let mut calls = BTreeMap::new();
    for name in services {
        let folders = [format!("node/{name}"), format!("image/packages/{name}")];
        let path = folders.iter().map(|folder| repo.join(folder).join("service.toml")).find(|path| path.is_file());
        let text = fs::read_to_string(path.with_context(|| format!("{name} has no service file"))?)?;
        let list = ServiceFile::parse(&text).map_err(anyhow::Error::msg)?.rights.seccomp;
        let count = match list {
            Some(list) => List::read(&repo.join("policy/seccomp"), &list)?.calls().len().to_string(),
            None => "all".to_owned(),
        };
        calls.insert(name.clone(), count);
    }
    Ok(calls)
}

/// Lines of the mandatory access control policy and of the lists of system calls, without comments and empty ones.
fn policy_lines() -> Result<usize> {
    let mut count = 0;
    for folder in ["policy/selinux", "policy/seccomp"] {
        for entry in fs::read_dir(paths::repo()?.join(folder))? {
            let text = fs::read_to_string(entry?.path())?;
            let counts = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with([';', '#']);
            count += text.lines().filter(counts).count();
        }
    }
    Ok(count)
}

const ROWS: [(&str, &str); 11] = [
    ("executables", "executables"),
    ("setuid", "setuid and setgid files"),
    ("processes", "processes beside the container"),
    ("root", "of them as the machine's root"),
    ("filtered", "of them with a list of system calls"),
    ("listening", "ports that are open"),
    ("built-in", "kernel options built in"),
    ("as-modules", "kernel options as modules"),
    ("modules-there", "kernel modules on the disk"),
    ("modules", "kernel modules loaded"),
    ("policy", "lines of our own policy in force (SELinux, lists of system calls)"),
];

fn page(ours: &Surface, theirs: &Surface) -> String {
    let cell = |surface: &Surface, name: &str| match name {
        "listening" => {
            let ports = surface.listening.iter().cloned().collect::<Vec<_>>().join(", ");
            format!("{}{}", surface.listening.len(), if ports.is_empty() { String::new() } else { format!(" ({ports})") })
        }
        _ => surface.figure(name).to_owned(),
    };
    let row = |(name, words): &(&str, &str)| format!("| {words} | {} | {} |", cell(ours, name), cell(theirs, name));
    let table: Vec<String> = ROWS.iter().map(row).collect();
    let list = |surface: &Surface| {
        let rows = surface.calls.iter().map(|(service, calls)| format!("| `{service}` | {} |", calls.replace('-', " ")));
        format!("| service | system calls |\n|---|---|\n{}", rows.collect::<Vec<_>>().join("\n"))
    };
    [
        "# What can be attacked".to_owned(),
        "Counted on Ampoule and on Debian 13 with systemd and containerd as `./ampoule bench boot` installs it, on the same emulator, with one container running, by".to_owned(),
        "```sh\n./ampoule bench surface --write\n```".to_owned(),
        format!("| | Ampoule | Debian 13 |\n|---|---|---|\n{}", table.join("\n")),
        "Processes are those of the machine itself: neither threads of the kernel nor what runs in the container nor what counts. The port of the API is opened for the measurement and left out; \
         nothing opens it but a setting. UDP port 68 hears the answers of DHCP servers. Debian has no policy of its own here; its kernel has AppArmor and no profile is installed."
            .to_owned(),
        "## System calls that a service can reach".to_owned(),
        "By the list that is in force; `all` is every call of the kernel. On Ampoule:".to_owned(),
        list(ours),
        "On Debian, of the services that run, by their units (`SystemCallFilter`):".to_owned(),
        list(theirs),
    ]
    .join("\n\n")
        + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn both_systems_stand_side_by_side() {
        let ours = Surface::of(vec![words("root 4"), words("listening udp 68"), words("calls apid 90")]);
        let theirs = Surface::of(vec![words("root 12"), words("calls a.service all-but-9")]);
        let page = page(&ours, &theirs);
        for part in
            ["| of them as the machine's root | 4 | 12 |", "| ports that are open | 1 (udp 68) | 0 |", "| `apid` | 90 |", "all but 9"]
        {
            assert!(page.contains(part), "{part}: {page}");
        }
    }

    #[test]
    fn each_service_of_the_variant_has_a_number_or_none() {
        let calls = calls(&["apid".to_owned(), "ntpd".to_owned(), "hostd".to_owned()]).expect("counted");
        assert!(calls["apid"].parse::<usize>().is_ok_and(|count| (40..200).contains(&count)), "{calls:?}");
        assert_eq!(calls["hostd"], "all");
        assert!(policy_lines().expect("counted") > 500);
    }
}
