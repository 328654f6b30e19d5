//! The set of services of a node, checked as a whole.

use crate::service::{ServiceFile, is_name};
use std::collections::BTreeMap;
use std::fmt;

/// A service's place in the graph; valid for the graph it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub usize);

/// Services with their dependencies resolved, in name order. Holding one proves: names are sound, every `requires` exists, and no cycle.
#[derive(Debug, Clone)]
pub struct Graph {
    names: Vec<String>,
    files: Vec<ServiceFile>,
    requires: Vec<Vec<Id>>,
    after: Vec<Vec<Id>>,
    urgency: Vec<Id>,
}

/// Why a service was left out of the graph. The others still start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The service.
    pub name: String,
    /// What is wrong, in a sentence.
    pub reason: String,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Service `{}` cannot run: {}", self.name, self.reason)
    }
}

impl Graph {
    /// Builds the graph. A service that is wrong is left out, and so is each that requires it: a machine with one bad service still boots.
    #[must_use]
    pub fn new(mut files: BTreeMap<String, ServiceFile>) -> (Self, Vec<Rejected>) {
        let mut rejected = Vec::new();
        while let Some(wrong) = first_wrong(&files) {
            files.remove(&wrong.name);
            rejected.push(wrong);
        }
        (Self::resolve(files), rejected)
    }

    fn resolve(files: BTreeMap<String, ServiceFile>) -> Self {
        let names: Vec<String> = files.keys().cloned().collect();
        let ids = |wanted: &[String]| wanted.iter().filter_map(|w| names.binary_search(w).ok().map(Id)).collect::<Vec<_>>();
        let requires = files.values().map(|f| ids(&f.requires)).collect();
        let after = files.values().map(|f| ids(&f.after)).collect();
        let mut graph = Self { urgency: (0..names.len()).map(Id).collect(), files: files.into_values().collect(), requires, after, names };
        let waiting: Vec<usize> = graph.ids().map(|id| graph.waiting(id)).collect();
        graph.urgency.sort_by_key(|id| std::cmp::Reverse(waiting[id.0]));
        graph
    }

    /// How many wait for this one, directly or by way of others.
    fn waiting(&self, id: Id) -> usize {
        let (mut todo, mut seen) = (vec![id], vec![false; self.names.len()]);
        while let Some(next) = todo.pop() {
            let new: Vec<Id> = self.dependants(next).filter(|dependant| !seen[dependant.0]).collect();
            new.iter().for_each(|dependant| seen[dependant.0] = true);
            todo.extend(new);
        }
        seen.iter().filter(|waits| **waits).count()
    }

    /// All services.
    pub fn ids(&self) -> impl Iterator<Item = Id> + use<> {
        (0..self.names.len()).map(Id)
    }

    /// All services, first those that the most others wait for: of several that may start, they hold up the most.
    pub fn by_urgency(&self) -> impl Iterator<Item = Id> + '_ {
        self.urgency.iter().copied()
    }

    /// The service of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Id> {
        self.names.binary_search_by(|n| n.as_str().cmp(name)).ok().map(Id)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self, id: Id) -> &str {
        &self.names[id.0]
    }

    /// Its file.
    #[must_use]
    pub fn file(&self, id: Id) -> &ServiceFile {
        &self.files[id.0]
    }

    /// What must be ready before it starts.
    #[must_use]
    pub fn requires(&self, id: Id) -> &[Id] {
        &self.requires[id.0]
    }

    /// What must have been started before it starts.
    #[must_use]
    pub fn after(&self, id: Id) -> &[Id] {
        &self.after[id.0]
    }

    /// Those that must be gone before this one is stopped.
    pub fn dependants(&self, id: Id) -> impl Iterator<Item = Id> + '_ {
        self.ids().filter(move |other| self.requires(*other).contains(&id) || self.after(*other).contains(&id))
    }
}

fn first_wrong(files: &BTreeMap<String, ServiceFile>) -> Option<Rejected> {
    files.iter().find_map(|(name, file)| {
        let reason = wrong_name(name).or_else(|| missing(files, file)).or_else(|| cycle(files, name))?;
        Some(Rejected { name: name.clone(), reason })
    })
}

fn wrong_name(name: &str) -> Option<String> {
    (!is_name(name)).then(|| "its name is not 1 to 32 lower-case letters, digits and dashes".to_owned())
}

fn missing(files: &BTreeMap<String, ServiceFile>, file: &ServiceFile) -> Option<String> {
    let missing = file.requires.iter().find(|r| !files.contains_key(*r))?;
    Some(format!("it requires `{missing}`, which this image does not have or which was left out itself"))
}

/// Depth-first from `start`; a path back to `start` is a cycle through it.
fn cycle(files: &BTreeMap<String, ServiceFile>, start: &str) -> Option<String> {
    let mut todo = vec![start];
    let mut seen = Vec::new();
    while let Some(name) = todo.pop() {
        let Some(file) = files.get(name) else { continue };
        for next in file.requires.iter().chain(&file.after) {
            if next == start {
                return Some(format!("it waits for itself by way of `{name}`"));
            }
            if !seen.contains(&next.as_str()) {
                seen.push(next);
                todo.push(next);
            }
        }
    }
    None
}
