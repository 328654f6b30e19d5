//! The program itself: what works without a node, which node is meant, and how it ends.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::{Command, Output, Stdio},
};

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

/// Types `line` as somebody whose home this is.
fn typed(home: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ampctl"));
    command.args(line.split(' ')).current_dir(home).stdin(Stdio::null());
    command.env("HOME", home).env_remove("XDG_CONFIG_HOME").env_remove("AMPCTL_CONTEXT");
    command.output().expect("ampctl runs")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A home with a certificate and its key in it, and the node `far` remembered at a port where nobody listens.
fn home() -> TempDir {
    let home = tempfile::tempdir().expect("a folder");
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(Vec::new()).expect("parameters").self_signed(&key).expect("a certificate");
    fs::write(home.path().join("cert.pem"), certificate.pem()).expect("a file");
    fs::write(home.path().join("key.pem"), key.serialize_pem()).expect("a file");
    let added = typed(home.path(), "context add far --url https://127.0.0.1:1 --ca cert.pem --cert cert.pem --key key.pem");
    assert!(added.status.success(), "{}", err(&added));
    home
}

#[test]
fn contexts_are_kept_for_their_owner_alone() {
    let home = home();
    let file = home.path().join(".config/ampoule/contexts.toml");
    assert_eq!(fs::metadata(&file).expect("the file").mode() & 0o777, 0o600);
    assert_eq!(out(&typed(home.path(), "context list")), "* local  /run/api.sock\n  far  https://127.0.0.1:1\n");
    fs::remove_file(home.path().join("key.pem")).expect("removed");
    assert!(typed(home.path(), "context use far").status.success(), "the key was copied");
    assert_eq!(out(&typed(home.path(), "context list")), "  local  /run/api.sock\n* far  https://127.0.0.1:1\n");
    assert!(typed(home.path(), "context remove far").status.success());
    assert_eq!(out(&typed(home.path(), "context list")), "* local  /run/api.sock\n");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("set");
    let refused = typed(home.path(), "context list");
    assert_eq!(refused.status.code(), Some(1));
    assert!(err(&refused).contains("chmod 600"), "{}", err(&refused));
}

#[test]
fn the_node_that_is_meant_is_spoken_to() {
    let home = home();
    let meant = |line: &str| err(&typed(home.path(), line));
    assert!(meant("get").contains("/run/api.sock"), "{}", meant("get"));
    for line in ["--context far get", "get --context far"] {
        assert!(meant(line).contains("127.0.0.1:1"), "{}", meant(line));
    }
    assert!(meant("-s /no/socket get").contains("/no/socket"));
    assert!(typed(home.path(), "context use far").status.success());
    assert!(meant("get").contains("127.0.0.1:1"));
    assert!(meant("--context local get").contains("/run/api.sock"));
    let from_environment =
        Command::new(env!("CARGO_BIN_EXE_ampctl")).arg("get").env("HOME", home.path()).env("AMPCTL_CONTEXT", "nobody").output();
    let from_environment = from_environment.expect("ampctl runs");
    assert_eq!(from_environment.status.code(), Some(2));
    assert!(err(&from_environment).contains("nobody"));
}

#[test]
fn what_cannot_work_is_not_remembered() {
    let home = home();
    for line in [
        "context add x --url http://127.0.0.1:1 --ca cert.pem --cert cert.pem --key key.pem",
        "context add local --url https://127.0.0.1:1 --ca cert.pem --cert cert.pem --key key.pem",
        "context add x --url https://127.0.0.1:1 --ca absent.pem --cert cert.pem --key key.pem",
        "context add x --url https://127.0.0.1:1 --ca cert.pem --cert cert.pem --key cert.pem",
        "context use x",
        "context remove x",
    ] {
        assert!(!typed(home.path(), line).status.success(), "{line}");
    }
    assert_eq!(out(&typed(home.path(), "context list")).lines().count(), 2);
}

#[test]
fn settings_are_explained_and_checked_without_a_node() {
    let home = tempfile::tempdir().expect("a folder");
    let explained = typed(home.path(), "explain network.hostname");
    assert!(explained.status.success() && out(&explained).starts_with("settings.network.hostname\n"), "{}", err(&explained));
    fs::write(home.path().join("good.toml"), "[settings]\nmotd = \"hi\"\n").expect("a file");
    assert_eq!(out(&typed(home.path(), "check good.toml")), "good.toml: every setting is right\n");
    fs::write(home.path().join("bad.toml"), "[settings.network]\nhostname = \"no name\"\nhostnam = \"x\"\n").expect("a file");
    let bad = typed(home.path(), "check bad.toml");
    assert_eq!((bad.status.code(), out(&bad).as_str()), (Some(1), ""));
    assert!(err(&bad).contains("bad.toml: line 2, ") && err(&bad).contains("line 3, "), "{}", err(&bad));
}

#[test]
fn failures_have_their_code_and_a_hint() {
    let home = tempfile::tempdir().expect("a folder");
    let unreachable = typed(home.path(), "get");
    assert_eq!((unreachable.status.code(), out(&unreachable).as_str()), (Some(1), ""));
    assert!(err(&unreachable).contains("\nhint: is this a node"), "{}", err(&unreachable));
    assert_eq!(typed(home.path(), "get --nonsense").status.code(), Some(2));
    assert_eq!(typed(home.path(), "set").status.code(), Some(2));
    assert!(typed(home.path(), "completions bash").status.success());
    assert!(out(&typed(home.path(), "--help")).contains("Examples:"));
}
