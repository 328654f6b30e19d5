//! The node checked against a benchmark, now: Bottlerocket's `/report` routes.

use super::served::Served;
use super::{Answer, elsewhere};
use crate::answer::Refusal;
use crate::clock::unix_ms;
use ampoule_api_types::operations::{REPORT_CIS, REPORT_FIPS, REPORTS};
use ampoule_api_types::{Report, time};
use ampoule_cis::{BENCHMARK, Benchmark, FIPS, System};
use axum::Json;
use axum::extract::Query;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;

/// More than any file that a check reads.
const FILE_LIMIT: u64 = 1024 * 1024;

pub(super) fn routes() -> Served {
    Served::default().serve(&REPORTS, list).serve(&REPORT_CIS, cis).serve(&REPORT_FIPS, fips)
}

#[derive(Debug, Clone, Copy, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Bottlerocket,
    Kubernetes,
}

#[derive(Debug, serde::Deserialize)]
struct Wanted {
    level: Option<u8>,
    #[serde(default)]
    format: Format,
    #[serde(default, rename = "type")]
    kind: Kind,
}

async fn list() -> Answer<Json<Vec<Report>>> {
    let report = |name: &str, about: &str| Report { name: name.to_owned(), description: about.to_owned() };
    Ok(Json(vec![report("cis", "CIS Bottlerocket Benchmark"), report("fips", "FIPS 140, which this image does not claim")]))
}

async fn cis(Query(wanted): Query<Wanted>) -> Answer<Response> {
    let level = wanted.level.unwrap_or(1);
    if !(1..=2).contains(&level) {
        return Err(Refusal::bad_request(format!("level: there is no level {level}")).hint("Levels are 1 and 2"));
    }
    if wanted.kind == Kind::Kubernetes {
        return Err(elsewhere::not_here("This report"));
    }
    run(BENCHMARK, level, wanted.format).await
}

async fn fips(Query(wanted): Query<Wanted>) -> Answer<Response> {
    run(FIPS, 1, wanted.format).await
}

async fn run(benchmark: Benchmark, level: u8, format: Format) -> Answer<Response> {
    let timestamp = time::utc(unix_ms());
    let report = tokio::task::spawn_blocking(move || benchmark.run(&ThisNode, level, timestamp)).await;
    let report = report.map_err(|error| Refusal::failed(format!("The report broke off: {error}")))?;
    // Bottlerocket's type for both.
    let text = match format {
        Format::Text => report.to_string(),
        Format::Json => {
            serde_json::to_string(&report).map_err(|error| Refusal::failed(format!("The report cannot be written: {error}")))?
        }
    };
    Ok(([(header::CONTENT_TYPE, "application/text")], text).into_response())
}

/// The system this program runs on.
struct ThisNode;

impl System for ThisNode {
    fn read(&self, path: &str) -> Option<String> {
        let mut text = String::new();
        File::open(path).ok()?.take(FILE_LIMIT).read_to_string(&mut text).ok()?;
        Some(text)
    }

    fn mode(&self, path: &str) -> Option<u32> {
        Some(std::fs::metadata(path).ok()?.permissions().mode())
    }
}
