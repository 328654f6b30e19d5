//! The compiled lists of system calls of an image's services.

use crate::variant::Enforcement;
use ampoule_supervise::service::ServiceFile;
use ampoule_syscalls::{List, Otherwise};
use anyhow::Context;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// By name, each once.
pub(crate) fn compile(repo: &Path, services: &[(String, PathBuf)], enforcement: Enforcement) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let otherwise = match enforcement {
        Enforcement::Kill => Otherwise::Kill,
        Enforcement::Log => Otherwise::Log,
    };
    let mut compiled = BTreeMap::new();
    for (name, path) in services {
        let text = std::fs::read_to_string(path)?;
        let file = ServiceFile::parse(&text).map_err(anyhow::Error::msg).with_context(|| format!("the service {name} is wrong"))?;
        let reason =
            || format!("the service {name} has no list of system calls: name one in `[rights] seccomp`, or say why in `[exceptions]`");
        match file.rights.seccomp {
            Some(list) => {
                let program = List::read(&repo.join("policy/seccomp"), &list)?.compile(otherwise)?;
                compiled.insert(list, program);
            }
            None => anyhow::ensure!(file.exceptions.seccomp.is_some(), reason()),
        }
    }
    Ok(compiled)
}
