//! Reads the service files of the verified root.

use crate::console::{Level, log, note};
use ampoule_supervise::graph::Graph;
use ampoule_supervise::service::{MAX_FILE, ServiceFile};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Where the image keeps them.
pub(crate) const FOLDER: &str = "/usr/lib/ampoule/services";

/// The graph of all services that can run; the others are named on the console.
pub(crate) fn services(folder: &str) -> Graph {
    let entries = note(folder, fs::read_dir(folder)).into_iter().flatten().flatten();
    let files: BTreeMap<_, _> = entries.filter_map(|e| service(&e.path())).collect();
    let (graph, rejected) = Graph::new(files);
    rejected.iter().for_each(|r| log(Level::Error, &r.to_string()));
    graph
}

fn service(path: &Path) -> Option<(String, ServiceFile)> {
    let name = path.file_name()?.to_str()?.strip_suffix(".toml")?.to_owned();
    let size = fs::metadata(path).map_or(u64::MAX, |m| m.len());
    if size > MAX_FILE as u64 {
        log(Level::Error, &format!("{}: {size} bytes; the most is {MAX_FILE}", path.display()));
        return None;
    }
    let text = note(&path.display().to_string(), fs::read_to_string(path))?;
    note(&path.display().to_string(), ServiceFile::parse(&text)).map(|file| (name, file))
}
