//! Settings made to hurt: bounded in time and depth, and refused.

use ampoule_settings::{Model, UserDataError, parse_user_data};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Far above what any of these takes, far below what an unbounded walk would.
const LONG: Duration = Duration::from_secs(20);

fn packed(text: &str) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text.as_bytes()).expect("write");
    encoder.finish().expect("finish")
}

fn errors(text: &str) -> Vec<String> {
    let start = Instant::now();
    let result = parse_user_data(&Model::complete(), &packed(text));
    assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
    match result {
        Err(UserDataError::Settings(errors)) => errors.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn many_wrong_keys_give_some_errors_soon() {
    let mut text = "[settings.kubernetes]\n".to_owned();
    for n in 0..20_000 {
        let _ = writeln!(text, "kubernete{n} = 1");
    }
    let told = errors(&text);
    assert!((10..=100).contains(&told.len()), "{}", told.len());
    assert!(told.iter().map(String::len).sum::<usize>() < 100_000);
}

#[test]
fn many_wrong_tables_beside_settings_give_some_errors_soon() {
    let mut text = "[settings]\n".to_owned();
    for n in 0..20_000 {
        let _ = writeln!(text, "[n{n}]");
    }
    assert!((10..=100).contains(&errors(&text).len()));
}

#[test]
fn keys_on_one_line_are_placed_soon() {
    let keys: Vec<String> = (0..20_000).map(|n| format!("k{n}=1")).collect();
    assert!(errors(&format!("settings = {{ motd = {{ {} }} }}", keys.join(","))).len() == 1);
}

#[test]
fn deep_nesting_is_refused() {
    for text in [
        format!("settings{} = 1", ".a".repeat(100_000)),
        format!("[settings{}]\nx = 1", ".a".repeat(100_000)),
        format!("[settings]\nmotd = {}{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("[settings]\nmotd = {}{}", "{a=".repeat(10_000), "}".repeat(10_000)),
    ] {
        assert!(!errors(&text).is_empty());
    }
}
