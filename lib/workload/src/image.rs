//! What an image's documents say: which manifest fits, what to run, which layers lie under it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};
use thiserror::Error;

use ampoule_base::hex;

/// Largest index, manifest or configuration that is read, in bytes. Registries refuse manifests above 4 MiB.
pub const MAX_DOCUMENT_BYTES: u64 = 4 * 1024 * 1024;

/// The architecture of this build in the words of the OCI.
pub const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };

/// Why an image cannot be used.
#[derive(Debug, Error)]
pub enum ImageError {
    /// The document is not JSON of the expected form.
    #[error("the image's {document} is not valid: {source}")]
    Json {
        /// Which document.
        document: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// An index without a manifest for this machine.
    #[error("the image has no build for linux/{ARCHITECTURE}; it has: {0}")]
    NoPlatform(String),
    /// Neither an index nor a manifest.
    #[error("the image's manifest names no configuration")]
    NoConfig,
    /// A configuration without layers.
    #[error("the image has no layers")]
    NoLayers,
}

/// What the root document of an image leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Target {
    /// An index: go on with the manifest of this digest.
    Manifest(String),
    /// A manifest: its configuration has this digest.
    Config(String),
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    manifests: Vec<Entry>,
    config: Option<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    digest: String,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    architecture: String,
    os: String,
}

/// Reads an index or a manifest and says where to go on.
pub fn follow(json: &[u8]) -> Result<Target, ImageError> {
    let document: Document = serde_json::from_slice(json).map_err(|source| ImageError::Json { document: "manifest", source })?;
    if let Some(config) = document.config {
        return Ok(Target::Config(config.digest));
    }
    if document.manifests.is_empty() {
        return Err(ImageError::NoConfig);
    }
    let fits = |entry: &&Entry| entry.platform.as_ref().is_none_or(Platform::is_ours);
    match document.manifests.iter().find(fits) {
        Some(entry) => Ok(Target::Manifest(entry.digest.clone())),
        None => Err(ImageError::NoPlatform(platforms(&document.manifests))),
    }
}

impl Platform {
    fn is_ours(&self) -> bool {
        self.os == "linux" && self.architecture == ARCHITECTURE
    }
}

fn platforms(entries: &[Entry]) -> String {
    let names: Vec<_> = entries.iter().filter_map(|e| e.platform.as_ref()).map(|p| format!("{}/{}", p.os, p.architecture)).collect();
    names.join(", ")
}

/// The parts of an image's configuration that decide how it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ImageConfig {
    #[serde(default, deserialize_with = "or_default")]
    config: Run,
    #[serde(default, deserialize_with = "or_default")]
    rootfs: Layers,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Run {
    #[serde(deserialize_with = "or_default")]
    user: String,
    #[serde(deserialize_with = "or_default")]
    env: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    entrypoint: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    cmd: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    volumes: BTreeMap<String, serde_json::Value>,
    #[serde(deserialize_with = "or_default")]
    working_dir: String,
    #[serde(deserialize_with = "or_default")]
    stop_signal: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct Layers {
    #[serde(default, deserialize_with = "or_default")]
    diff_ids: Vec<String>,
}

/// Builders write `null` where they mean nothing.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl ImageConfig {
    /// Reads an image's configuration document.
    pub fn parse(json: &[u8]) -> Result<Self, ImageError> {
        serde_json::from_slice(json).map_err(|source| ImageError::Json { document: "configuration", source })
    }

    /// `USER`: a name or number, perhaps with a group; empty means root.
    pub fn user(&self) -> &str {
        &self.config.user
    }

    /// `NAME=value` entries.
    pub fn env(&self) -> &[String] {
        &self.config.env
    }

    /// The program and its fixed arguments.
    pub fn entrypoint(&self) -> &[String] {
        &self.config.entrypoint
    }

    /// The default arguments, or the program when there is no entry point.
    pub fn cmd(&self) -> &[String] {
        &self.config.cmd
    }

    /// The folder the program starts in; `/` when the image names none.
    pub fn working_dir(&self) -> &str {
        if self.config.working_dir.is_empty() { "/" } else { &self.config.working_dir }
    }

    /// The number of the signal that asks the program to end; TERM unless the image says otherwise.
    pub fn stop_signal(&self) -> u32 {
        signal_number(&self.config.stop_signal).unwrap_or(15)
    }

    /// The name under which the snapshotter keeps the unpacked layers.
    pub fn chain_id(&self) -> Result<String, ImageError> {
        let (first, rest) = self.rootfs.diff_ids.split_first().ok_or(ImageError::NoLayers)?;
        let join = |chain: String, layer: &String| format!("sha256:{}", hex(&Sha256::digest(format!("{chain} {layer}"))));
        Ok(rest.iter().fold(first.clone(), join))
    }
}

/// `SIGQUIT`, `QUIT`, `3` or `SIGRTMIN+3`, by the numbers of Linux on x86-64 and arm64.
fn signal_number(text: &str) -> Option<u32> {
    if let Ok(number) = text.parse::<u32>() {
        return (1..=64).contains(&number).then_some(number);
    }
    let name = text.strip_prefix("SIG").unwrap_or(text);
    if let Some(offset) = name.strip_prefix("RTMIN+") {
        return offset.parse::<u32>().ok().filter(|n| *n <= 30).map(|n| 34 + n);
    }
    let names = [("HUP", 1), ("INT", 2), ("QUIT", 3), ("KILL", 9), ("USR1", 10), ("USR2", 12), ("TERM", 15), ("WINCH", 28), ("PWR", 30)];
    names.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_leads_to_our_platform() {
        let json = format!(
            r#"{{"manifests":[{{"digest":"sha256:a","platform":{{"os":"linux","architecture":"s390x"}}}},
                {{"digest":"sha256:b","platform":{{"os":"linux","architecture":"{ARCHITECTURE}"}}}}]}}"#
        );
        assert_eq!(follow(json.as_bytes()).expect("valid"), Target::Manifest("sha256:b".into()));
    }

    #[test]
    fn an_index_without_our_platform_says_what_it_has() {
        let json = r#"{"manifests":[{"digest":"sha256:a","platform":{"os":"linux","architecture":"s390x"}}]}"#;
        assert!(follow(json.as_bytes()).expect_err("no build").to_string().contains("linux/s390x"));
    }

    #[test]
    fn a_manifest_leads_to_its_configuration() {
        let json = r#"{"config":{"digest":"sha256:c","mediaType":"x","size":1},"layers":[]}"#;
        assert_eq!(follow(json.as_bytes()).expect("valid"), Target::Config("sha256:c".into()));
        assert!(follow(b"{}").is_err() && follow(b"<html>").is_err());
    }

    #[test]
    fn nulls_mean_nothing() {
        let json = r#"{"architecture":"amd64","config":{"Env":null,"Cmd":["x"],"Labels":null,"Volumes":{"/data":{}}},"rootfs":{"type":"layers","diff_ids":["sha256:1"]}}"#;
        let config = ImageConfig::parse(json.as_bytes()).expect("valid");
        assert_eq!((config.cmd(), config.working_dir(), config.stop_signal()), (&["x".to_owned()][..], "/", 15));
    }

    /// The empty layer over the empty layer: a value every OCI implementation agrees on.
    #[test]
    fn chain_id_is_the_one_of_the_specification() {
        let empty = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";
        let json = format!(r#"{{"rootfs":{{"diff_ids":["{empty}","{empty}"]}}}}"#);
        let config = ImageConfig::parse(json.as_bytes()).expect("valid");
        let expected = hex(&Sha256::digest(format!("{empty} {empty}")));
        assert_eq!(config.chain_id().expect("layers"), format!("sha256:{expected}"));
        assert!(ImageConfig::default().chain_id().is_err());
    }

    #[test]
    fn stop_signals() {
        for (text, number) in [("SIGQUIT", 3), ("INT", 2), ("9", 9), ("SIGRTMIN+3", 37)] {
            assert_eq!(signal_number(text), Some(number), "{text}");
        }
        for text in ["", "0", "65", "SIGNOPE", "RTMIN+99"] {
            assert_eq!(signal_number(text), None, "{text}");
        }
    }
}
