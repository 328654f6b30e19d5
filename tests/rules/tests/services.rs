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
