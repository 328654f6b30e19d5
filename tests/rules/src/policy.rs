//! The SELinux policy as its compiler sees it: compiled with more rules beside it, and what it then says about its promises.

use crate::{root, text, tracked_files};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Every file of the policy, as paths from the root.
#[must_use]
pub fn policy_files() -> Vec<String> {
    tracked_files().into_iter().filter(|path| path.starts_with("policy/selinux/") && path.ends_with(".cil")).collect()
}

/// The whole policy without its comments, and without what `left_out` names.
///
/// # Panics
/// A tracked file cannot be read.
#[must_use]
pub fn policy_text(left_out: &str) -> String {
    let files = policy_files().into_iter().filter(|path| left_out.is_empty() || !path.contains(left_out));
    files.map(|path| without_comments(&text(&path).expect("a tracked file"))).collect()
}

fn without_comments(text: &str) -> String {
    text.lines().map(|line| line.split(';').next().unwrap_or_default().to_owned() + "\n").collect()
}

/// The words that follow `head` in `text`, such as all names that are declared after `(type `.
pub fn words_after<'a>(text: &'a str, head: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(head).skip(1).filter_map(|rest| rest.split([' ', '(', ')', '\n']).find(|word| !word.is_empty()))
}

/// How often `name` stands in `text` as a whole word.
#[must_use]
pub fn uses(text: &str, name: &str) -> usize {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| *word == name).count()
}

/// A promise that a rule breaks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Broken {
    /// Where the promise stands: `FILE:LINE`, the file without its folder.
    pub place: String,
    /// The promise with the names it has where it is used.
    pub promise: String,
    /// Lines of the added rules that break it, from 1.
    pub by: Vec<usize>,
}

/// What the compiler said.
#[derive(Debug)]
pub struct Verdict {
    /// Whether there is a policy.
    pub compiled: bool,
    /// All it wrote.
    pub said: String,
    /// Promises that are broken.
    pub broken: Vec<Broken>,
}

/// Compiles the policy as the image builder does, with `more` beside it. `name` keeps the files of tests that run at once apart; `scratch` is their folder.
///
/// # Panics
/// There is no compiler, or no place for its input.
#[must_use]
pub fn compile(scratch: &str, name: &str, more: &str) -> Verdict {
    let file = |what: &str| Path::new(scratch).join(format!("{name}-{what}.cil"));
    // Files: the compiler asks for the size of its input before it reads.
    let (levels, added) = (file("levels"), file("added"));
    std::fs::write(&levels, categories()).expect("written");
    std::fs::write(&added, format!("{more}\n")).expect("written");
    let output = run(&levels, &added);
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    Verdict { compiled: output.status.success(), broken: broken(&said, &added.to_string_lossy()), said: said.into_owned() }
}

fn run(levels: &PathBuf, added: &PathBuf) -> Output {
    let mut compiler = Command::new("secilc");
    // Verbose: or only the first four that break a promise are named.
    compiler.current_dir(root()).args(["-v", "-c", "33", "-f", "/dev/null", "-o", "/dev/null"]);
    compiler.arg(levels).args(policy_files()).arg(added).output().expect("secilc: install the package secilc")
}

/// The categories, as the builder makes them.
fn categories() -> String {
    let names = (0..1024).map(|n| format!("c{n}")).collect::<Vec<_>>();
    let declared = names.iter().map(|name| format!("(category {name})")).collect::<String>();
    format!(
        "(sensitivity s0)(sensitivityorder (s0)){declared}(categoryorder ({}))(sensitivitycategory s0 (range c0 c1023))",
        names.join(" ")
    )
}

/// A report begins with the place of the promise and the promise, and goes on with the places of the rules that break it.
fn broken(said: &str, added: &str) -> Vec<Broken> {
    said.split(" check failed at ").skip(1).map(|report| one_broken(report, added)).collect()
}

fn one_broken(report: &str, added: &str) -> Broken {
    let mut lines = report.lines();
    let place = lines.next().unwrap_or_default();
    let promise = lines.next().unwrap_or_default().trim();
    let at = format!(" at {added}:");
    let by = lines.filter_map(|line| line.split(&at).nth(1)?.trim().parse().ok()).collect();
    Broken { place: place.rsplit('/').next().unwrap_or_default().to_owned(), promise: promise.to_owned(), by }
}
