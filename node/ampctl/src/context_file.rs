//! The file that remembers nodes far away, with what proves us to them: for its owner alone.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use ampoule_api_cli::CliError;
use serde::{Deserialize, Serialize};

/// What is remembered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Contexts {
    /// The one that is used if none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    /// By name.
    #[serde(default)]
    pub(crate) contexts: BTreeMap<String, Context>,
}

/// A node and what proves us to it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Context {
    /// `https://host:port`.
    pub(crate) url: String,
    /// Name in the node's certificate, if it is not the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) server_name: Option<String>,
    /// Authority of the node's certificate, PEM.
    pub(crate) ca: String,
    /// Our certificate, PEM.
    pub(crate) certificate: String,
    /// Our key, PEM.
    pub(crate) key: String,
}

/// Without the key.
impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Context({})", self.url)
    }
}

/// Below the user's configuration directory (XDG base directories).
pub(crate) fn path() -> Option<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(folder.join("ampoule/contexts.toml"))
}

/// What is remembered; nothing if there is no file.
pub(crate) fn load() -> Result<Contexts, CliError> {
    let Some(path) = path() else { return Ok(Contexts::default()) };
    let wrong = |reason: String| CliError::Input { source_name: path.display().to_string(), reason };
    match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Contexts::default()),
        Err(error) => return Err(wrong(error.to_string())),
        // A key that others can read is no longer ours alone.
        Ok(file) if file.mode() & 0o077 != 0 => return Err(wrong("others may read it (chmod 600 mends that)".to_owned())),
        Ok(_) => {}
    }
    let text = fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
    // The parser would quote the line at fault, which may be a key's.
    toml::from_str(&text).map_err(|error| wrong(error.message().to_owned()))
}

/// Remembers; whoever reads sees the old or the new file, never a part.
pub(crate) fn save(contexts: &Contexts) -> Result<(), CliError> {
    let path = path().ok_or_else(|| CliError::Failed("neither XDG_CONFIG_HOME nor HOME says where to remember it".to_owned()))?;
    let text = toml::to_string(contexts).map_err(|error| CliError::Failed(error.to_string()))?;
    write(&path, text.as_bytes()).map_err(|error| CliError::Input { source_name: path.display().to_string(), reason: error.to_string() })
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written
}
