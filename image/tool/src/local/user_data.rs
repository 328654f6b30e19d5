//! The person's user data: read as a node reads it, judged as far as that can be done without one, and laid beneath what `run` adds.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use ampoule_settings::MAX_USER_DATA;
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

use crate::{
    check::{self, Defaults},
    cli::RunArgs,
    local::workload::HOST_NAME,
    paths,
};

/// What the person chose: the tree below `settings`.
#[derive(Clone, Debug)]
pub(crate) struct UserData(Value);

impl UserData {
    /// The file that was named, plain or gzip; nothing without one.
    pub(crate) fn read(args: &RunArgs) -> Result<Self> {
        let Some(path) = &args.user_data else { return Ok(Self::none()) };
        let bytes = check::read(path)?;
        Self::parse(&defaults(args)?, &bytes).with_context(|| format!("a node would take nothing of {}", path.display()))
    }

    fn parse(defaults: &Defaults, bytes: &[u8]) -> Result<Self> {
        Ok(Self(defaults.parse(bytes).map_err(|errors| check::all(&errors))?.to_json()))
    }

    /// No settings.
    fn none() -> Self {
        Self(json!({}))
    }

    /// Text of our own, which may be none at all.
    pub(crate) fn of(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Ok(Self::none());
        }
        Self::parse(&Defaults::unknown(), text.as_bytes())
    }

    /// Whether it says itself what shall run.
    pub(crate) fn names_workloads(&self) -> bool {
        self.0.get("workloads").is_some()
    }

    /// With `ours` (a tree below `settings`) laid over it, as TOML.
    pub(crate) fn with(&self, ours: &Value) -> Result<String> {
        let mut settings = json!({ "network": { "hostname": HOST_NAME } });
        merge(&mut settings, self.0.clone());
        merge(&mut settings, ours.clone());
        toml::to_string(&json!({ "settings": settings })).context("the user data cannot be written as TOML")
    }

    /// Refuses what a node would: it would boot with its defaults, which no command of this program reaches.
    pub(crate) fn must_fit(&self, args: &RunArgs, ours: &Value) -> Result<()> {
        let Some(path) = &args.user_data else { return Ok(()) };
        let plan = defaults(args)?.plan(self.with(ours)?.as_bytes());
        plan.map(drop).map_err(|errors| check::all(&errors)).with_context(|| format!("a node would take nothing of {}", path.display()))
    }
}

/// Of an image that lies built somewhere only its name is known, and its variant may be of another version: its own words come when it boots.
fn defaults(args: &RunArgs) -> Result<Defaults> {
    match &args.image_dir {
        Some(_) => Ok(Defaults::unknown()),
        None => Defaults::of_variant(&paths::repo()?, &args.variant),
    }
}

/// `over` on top of `base`, table by table.
fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key).or_insert(Value::Object(Map::new())), value);
            }
        }
        (base, over) => *base = over,
    }
}

/// What does not fit as it is, as gzip: what was given compressed may be too long otherwise.
pub(crate) fn packed(bytes: Vec<u8>) -> Result<Vec<u8>> {
    if bytes.len() <= MAX_USER_DATA {
        return Ok(bytes);
    }
    let packed = gzip(&bytes)?;
    ensure!(
        packed.len() <= MAX_USER_DATA,
        "the user data has {} bytes when compressed, with what a local node adds; a node reads {MAX_USER_DATA}: leave out what is not settings",
        packed.len()
    );
    Ok(packed)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut command = Command::new("gzip");
    let child = command.args(["-9", "-n", "-c"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.context("cannot run gzip (Debian package gzip)")?;
    let mut input = child.stdin.take().context("gzip has no input")?;
    let output = std::thread::scope(|scope| {
        // If gzip goes, its status tells it.
        scope.spawn(move || input.write_all(bytes));
        child.wait_with_output()
    });
    let output = output.context("cannot wait for gzip")?;
    if !output.status.success() {
        bail!("gzip failed ({})", output.status);
    }
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(file: &std::path::Path, text: &[u8]) -> RunArgs {
        use clap::Parser;
        std::fs::write(file, text).unwrap();
        let words = ["ampoule", "run", "--image-dir", "/nowhere", "--user-data"].map(std::ffi::OsStr::new);
        match crate::cli::Cli::parse_from(words.into_iter().chain([file.as_os_str()])).command {
            crate::cli::Command::Run(args) => args,
            _ => unreachable!(),
        }
    }

    const TEXT: &[u8] = b"[settings]\nmotd = \"hi\"\n[settings.network]\nhostname = \"mine\"\n";

    #[test]
    fn a_person_s_user_data_stays_beneath_ours_plain_or_gzip() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for text in [TEXT.to_vec(), gzip(TEXT).unwrap()] {
            let theirs = UserData::read(&given(file.path(), &text)).unwrap();
            let merged = theirs.with(&json!({ "workloads": { "demo": { "image": "x" } } })).unwrap();
            let table: toml::Table = merged.parse().unwrap();
            assert_eq!(table["settings"]["motd"].as_str(), Some("hi"));
            assert_eq!(table["settings"]["network"]["hostname"].as_str(), Some("mine"));
            assert_eq!(table["settings"]["workloads"]["demo"]["image"].as_str(), Some("x"));
            assert!(!theirs.names_workloads());
        }
        let own = given(file.path(), b"[settings.workloads.web]\nimage = \"x/y:1\"\n");
        assert!(UserData::read(&own).unwrap().names_workloads());
    }

    /// As measurements begin with.
    #[test]
    fn no_text_of_our_own_is_no_settings() {
        let table: toml::Table = UserData::of("").unwrap().with(&json!({ "motd": "x" })).unwrap().parse().unwrap();
        assert_eq!(table["settings"]["motd"].as_str(), Some("x"));
        assert!(UserData::of("motd = 1").is_err());
    }

    #[test]
    fn what_a_node_would_not_take_is_refused_before_there_is_one() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let cut = &gzip(TEXT).unwrap()[..20];
        for (wrong, reason) in [(&b"[settings]\nmot = 1\n"[..], "mot"), (cut, "cannot be unpacked"), (b"\xff\xfe", "UTF-")] {
            let error = format!("{:#}", UserData::read(&given(file.path(), wrong)).unwrap_err());
            assert!(error.contains(reason) && error.contains(&file.path().display().to_string()), "{error}");
        }
        let args = given(file.path(), b"[settings.workloads.web]\nmemory = \"1GiB\"\n");
        let theirs = UserData::read(&args).unwrap();
        assert!(theirs.must_fit(&args, &json!({})).is_err(), "a workload without an image");
        theirs.must_fit(&args, &json!({ "workloads": { "web": { "image": "docker.io/library/x:1" } } })).unwrap();
    }

    /// The most that a node reads is counted as it is given.
    #[test]
    fn long_user_data_is_given_compressed() {
        let short = TEXT.to_vec();
        assert_eq!(packed(short.clone()).unwrap(), short);
        let long = format!("# {}\n[settings]\nmotd = \"hi\"\n", "x".repeat(2 * MAX_USER_DATA));
        let given = packed(long.into_bytes()).unwrap();
        assert!(given.len() < MAX_USER_DATA);
        assert_eq!(UserData::parse(&Defaults::unknown(), &given).unwrap().0["motd"], "hi");
        let noise = (0..80_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
        assert!(packed(noise).unwrap_err().to_string().contains("a node reads"));
    }
}
