//! Third-party parts compiled into programs, and their licences.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A crate or Go module inside a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Component {
    pub(crate) name: String,
    pub(crate) version: String,
    /// SPDX expression, or `NOASSERTION`.
    pub(crate) licence: String,
    /// Package URL.
    pub(crate) purl: String,
}

/// Writes the list of components of an artifact.
pub(crate) fn write(path: &Path, components: Vec<Component>) -> anyhow::Result<()> {
    Ok(std::fs::write(path, serde_json::to_vec_pretty(&components)?)?)
}

/// Reads it; an artifact without the file has none.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Component>> {
    match std::fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).with_context(|| format!("{} is damaged: remove the cache entry", path.display())),
        Err(_) => Ok(Vec::new()),
    }
}

/// Sentences by which a licence text is recognised, most telling first.
const MARKS: &[(&str, &str)] = &[
    ("Mozilla Public License Version 2.0", "MPL-2.0"),
    ("Mozilla Public License, version 2.0", "MPL-2.0"),
    ("Apache License Version 2.0", "Apache-2.0"),
    ("Licensed under the Apache License, Version 2.0", "Apache-2.0"),
    ("Permission to use, copy, modify, and/or distribute", "ISC"),
    ("Permission to use, copy, modify, and distribute", "ISC"),
    ("Permission is hereby granted, free of charge", "MIT"),
    ("Neither the name of", "BSD-3-Clause"),
    ("names of its contributors may be used", "BSD-3-Clause"),
    ("Redistributions in binary form", "BSD-2-Clause"),
];

/// The licence of the source in `dir`, by the words of its licence file.
pub(crate) fn of_directory(dir: &Path) -> String {
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<_> = files.map(|e| e.path()).filter(|p| p.is_file() && is_licence_file(p)).collect();
    names.sort();
    let texts = names.iter().filter_map(|p| std::fs::read_to_string(p).ok());
    texts.filter_map(|t| of_text(&t)).next().unwrap_or("NOASSERTION").to_owned()
}

fn is_licence_file(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
    ["LICENSE", "LICENCE", "COPYING"].iter().any(|n| name.starts_with(n))
}

fn of_text(text: &str) -> Option<&'static str> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    MARKS.iter().find(|(mark, _)| text.contains(mark)).map(|(_, id)| *id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_are_known_by_their_words() {
        assert_eq!(of_text("   Apache License\n   Version 2.0, January 2004"), Some("Apache-2.0"));
        assert_eq!(of_text("Redistributions in binary form must\n… Neither the name\nof"), Some("BSD-3-Clause"));
        assert_eq!(of_text("Redistributions in binary form must"), Some("BSD-2-Clause"));
        assert_eq!(of_text("all rights reserved"), None);
    }
}
