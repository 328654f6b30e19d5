//! `publish delta-report`: what a node fetches, as a table or as JSON.

use std::path::Path;

use ampoule_publish::{DeltaReport, Parts, Repository, delta_report};
use anyhow::{Context, Result};

use super::args::DeltaArgs;
use crate::{figures::bytes, show::print};

/// Files shown to a person; JSON has all.
const SHOWN: usize = 30;

/// `./ampoule publish delta-report`.
pub(crate) fn run(args: &DeltaArgs) -> Result<()> {
    let parts = |name: &String| match &args.repo {
        Some(repo) => Repository::new(repo).parts(&args.variant, &name.parse().with_context(|| format!("{name} is no version"))?),
        None => Ok(Parts::built(Path::new(name))),
    };
    let metadata = args.repo.as_deref().map_or(Ok(0), |repo| Repository::new(repo).metadata_bytes())?;
    let report = delta_report(&parts(&args.from)?, &parts(&args.to)?)?.with_metadata(metadata);
    if args.json { print(&(serde_json::to_string_pretty(&report)? + "\n")) } else { print(&table(&report)) }
}

/// For a person.
pub(crate) fn table(report: &DeltaReport) -> String {
    let full = report.full_zstd.map(|zstd| format!(" ({} as zstd)", bytes(zstd))).unwrap_or_default();
    let mut text = format!(
        "fetched      {:>10}  of {}{full}: {:.1} %\n  root       {:>10}  {} of {} blocks, {} requests\n  hash tree  {:>10}\n  kernel     {:>10}\n  loader     {:>10}\n  metadata   {:>10}\n",
        bytes(report.total),
        bytes(report.full),
        100.0 * report.total as f64 / report.full.max(1) as f64,
        bytes(report.root),
        report.missing_blocks,
        report.blocks,
        report.requests,
        bytes(report.tree),
        bytes(report.kernel_image),
        bytes(report.loader),
        bytes(report.metadata),
    );
    text.push_str(&format!("\n{:>8}  {:>8}  file\n", "missing", "blocks"));
    for file in report.files.iter().take(SHOWN) {
        let new = if file.new { "  (new)" } else { "" };
        text.push_str(&format!("{:>8}  {:>8}  {}{new}\n", file.missing_blocks, file.blocks, file.path));
    }
    if report.files.len() > SHOWN {
        text.push_str(&format!("          and {} more\n", report.files.len() - SHOWN));
    }
    text + &format!("{:>8}            inodes, directories and small files\n", report.metadata_blocks)
}
