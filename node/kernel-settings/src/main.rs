//! Writes kernel settings: sysctls and lockdown
//!
//! Runs to its end each time settings change. What to write is decided in `lib/kernel`; this program reads, writes, keeps
//! the values from before, and says what the kernel refused.

mod entries;
mod lockdown;
mod originals;

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use ampoule_initctl::InitClient;
use ampoule_kernel::{DocumentError, KernelDocument, Wanted, decide, parse_document};
use entries::Entries;
use originals::Record;

/// What went wrong, with the key and the value where there are some.
#[derive(Debug, thiserror::Error)]
enum KernelSettingsError {
    #[error("could not read {path}", path = path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is wrong", path = path.display())]
    Document { path: PathBuf, source: DocumentError },
    #[error("could not keep the values from before in {path}, so none is changed", path = path.display())]
    Record { path: PathBuf, source: io::Error },
    #[error("settings.kernel.sysctl.{key} is refused: {reason}")]
    Refused { key: String, reason: String },
    #[error("{path} = {value} was not taken by the kernel", path = path.replace('/', "."))]
    Sysctl { path: String, value: String, source: io::Error },
    #[error("settings.kernel.lockdown = {wanted} was not taken by the kernel")]
    Lockdown { wanted: &'static str, source: io::Error },
}

fn main() -> ExitCode {
    ampoule_report::init_logger();
    // Tests give another root.
    let root = env::args_os().nth(1).map_or_else(|| PathBuf::from("/"), PathBuf::from);
    let failures = run(&root);
    tell_modload(&root);
    if failures.is_empty() {
        return ExitCode::SUCCESS;
    }
    // All in the last line: it is the one that a person who asks for the cause is shown.
    let causes: Vec<String> = failures.iter().map(|failure| ampoule_report::chain(failure)).collect();
    log::error!("{}", causes.join("; "));
    ExitCode::FAILURE
}

/// Does all that can be done and gives back what could not.
fn run(root: &Path) -> Vec<KernelSettingsError> {
    let document = match read_document(&root.join("etc/ampoule/kernel.json")) {
        Ok(document) => document,
        Err(error) => return vec![error],
    };
    let mut failures = lockdown::raise(&root.join("sys/kernel/security/lockdown"), document.lockdown).err().into_iter().collect();
    sysctls(root, &document, &mut failures);
    failures
}

/// Nothing is set if there is no file.
fn read_document(path: &Path) -> Result<KernelDocument, KernelSettingsError> {
    match fs::read(path) {
        Ok(bytes) => parse_document(&bytes).map_err(|source| KernelSettingsError::Document { path: path.to_owned(), source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(KernelDocument::default()),
        Err(source) => Err(KernelSettingsError::Read { path: path.to_owned(), source }),
    }
}

fn sysctls(root: &Path, document: &KernelDocument, failures: &mut Vec<KernelSettingsError>) {
    let wanted = Wanted::new(&document.sysctl);
    failures.extend(wanted.refused.into_iter().map(|(key, reason)| KernelSettingsError::Refused { key, reason }));
    let entries = match Entries::open(&root.join("proc/sys")) {
        Ok(entries) => entries,
        Err(source) => return failures.push(KernelSettingsError::Read { path: root.join("proc/sys"), source }),
    };
    let mut record = Record::open(&root.join("run/ampoule/kernel-settings/originals.json"));
    let paths: Vec<String> = wanted.values.keys().chain(record.paths()).cloned().collect();
    for path in paths {
        failures.extend(one(&entries, &mut record, &path, wanted.values.get(&path).map(String::as_str)).err());
    }
}

fn one(entries: &Entries, record: &mut Record, path: &str, wanted: Option<&str>) -> Result<(), KernelSettingsError> {
    if entries.lacks_link(path) {
        return absent(record, path, wanted.is_some());
    }
    let change = decide(record.get(path), wanted, entries.read(path).as_deref());
    // Kept before the value goes, forgotten after it is back: a crash between the two loses nothing.
    if let Some(original) = change.original.filter(|_| record.get(path).is_none()) {
        record.keep(path, original)?;
    }
    if let Some(value) = change.write {
        entries.write(path, &value).map_err(|source| KernelSettingsError::Sysctl {
            path: path.to_owned(),
            value: value.clone(),
            source,
        })?;
        log::info!("{} = {value}{}", path.replace('/', "."), if wanted.is_none() { ", as it was before" } else { "" });
    }
    if wanted.is_none() { record.forget(path) } else { Ok(()) }
}

/// The link may come later: the API server then has this program run again. One that went took its values along.
fn absent(record: &mut Record, path: &str, is_wanted: bool) -> Result<(), KernelSettingsError> {
    if is_wanted {
        log::warn!("{} waits for its link", path.replace('/', "."));
    }
    record.forget(path)
}

/// `modload` starts with the first devices, before the API server has written what it may load. Once in a boot: of later
/// changes it is told by the API server.
fn tell_modload(root: &Path) {
    let mark = root.join("run/ampoule/kernel-settings/modload-told");
    if mark.exists() {
        return;
    }
    let socket = root.join(ampoule_initctl::SOCKET.trim_start_matches('/'));
    match InitClient::connect_at(&socket).and_then(|init| init.reload("modload")) {
        Ok(()) => drop(fs::write(mark, "")),
        Err(error) => log::warn!("modload does not know yet what settings say of modules: {}", ampoule_report::chain(&error)),
    }
}
