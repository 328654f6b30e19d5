//! A real registry (`distribution`) on this host, and what is pushed into it.

use std::{
    fs::{self, File},
    io::Write as _,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::Mutex,
};

use ampoule_machine::{HOST_SEEN_FROM_GUEST, free_port};
use anyhow::{Context, Result};

use super::{debian, go, layout, recipe::Recipe};
use crate::framework::{eventually, within};

const PROGRAM: &str = "github.com/distribution/distribution/v3/cmd/registry";

/// A running registry. Ends when dropped.
pub(crate) struct Registry {
    child: Mutex<Child>,
    port: u16,
    folder: PathBuf,
    cache: PathBuf,
    images: PathBuf,
    /// Images are built and pushed one at a time; two cases may want the same one.
    pushed: Mutex<Vec<String>>,
}

impl Registry {
    /// Starts one with nothing in it. `images` is the folder of recipes.
    pub(crate) fn start(images: &Path, cache: &Path, folder: &Path) -> Result<Self> {
        let program = go::program(&images.join("registry"), PROGRAM, cache)?;
        fs::create_dir_all(folder)?;
        let port = free_port()?;
        let config = folder.join("config.yml");
        let mut text = File::create(&config)?;
        writeln!(text, "version: 0.1\nlog: {{level: warn}}\nstorage:\n  filesystem: {{rootdirectory: {}}}", folder.join("data").display())?;
        writeln!(text, "http: {{addr: '127.0.0.1:{port}'}}")?;
        let log = File::create(folder.join("log"))?;
        let child = Command::new(program)
            .arg("serve")
            .arg(&config)
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("the registry cannot be started")?;
        eventually("the registry listens", within(20), || TcpStream::connect(("127.0.0.1", port)).map(drop).map_err(Into::into))?;
        Ok(Self {
            child: Mutex::new(child),
            port,
            folder: folder.to_owned(),
            cache: cache.to_owned(),
            images: images.to_owned(),
            pushed: Mutex::new(Vec::new()),
        })
    }

    /// Port on the host's loopback.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// `host:port` as a node sees it.
    pub(crate) fn address(&self) -> String {
        format!("{HOST_SEEN_FROM_GUEST}:{}", self.port)
    }

    /// Ends it, whoever may still hold it.
    pub(crate) fn stop(&self) {
        if let Ok(mut child) = self.child.lock() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Makes sure that the image of a recipe is there; its full name for a node.
    pub(crate) fn image(&self, name: &str) -> Result<String> {
        self.push(name, || {
            let recipe = Recipe::load(&self.images.join(name))?;
            debian::layout(&recipe, name, &self.cache)
        })
    }

    /// Makes sure that the image of a recipe with `mebibytes` of noise added is there; its full name for a node.
    pub(crate) fn with_noise(&self, base: &str, mebibytes: u64) -> Result<String> {
        let name = format!("{base}-noise{mebibytes}");
        self.push(&name, || {
            let recipe = Recipe::load(&self.images.join(base))?;
            let base = debian::layout(&recipe, base, &self.cache)?;
            let folder = self.folder.join(&name);
            layout::add_noise(&base, &folder, mebibytes * 1024 * 1024)?;
            Ok(folder)
        })
    }

    fn push(&self, name: &str, make: impl FnOnce() -> Result<PathBuf>) -> Result<String> {
        let mut pushed = self.pushed.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if !pushed.iter().any(|there| there == name) {
            let layout = make()?;
            let mut copy = Command::new("skopeo");
            copy.args(["copy", "--insecure-policy", "--dest-tls-verify=false"]);
            copy.arg(format!("oci:{}:test", layout.display()));
            copy.arg(format!("docker://127.0.0.1:{}/test/{name}:1", self.port));
            debian::run(copy, &self.folder).with_context(|| format!("pushing {name}"))?;
            pushed.push(name.to_owned());
        }
        Ok(format!("{}/test/{name}:1", self.address()))
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop();
    }
}
