//! The other side of the comparison: Debian 13 with systemd and containerd, as a person would install it for this.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use ampoule_machine::{Boot, Exit, Machine};
use ampoule_registry::{Registry, sha256};
use anyhow::{Context, Result, ensure};

use crate::{
    bench::{
        Conditions, measure,
        table::{Sample, Size},
    },
    paths, programs, remove,
    show::Show,
};

const LIMIT: Duration = Duration::from_secs(600);

/// What is installed. Nothing that the comparison does not need, so that it is fair.
const PACKAGES: &str = "systemd-sysv,udev,dbus,containerd,ca-certificates,iproute2,linux-image-cloud-amd64,ntpd-rs";

const FILES: [(&str, &str, &str); 3] = [
    ("bench", "usr/local/sbin/bench", include_str!("guest.sh")),
    ("bench.service", "etc/systemd/system/bench.service", include_str!("guest.service")),
    ("bench.network", "etc/systemd/network/bench.network", include_str!("guest.network")),
];

/// Makes a disk from what mmdebstrap gives. `fakeroot` keeps owners without root.
const MAKE_DISK: &str = "set -eu
mkdir root && tar -C root -xf root.tar
cp root/boot/vmlinuz-* vmlinuz && cp root/boot/initrd.img-* initrd
find root -xdev -type f -perm /111 ! -name '*.so' ! -name '*.so.*' ! -name '*.ko*' | wc -l >executables
du -s -x --block-size=1 root | cut -f 1 >bytes
cp demo.tar root/demo.tar
truncate -s 3G disk.raw && mkfs.ext4 -q -F -d root disk.raw
rm -rf root root.tar demo.tar";

/// A Debian machine whose image store holds the demo already.
pub(super) struct Prepared {
    dir: PathBuf,
}

impl Prepared {
    pub(super) fn size(&self) -> Size {
        let number = |name: &str| fs::read_to_string(self.dir.join(name)).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        Size { bytes: number("bytes"), executables: number("executables") }
    }

    fn boot(&self, disk: &str) -> Boot {
        self.boot_for(disk, "boot")
    }

    /// `purpose` is what the program in the guest does.
    pub(super) fn boot_for(&self, disk: &str, purpose: &str) -> Boot {
        Boot::Custom {
            disk: self.dir.join(disk),
            kernel: self.dir.join("vmlinuz"),
            initrd: Some(self.dir.join("initrd")),
            cmdline: format!("root=/dev/vda rw console=ttyS0 quiet bench={purpose}"),
        }
    }
}

/// From the cache, or installed and booted once; the name of the folder holds what it was made from.
pub(super) fn prepare(show: &Show, registry: &Registry) -> Result<Prepared> {
    let recipe: String = FILES.iter().map(|file| file.2).chain([PACKAGES, MAKE_DISK]).collect();
    let key = sha256(recipe.as_bytes()).chars().skip(7).take(16).collect::<String>();
    let dir = paths::cache().join("bench").join(format!("debian-13-{key}"));
    let prepared = Prepared { dir: dir.clone() };
    if !dir.join("ready.qcow2").is_file() {
        remove::tree(&dir)?;
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        show.stage("debian-install", "mmdebstrap installs Debian 13", || install(show, &dir, registry.port()))?;
        show.stage("debian-first", "first boot: imports the container's image", || first_boot(&prepared))?;
    }
    Ok(prepared)
}

fn install(show: &Show, dir: &Path, registry: u16) -> Result<()> {
    let stage = "debian-install";
    let mut command = mmdebstrap();
    command.current_dir(dir).args(["--variant=minbase", "--include", PACKAGES]);
    for (name, target, content) in FILES {
        fs::write(dir.join(name), content).with_context(|| format!("cannot write {name}"))?;
        command.arg(format!("--customize-hook=upload {name} /{target}"));
    }
    command.arg("--customize-hook=chmod 755 \"$1\"/usr/local/sbin/bench");
    command.arg("--customize-hook=chroot \"$1\" systemctl enable bench.service containerd.service systemd-networkd.service");
    command.arg("--customize-hook=chroot \"$1\" apt-get clean");
    programs::must(show, stage, command.args(["trixie", "root.tar"]))?;
    let source = format!("docker://127.0.0.1:{registry}/demo:latest");
    let mut copy = Command::new("skopeo");
    copy.current_dir(dir).args(["copy", "--insecure-policy", "--src-tls-verify=false", &source]);
    programs::must(show, stage, copy.arg("docker-archive:demo.tar:localhost/demo:latest"))?;
    programs::must(show, stage, Command::new("fakeroot").current_dir(dir).args(["sh", "-c", MAKE_DISK])).map(drop)
}

/// Its mounts are in a namespace of its own, also for root: they end with it however it ends, and nobody else ever sees them
/// below its folder. If we are killed it is asked to end, and tidies up.
fn mmdebstrap() -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--", "mmdebstrap", "--mode=unshare"]);
    command
}

/// Boots and lets the guest import; its disk is then what measured boots start from.
fn first_boot(prepared: &Prepared) -> Result<()> {
    let work = prepared.dir.join("first");
    let config = Conditions { memory: 1024, cpus: 2 }.machine(prepared.boot("disk.raw"), work.clone());
    let mut machine = Machine::start(config)?;
    machine.wait_serial("BENCH imported", LIMIT)?;
    ensure!(machine.wait_exit(LIMIT)? == Exit::PowerOff, "the first boot did not end well:\n{}", machine.describe_end());
    let ready = prepared.dir.join("ready.qcow2");
    fs::rename(machine.config().overlay(), &ready).with_context(|| format!("cannot keep {}", ready.display()))
}

/// One measured boot.
pub(super) fn boot(prepared: &Prepared, conditions: Conditions, work: &Path) -> Result<Sample> {
    let mut config = conditions.machine(prepared.boot("ready.qcow2"), work.join("debian"));
    config.serial_log = work.join("debian.log");
    let _ = fs::remove_file(&config.serial_log);
    let mut machine = Machine::start(config)?;
    machine.wait_serial("BENCH init", LIMIT)?;
    // The line is written in pieces; what follows it settles for seconds anyway.
    let memory = measure::memory_in_use(&mut machine)?;
    let console = machine.serial();
    machine.kill()?;
    let value = |word: &str| told(&console, word).with_context(|| format!("the console lacks BENCH {word}"));
    Ok(Sample { init: value("init")? / 1e6, ready: value("ready")?, output: value("output")?, memory })
}

/// How long `systemctl restart` of the time daemon takes, in seconds, several times.
pub(super) fn restarts(prepared: &Prepared, conditions: Conditions, work: &Path) -> Result<Vec<f64>> {
    let console = console_until(prepared, conditions, work, "restart", "BENCH restarted")?;
    let spans: Vec<f64> = console.lines().filter_map(|line| Some(told(line, "to")? - told(line, "restart")?)).collect();
    ensure!(!spans.is_empty(), "the console tells of no restart:\n{console}");
    Ok(spans)
}

/// What a stranger could attack, in lines of words.
pub(super) fn surface(prepared: &Prepared, conditions: Conditions, work: &Path) -> Result<Vec<Vec<String>>> {
    let console = console_until(prepared, conditions, work, "surface", "BENCH surface done")?;
    let words = |line: &str| line.split("BENCH surface ").nth(1).map(|rest| rest.split_whitespace().map(str::to_owned).collect());
    Ok(console.lines().filter_map(words).collect())
}

/// What a boot for this purpose writes to the console until it writes `end`.
fn console_until(prepared: &Prepared, conditions: Conditions, work: &Path, purpose: &str, end: &str) -> Result<String> {
    let mut config = conditions.machine(prepared.boot_for("ready.qcow2", purpose), work.join(format!("debian-{purpose}")));
    config.serial_log = work.join(format!("debian-{purpose}.log"));
    let _ = fs::remove_file(&config.serial_log);
    let mut machine = Machine::start(config)?;
    machine.wait_serial(end, LIMIT)?;
    let console = machine.serial();
    machine.kill()?;
    Ok(console)
}

/// The number after `BENCH word`.
fn told(console: &str, word: &str) -> Option<f64> {
    let mark = format!("BENCH {word} ");
    let rest = &console[console.find(&mark)? + mark.len()..];
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_is_the_time_between_its_two_words() {
        let line = "BENCH restart 40.25 BENCH to 41.5";
        assert_eq!((told(line, "restart"), told(line, "to")), (Some(40.25), Some(41.5)));
    }

    #[test]
    fn the_guest_s_words_are_found() {
        let console = "[ OK ] x\nBENCH ready 26.41\r\nBENCH output 34.2 demo: listening\n";
        assert_eq!(told(console, "ready"), Some(26.41));
        assert_eq!(told(console, "output"), Some(34.2));
        assert_eq!(told(console, "init"), None);
    }
}
