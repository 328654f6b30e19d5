//! What can go wrong around one workload. Every text names what was tried and why it failed.

use std::{io, path::PathBuf};

use ampoule_logwire::SourceError;
use ampoule_workload::{image::ImageError, reference::ReferenceError, runtime_spec::SpecError, user::UserError};
use thiserror::Error;

/// A failure that concerns one workload, or the ground all of them stand on.
#[derive(Debug, Error)]
pub(crate) enum HostError {
    /// containerd answered no.
    #[error("containerd could not {action}: {message}")]
    Engine {
        /// What was asked for.
        action: &'static str,
        /// containerd's own words.
        message: String,
        /// True if it said that the thing does not exist.
        is_missing: bool,
    },
    /// A pull failed; the parts already here are kept and the next try goes on from them.
    #[error("could not pull {reference}: {reason}")]
    Pull {
        /// Full image reference.
        reference: String,
        /// Why.
        reason: String,
    },
    /// A file of the node.
    #[error("could not {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A name that the log service does not take.
    #[error("the output of '{name}' cannot be logged: {source}")]
    Output {
        /// Name of the workload.
        name: String,
        /// Why not.
        source: SourceError,
    },
    /// A link, address or route.
    #[error("network: could not {action}: {reason}")]
    Network {
        /// What was tried.
        action: String,
        /// Why not.
        reason: String,
    },
    /// Every number is in use.
    #[error("all {0} ranges of user ids are in use; remove workloads that are not needed")]
    NoIsolation(u16),
    /// Every project of shared volumes is in use.
    #[error("there are too many shared volumes; remove folders that are not needed")]
    NoProject,
    /// The image's reference.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The image's documents.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The image's user.
    #[error(transparent)]
    User(#[from] UserError),
    /// The runtime document.
    #[error(transparent)]
    Spec(#[from] SpecError),
}

impl HostError {
    /// True if containerd said that what was asked for does not exist.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, HostError::Engine { is_missing: true, .. })
    }

    /// A closure for `map_err` on file operations.
    pub(crate) fn file<E: Into<io::Error>>(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(E) -> Self {
        let path = path.into();
        move |source| HostError::File { action, path, source: source.into() }
    }

    /// A closure for `map_err` on names for the log service.
    pub(crate) fn source(name: &str) -> impl FnOnce(SourceError) -> Self {
        let name = name.to_owned();
        move |source| HostError::Output { name, source }
    }

    /// A closure for `map_err` on network operations.
    pub(crate) fn network<E: std::fmt::Display>(action: impl Into<String>) -> impl FnOnce(E) -> Self {
        let action = action.into();
        move |source| HostError::Network { action, reason: source.to_string() }
    }
}

/// Turns "it was not there" into success, for removals that may come twice.
pub(crate) fn ignore_missing(result: Result<(), HostError>) -> Result<(), HostError> {
    match result {
        Err(error) if error.is_missing() => Ok(()),
        other => other,
    }
}
