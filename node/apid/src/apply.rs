//! Carries a plan out: files first, each written whole, then the services that must be told. Each step leaves its result.

use crate::options::Options;
use ampoule_api_types::v1::{FileStep, ServiceStep};
use ampoule_initctl::InitClient;
use ampoule_plan::{Action, Change, File, FileChange, Image, Plan, Reader, ServiceAction, render};
use ampoule_report::chain;
use ampoule_settings::Settings;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// What was done of a plan.
#[derive(Debug, Clone, Default)]
pub(crate) struct Done {
    /// Files, in order.
    pub(crate) files: Vec<FileStep>,
    /// Services, in order; none if a file failed.
    pub(crate) services: Vec<ServiceStep>,
}

impl Done {
    /// The first step that failed, for a person.
    pub(crate) fn failure(&self) -> Option<String> {
        let file = self.files.iter().find_map(|s| s.error.as_ref().map(|e| format!("cannot write {}: {e}", s.path)));
        let service = self.services.iter().find_map(|s| s.error.as_ref().map(|e| format!("service `{}` was not told: {e}", s.service)));
        file.or(service)
    }
}

/// Writes every file of some settings, as at boot. One that cannot be written is named; the others are written all the same.
pub(crate) fn write_all(root: &Path, image: &Image, settings: &Settings) {
    for (path, file) in render(image, settings) {
        if let Err(error) = write(root, &path, &file) {
            log::error!("Cannot write {path}: {error}");
        }
    }
}

/// Carries out a plan. Services are told only if every file is as it should be: one that starts with half of its files would be worse than one that goes on as it was.
pub(crate) fn carry_out(options: &Options, plan: &Plan) -> Done {
    let files: Vec<_> = plan.files.iter().map(|change| file_step(&options.root, change)).collect();
    let is_whole = files.iter().all(|step| step.error.is_none());
    let services = if is_whole { plan.services.iter().map(|action| service_step(options, action)).collect() } else { Vec::new() };
    let done = Done { files, services };
    done.failure().iter().for_each(|e| log::error!("{e}"));
    done
}

/// Tells services of files that are written.
pub(crate) fn tell<'a>(options: &Options, services: impl Iterator<Item = &'a ServiceAction>) {
    let services = services.map(|action| service_step(options, action)).collect();
    Done { services, ..Done::default() }.failure().iter().for_each(|e| log::error!("{e}"));
}

fn file_step(root: &Path, change: &FileChange) -> FileStep {
    let done = match &change.file {
        Some(file) => write(root, &change.path, file),
        None => remove(root, &change.path),
    };
    let word = match change.change {
        Change::Created => "created",
        Change::Changed => "changed",
        Change::Removed => "removed",
    };
    FileStep { path: change.path.clone(), change: word.to_owned(), error: done.err().map(|e| e.to_string()) }
}

fn service_step(options: &Options, action: &ServiceAction) -> ServiceStep {
    let Reader { service, action } = action.reader;
    let told = InitClient::connect_at(&options.init).and_then(|init| match action {
        Action::Reload => init.reload(service),
        Action::Restart => init.restart(service),
    });
    let word = match action {
        Action::Reload => "reload",
        Action::Restart => "restart",
    };
    ServiceStep { service: service.to_owned(), action: word.to_owned(), error: told.err().map(|e| chain(&e)), state: None }
}

fn write(root: &Path, path: &str, file: &File) -> io::Result<()> {
    let path = root.join(path.trim_start_matches('/'));
    fs::DirBuilder::new().recursive(true).mode(0o755).create(path.parent().unwrap_or(&path))?;
    ampoule_files::replace(&path, &file.content, file.mode)
}

fn remove(root: &Path, path: &str) -> io::Result<()> {
    ampoule_files::remove(&root.join(path.trim_start_matches('/')))
}
