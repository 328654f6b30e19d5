//! The program of the image works on the node that it runs on, whatever it is told.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Files that only a test has, each by its name.
const OF_TESTS: [&str; 4] = ["disk.img", "esp-free", "esp-damage", "disk-faults"];

#[test]
fn it_takes_no_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = Command::new(env!("CARGO_BIN_EXE_updated")).arg(folder.path()).output().expect("it runs");
    assert_eq!(out.status.code(), Some(2));
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("updated takes no arguments"), "{said}");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "it has done something there");
}

#[test]
fn nothing_that_a_test_needs_is_in_it() {
    let of_tests = std::env::current_exe().expect("this program");
    // Hundreds of megabytes, for which a search that is not optimized takes minutes.
    let holds = |program: &Path, name: &str| {
        let out = Command::new("grep").args(["-c", "-a", "-F", name]).arg(program).output().expect("grep");
        out.status.success()
    };
    for name in OF_TESTS {
        assert!(!holds(Path::new(env!("CARGO_BIN_EXE_updated")), name), "{name}");
        assert!(holds(&of_tests, name), "{name}: what is looked for is nowhere");
    }
}
