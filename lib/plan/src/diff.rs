//! What differs between the files of two settings.

use crate::file::{File, Files, Reader};
use serde::Serialize;
use similar::TextDiff;
use std::collections::BTreeMap;

/// Longest difference shown, in bytes; the whole is in the files themselves.
const LONGEST: usize = 16 * 1024;

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// Absolute path.
    pub path: String,
    /// What happens to it.
    pub change: Change,
    /// Unified difference; absent where the content may hold secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// What it shall be; absent for a removal. Never shown: it may hold secrets.
    #[serde(skip)]
    pub file: Option<File>,
}

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It was not there.
    Created,
    /// Its content or mode differs.
    Changed,
    /// It is not made from these settings.
    Removed,
}

/// A service that is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceAction {
    /// Who, and what is done.
    #[serde(flatten)]
    pub reader: Reader,
    /// The files that differ for it.
    pub because: Vec<String>,
}

pub(crate) fn files(before: &Files, after: &Files) -> Vec<FileChange> {
    let all: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    all.into_iter().filter(|p| before.get(*p) != after.get(*p)).map(|p| file(p, before.get(p), after.get(p))).collect()
}

fn file(path: &str, before: Option<&File>, after: Option<&File>) -> FileChange {
    let change = match (before, after) {
        (None, _) => Change::Created,
        (_, None) => Change::Removed,
        _ => Change::Changed,
    };
    FileChange { path: path.to_owned(), change, diff: diff(path, before, after), file: after.cloned() }
}

fn diff(path: &str, before: Option<&File>, after: Option<&File>) -> Option<String> {
    if [before, after].into_iter().flatten().any(File::is_secret) {
        return None;
    }
    let text = |f: Option<&File>| f.map(|f| String::from_utf8_lossy(&f.content).into_owned()).unwrap_or_default();
    let (old, new) = (text(before), text(after));
    let mut diff = TextDiff::from_lines(&old, &new).unified_diff().context_radius(2).header(path, path).to_string();
    if diff.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|at| diff.is_char_boundary(*at)).unwrap_or(0);
        diff.truncate(end);
        diff.push_str("\n… (shortened)\n");
    }
    Some(diff)
}

/// The strongest action for each service, in the order of their names.
pub(crate) fn services(changes: &[FileChange], before: &Files) -> Vec<ServiceAction> {
    let mut told: BTreeMap<&'static str, ServiceAction> = BTreeMap::new();
    for change in changes {
        let file = change.file.as_ref().or_else(|| before.get(&change.path));
        if let Some(reader) = file.and_then(|f| f.reader) {
            let entry = told.entry(reader.service).or_insert(ServiceAction { reader, because: Vec::new() });
            entry.reader.action = entry.reader.action.max(reader.action);
            entry.because.push(change.path.clone());
        }
    }
    told.into_values().collect()
}
