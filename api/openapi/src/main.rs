//! Prints the OpenAPI document, or renews it in the repository.

use std::{env, fs, path::Path, process::ExitCode};

use ampoule_api_openapi::{DOCUMENT, FROZEN, document, to_text};

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let text = to_text(&document());
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        ["write"] => write(DOCUMENT, &text),
        ["freeze"] => write(FROZEN, &text),
        _ => {
            eprintln!("Usage: openapi [write | freeze]");
            ExitCode::from(2)
        }
    }
}

fn write(path: &str, text: &str) -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    match fs::write(root.join(path), text) {
        Ok(()) => {
            println!("{path} is renewed");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("Cannot write {path}: {error}");
            ExitCode::FAILURE
        }
    }
}
