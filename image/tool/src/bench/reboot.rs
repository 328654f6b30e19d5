//! How long a node does not answer while it restarts, which is all that an update interrupts: from a container's last answer before to its first one after.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use ampoule_api_types::v1::BootTrialState;
use ampoule_builder::BuiltImage;
use ampoule_machine::{Boot, Firmware, Forward, HOST_SEEN_FROM_GUEST, LocalIdentity, Machine, MachineConfig, free_port};
use ampoule_registry::Registry;
use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::{
    bench::{
        Conditions, debian,
        ours::{Pace, until},
        table::{Spread, seconds},
        tell,
    },
    demo,
    local::{folder::client_of, user_data::UserData},
    show::Show,
};

/// The port of the container.
const PORT: u16 = 8080;
/// A first boot pulls the container's image.
const LIMIT: Duration = Duration::from_secs(900);
/// Between two questions: the resolution of what is measured.
const PAUSE: Duration = Duration::from_millis(100);
/// How this page's systems are waited for.
const OFTEN: Pace = Pace { span: PAUSE, limit: LIMIT };
/// A container answers at once; one that is not there does not, since QEMU's network accepts every connection.
const PATIENCE: Duration = Duration::from_secs(1);

/// Seconds without an answer, for each restart.
#[derive(Debug, Default)]
struct Downtimes {
    /// Ampoule through firmware and boot loader: what an update takes.
    through_firmware: Vec<f64>,
    /// Ampoule with its kernel loaded by QEMU, as the other one's is.
    direct: Vec<f64>,
    /// Debian.
    debian: Vec<f64>,
}

/// `./ampoule bench reboot`.
pub(crate) fn run(runs: u32, write: bool) -> Result<()> {
    let _lock = super::lock()?;
    let show = Show::new();
    let downtimes = measure(&show, &super::built(&show, None)?, runs, &super::workdir()?)?;
    drop(show);
    tell(&page(&downtimes), write.then_some("benchmarks-reboot.md"))
}

/// Restarts each system so many times, with the same container in it.
fn measure(show: &Show, built: &BuiltImage, runs: u32, work: &Path) -> Result<Downtimes> {
    let conditions = Conditions { memory: 1024, cpus: 2 };
    let registry = Registry::start(vec![("demo".to_owned(), demo::image(show)?)])?;
    let debian = debian::prepare(show, &registry)?;
    let ours = |firmware, name: &str| {
        let text = format!("{runs} restarts, {name}");
        show.stage("ampoule", &text, || ours(built, registry.port(), firmware, conditions, &work.join(name), runs))
    };
    Ok(Downtimes {
        through_firmware: ours(Firmware::Uefi, "through-firmware")?,
        direct: ours(Firmware::Direct, "direct")?,
        debian: show.stage("debian", &format!("{runs} restarts"), || theirs(&debian, conditions, work, runs))?,
    })
}

fn ours(built: &BuiltImage, registry: u16, firmware: Firmware, conditions: Conditions, work: &Path, runs: u32) -> Result<Vec<f64>> {
    let identity = LocalIdentity::create(&work.join("identity"))?;
    let host = format!("{HOST_SEEN_FROM_GUEST}:{registry}");
    let settings = json!({
        "container-registry": { "plain-http": [host] },
        "workloads": { "demo": { "image": format!("{host}/demo:latest"), "publish": [format!("{PORT}:{PORT}")] } },
    });
    let mut config = conditions.machine(Boot::Image(built.dir.clone()), work.to_owned());
    config.firmware = firmware;
    config.disk_size = Some(4 << 30);
    config.user_data = Some(identity.user_data(&UserData::of("")?.with(&settings)?)?);
    let (mut machine, port, api) = start(config)?;
    let node = &client_of(&identity, api)?.with_timeout(Duration::from_secs(20));
    (0..runs)
        .map(|_| {
            let reboot = |machine: &mut Machine| {
                until(machine, OFTEN, || node.updates().is_ok_and(|updates| updates.boot.state != BootTrialState::Trial))?;
                node.reboot().context("the node does not restart")
            };
            restart(&mut machine, port, reboot)
        })
        .collect()
}

/// The guest restarts by itself, some time after its container answers.
fn theirs(prepared: &debian::Prepared, conditions: Conditions, work: &Path, runs: u32) -> Result<Vec<f64>> {
    let config = conditions.machine(prepared.boot_for("ready.qcow2", "reboot"), work.join("debian-reboot"));
    let (mut machine, port, _) = start(config)?;
    (0..runs).map(|_| restart(&mut machine, port, |_| Ok(()))).collect()
}

/// The machine, and the ports of this host that lead to its container and its API.
fn start(mut config: MachineConfig) -> Result<(Machine, u16, u16)> {
    let (port, api) = (free_port()?, free_port()?);
    config.forwards = vec![Forward { host: port, guest: PORT }, Forward { host: api, guest: LocalIdentity::API_PORT }];
    let _ = fs::remove_file(&config.serial_log);
    Ok((Machine::start(config)?, port, api))
}

/// Seconds from the last answer before a restart to the first one after it.
fn restart(machine: &mut Machine, port: u16, reboot: impl FnOnce(&mut Machine) -> Result<()>) -> Result<f64> {
    until(machine, OFTEN, || answers(port))?;
    let before = machine.restarts();
    reboot(machine)?;
    let (start, mut last) = (Instant::now(), Instant::now());
    while start.elapsed() < LIMIT && machine.alive() {
        if answers(port) {
            let now = Instant::now();
            if machine.restarts() > before {
                return Ok((now - last).as_secs_f64());
            }
            last = now;
        }
        thread::sleep(PAUSE);
    }
    bail!("the container does not answer again after a restart:\n{}", machine.describe_end())
}

/// Whether the container answers.
fn answers(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

/// The page of the documentation.
fn page(downtimes: &Downtimes) -> String {
    let row = |name: &str, values: &[f64]| format!("| {name} | {} |\n", Spread::of(values.iter().copied()).show(seconds));
    let of = |values: &[f64]| Spread::of(values.iter().copied()).median();
    let (ours, theirs) = (of(&downtimes.direct), of(&downtimes.debian));
    format!(
        "# Measured: how long a restart interrupts a node\n\n\
         By\n\n```sh\n./ampoule bench reboot --runs {} --write\n```\n\n\
         An update interrupts a node for one restart. From a container's last answer before (HTTP, asked every {} ms from outside) to its first one after, median of {} with the extremes in brackets, engine {}:\n\n\
         | restart | no answer for |\n|---|---|\n{}{}{}\n\
         Debian / Ampoule, both with the kernel loaded by QEMU: {:.1}. Debian has no firmware and no boot loader here, so it is compared with the second row; the first is what an update takes: the same restart\n\
         of a node through OVMF and systemd-boot. The new version runs from the other slot, with nothing more to do before its workloads run.\n",
        downtimes.direct.len(),
        PAUSE.as_millis(),
        downtimes.direct.len(),
        ampoule_machine::Accelerator::detect(),
        row("Ampoule, through firmware and boot loader", &downtimes.through_firmware),
        row("Ampoule, kernel loaded by QEMU", &downtimes.direct),
        row("Debian 13 (`systemctl reboot`), kernel loaded by QEMU", &downtimes.debian),
        if ours > 0.0 { theirs / ours } else { 0.0 },
    )
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_page_has_all_rows_and_the_ratio() {
        let downtimes = Downtimes { through_firmware: vec![20.0], direct: vec![10.0, 11.0, 30.0], debian: vec![33.0] };
        let text = page(&downtimes);
        for part in ["boot loader | 20.00 s |", "11.00 s (10.00 s to 30.00 s)", "QEMU | 33.00 s |", "by QEMU: 3.0."] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_connection_alone_is_no_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("listens");
        let port = listener.local_addr().expect("an address").port();
        assert!(!answers(port), "nobody reads");
        thread::spawn(move || {
            for words in ["HTTP/1.1 503 \r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"] {
                let mut stream = listener.accept().expect("accepts").0;
                let _ = stream.read(&mut [0; 512]);
                stream.write_all(words.as_bytes()).expect("answers");
            }
        });
        // The first one is in the queue still and gets the first answer.
        assert_eq!([answers(port), answers(port)].iter().filter(|good| **good).count(), 1);
    }
}
