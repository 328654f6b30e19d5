//! Reports the node's health to the address that a person names, and to nobody else.

mod report;
mod send;
mod settings;

use ampoule_initctl::InitClient;
use ampoule_report::{chain, init_logger};
use report::Event;
use settings::Settings;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// As often as Bottlerocket's metricdog.
const INTERVAL: Duration = Duration::from_secs(6 * 60 * 60);
/// After a report that did not arrive.
const RETRY: Duration = Duration::from_secs(5 * 60);

/// Where things are; every path can be moved for a test.
struct Places {
    settings: PathBuf,
    os_release: PathBuf,
    certificates: PathBuf,
    init: PathBuf,
}

impl Places {
    /// Reads `--flag path` pairs.
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut places = Self {
            settings: "/etc/ampoule/metrics.json".into(),
            os_release: "/usr/lib/os-release".into(),
            certificates: "/etc/ssl/certs/ca-certificates.crt".into(),
            init: ampoule_initctl::SOCKET.into(),
        };
        while let Some(word) = words.next() {
            let place = match word.as_str() {
                "--settings" => &mut places.settings,
                "--os-release" => &mut places.os_release,
                "--certificates" => &mut places.certificates,
                "--init" => &mut places.init,
                _ => {
                    return Err(format!(
                        "Unknown option {word}; there are --settings --os-release --certificates --init, each followed by a path"
                    ));
                }
            };
            *place = words.next().ok_or_else(|| format!("{word} needs a path after it"))?.into();
        }
        Ok(places)
    }
}

fn main() -> ExitCode {
    init_logger();
    match Places::parse(std::env::args().skip(1)).and_then(|places| run(&places)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(places: &Places) -> Result<(), String> {
    let settings = settings::read(&places.settings).map_err(|e| format!("Cannot read {}: {}", places.settings.display(), chain(&e)))?;
    ampoule_report::ready();
    let Some(settings) = settings else {
        log::info!("Nothing is reported: settings.metrics does not ask for it");
        return Ok(());
    };
    let mut event = Event::Boot;
    loop {
        match tell(places, &settings, event) {
            Ok(()) => {
                event = Event::Ping;
                std::thread::sleep(INTERVAL);
            }
            Err(error) => {
                log::warn!("The report did not arrive, and is tried again in {} min: {error}", RETRY.as_secs() / 60);
                std::thread::sleep(RETRY);
            }
        }
    }
}

fn tell(places: &Places, settings: &Settings, event: Event) -> Result<(), String> {
    let services = InitClient::connect_at(&places.init).and_then(|init| init.services()).map_err(|e| chain(&e))?;
    let os_release = read(&places.os_release)?;
    let query = report::query(event, settings, &os_release, &services);
    send::get(&settings.metrics_url, &query, &places.certificates)
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("Cannot read {}: {e}", path.display()))
}
