//! Every service file in the repository is one that `init` understands.

use ampoule_rules::{text, tracked_files};
use ampoule_supervise::service::ServiceFile;

fn service_files() -> Vec<String> {
    let is_one = |path: &String| path.ends_with("/service.toml") || path.contains("/services/") && path.ends_with(".toml");
    tracked_files().into_iter().filter(is_one).filter(|path| !path.starts_with("tests/fixtures")).collect()
}

#[test]
fn every_service_file_is_understood() {
    let files = service_files();
    assert!(files.len() > 6, "too few service files found: {files:?}");
    for path in files {
        if let Err(reason) = ServiceFile::parse(&text(&path).unwrap_or_default()) {
            panic!("{path}: {reason}");
        }
    }
}

/// Nothing of a service's box is left to a default: whom it runs as and what it may call are said, or why not.
#[test]
fn every_service_says_who_it_is_and_what_it_may_call() {
    for path in service_files() {
        let text = text(&path).unwrap_or_default();
        let Ok(file) = ServiceFile::parse(&text) else { continue };
        assert!(text.contains("\nuser = "), "{path}: `[rights] user` is not said");
        let list = file.rights.seccomp.as_ref().map(|name| format!("policy/seccomp/{name}.json"));
        match list {
            Some(list) => assert!(tracked_files().contains(&list), "{path}: there is no {list}"),
            None => assert!(file.exceptions.seccomp.is_some(), "{path}: neither a list of system calls nor a reason for none"),
        }
        let is_engine = ["/containerd/", "/probe-engine/"].iter().any(|engine| path.contains(engine));
        assert!(file.rights.no_new_privileges || is_engine, "{path}: its children could gain rights");
    }
}

/// A service that went mad takes what its limits are and not the node.
#[test]
fn every_service_is_limited() {
    for path in service_files() {
        let file = ServiceFile::parse(&text(&path).unwrap_or_default()).expect("a service file");
        assert!(file.limits.pids.is_some(), "{path}: `[limits] pids` is not said");
        assert!(
            file.limits.memory.is_some() || file.exceptions.memory.is_some(),
            "{path}: neither a limit of memory nor a reason for none"
        );
    }
}
