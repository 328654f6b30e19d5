//! Each promise of SECURITY.md names what attacks it, and that exists.

use ampoule_rules::{root, text, tracked_files};

/// The rows of the table of promises, without its head.
fn promises() -> Vec<String> {
    let page = text("SECURITY.md").expect("SECURITY.md is tracked");
    let table = page.split("## What is promised now").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("the table of promises");
    table.lines().filter(|line| line.starts_with("| ")).skip(1).map(str::to_owned).collect()
}

/// Words in back-quotes of the last cell.
fn attackers(row: &str) -> Vec<&str> {
    let cell = row.trim_end_matches([' ', '|']).rsplit(" | ").next().unwrap_or_default();
    cell.split('`').skip(1).step_by(2).collect()
}

fn cases() -> String {
    let paths = tracked_files().into_iter().filter(|path| path.starts_with("tests/vm/src/cases/"));
    paths.filter_map(|path| text(&path)).collect()
}

#[test]
fn each_promise_is_attacked_by_something_that_exists() {
    let (rows, cases) = (promises(), cases());
    assert!(rows.len() > 10, "the table of promises has shrunk: {rows:#?}");
    for row in &rows {
        let attackers = attackers(row);
        assert!(!attackers.is_empty(), "nothing attacks this promise: {row}");
        for name in attackers {
            let exists = cases.contains(&format!("name: \"{name}\"")) || (name.contains('/') && root().join(name).exists());
            assert!(exists, "`{name}` is neither a case nor a path: {row}");
        }
    }
}

#[test]
fn the_last_cell_is_what_is_read() {
    assert_eq!(attackers("| a `b` | `c` | VM cases `d`, `e/f` |"), ["d", "e/f"]);
    assert!(attackers("| a | `c` | someone |").is_empty());
}
