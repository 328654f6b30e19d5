//! What commands print: JSON for programs, tables for people.

use std::io::Write;

use clap::ValueEnum;
use serde::Serialize;

use crate::CliError;

/// For whom the output is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Tables and sentences.
    #[default]
    Table,
    /// The API's own documents.
    Json,
}

/// Prints a document, indented.
pub(crate) fn json<T: Serialize>(out: &mut dyn Write, document: &T) -> Result<(), CliError> {
    serde_json::to_writer_pretty(&mut *out, document).map_err(std::io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

/// Prints a body as it came, with a line end if it has none.
pub(crate) fn raw_body(out: &mut dyn Write, body: &[u8]) -> Result<(), CliError> {
    out.write_all(body)?;
    if !body.is_empty() && !body.ends_with(b"\n") {
        writeln!(out)?;
    }
    Ok(())
}

/// Prints columns as wide as their widest cell. Control characters are replaced: cells hold what a container said.
pub(crate) fn table(out: &mut dyn Write, heads: &[&str], rows: &[Vec<String>]) -> Result<(), CliError> {
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(&heads).chain(rows).map(|row| row.iter().map(|cell| printable(cell)).collect()).collect();
    for row in &rows {
        writeln!(out, "{}", line(row, &widths(&rows)))?;
    }
    Ok(())
}

/// Text safe to show on a terminal: control characters become `?`.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// A value that may be missing.
pub(crate) fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// Seconds with three places, from milliseconds.
pub(crate) fn milliseconds(count: u64) -> String {
    format!("{}.{:03} s", count / 1000, count % 1000)
}

/// Bytes in the unit that suits them, with one place.
#[allow(clippy::cast_precision_loss, reason = "one place is shown")]
pub(crate) fn size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let unit = units.into_iter().find(|(_, shift)| bytes >> shift > 0);
    unit.map_or_else(|| format!("{bytes} B"), |(name, shift)| format!("{:.1} {name}", bytes as f64 / (1_u64 << shift) as f64))
}

/// Milliseconds since 1970 as a date and a time in UTC, for a table.
pub(crate) fn utc(milliseconds: u64) -> String {
    ampoule_api_types::time::utc(milliseconds).replace('T', " ")
}

fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    (0..columns).map(|column| width(column).unwrap_or(0)).collect()
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_unit_that_suits_them() {
        let sizes = [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_572_864, "1.5 MiB"), (3 << 30, "3.0 GiB")];
        sizes.into_iter().for_each(|(bytes, text)| assert_eq!(size(bytes), text));
    }

    #[test]
    fn columns_align_and_control_characters_do_not_pass() {
        let mut out = Vec::new();
        let rows = [vec!["a".to_owned(), "evil\u{1b}[2J".to_owned()], vec!["long".into(), "b".into()]];
        table(&mut out, &["NAME", "SAID"], &rows).expect("a table");
        assert_eq!(String::from_utf8_lossy(&out), "NAME  SAID\na     evil?[2J\nlong  b\n");
    }
}
