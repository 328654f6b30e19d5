//! What a case may use: images, a folder of its own, the registry that all share.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use ampoule_machine::free_port;
use anyhow::{Context as _, Result, ensure};

use crate::{
    framework::{HostTool, NodePlan},
    passed::Passed,
    software::{InstanceMetadata, Registry},
};

/// Folders and files that do not change during a run.
pub(crate) struct Places {
    image: PathBuf,
    probe_image: PathBuf,
    demo: Option<PathBuf>,
    tool: PathBuf,
    logs: PathBuf,
    cache: PathBuf,
    recipes: PathBuf,
}

/// What cases read when they run, from the top of the repository: images, fixtures, and the sources of the programs that [`build_static`] makes.
const READ: [&str; 8] = ["tests/images", "tests/fixtures", "tests/escape", "image/demo", "lib", "policy", "Cargo.toml", "Cargo.lock"];

impl Places {
    /// Makes the paths absolute and checks what every run needs.
    pub(crate) fn find(image: &Path, probe_image: Option<&Path>, demo: Option<&Path>, tool: Option<PathBuf>, logs: &Path) -> Result<Self> {
        let image = image.canonicalize().with_context(|| format!("no image in {}: build one with ./ampoule build", image.display()))?;
        ensure!(image.join("manifest.json").is_file(), "{} holds no built image", image.display());
        let beside = image.with_file_name("test");
        fs::create_dir_all(logs)?;
        Ok(Self {
            probe_image: probe_image.map_or(beside, Path::to_owned),
            demo: demo.map(Path::to_owned),
            tool: tool.map_or_else(|| Ok(env::current_exe()?.with_file_name("ampoule-tool")), std::path::absolute)?,
            logs: logs.canonicalize()?,
            cache: cache()?,
            recipes: Path::new(env!("CARGO_MANIFEST_DIR")).join("../images").canonicalize()?,
            image,
        })
    }

    /// The cases that passed before with what lies here.
    pub(crate) fn passed(&self, folder: &Path) -> Result<Passed> {
        let emulator = Command::new("qemu-system-x86_64").arg("--version").output().context("qemu-system-x86_64")?.stdout;
        let repo = checkout()?;
        let read = READ.map(|path| repo.join(path));
        let images = [&self.image, &self.probe_image].map(PathBuf::as_path);
        let own = fs::read(env::current_exe()?)?;
        let passed = Passed::open(folder, &[&own, &emulator], &images, &read.each_ref().map(PathBuf::as_path))?;
        // Without one its cases fail and nothing is noted.
        Ok(passed.with_tool(&fs::read(&self.tool).unwrap_or_default()))
    }
}

/// The checkout that these tests are of.
pub(crate) fn checkout() -> Result<PathBuf> {
    Ok(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?)
}

/// The same cache as the builder's.
fn cache() -> Result<PathBuf> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let cache = variable("AMPOULE_CACHE").map(PathBuf::from);
    cache
        .or_else(|| variable("XDG_CACHE_HOME").map(|folder| Path::new(&folder).join("ampoule")))
        .or_else(|| variable("HOME").map(|folder| Path::new(&folder).join(".cache/ampoule")))
        .context("neither AMPOULE_CACHE nor HOME is set")
}

/// One case's view.
#[derive(Clone)]
pub(crate) struct Context {
    shared: Arc<Shared>,
    name: &'static str,
    folder: PathBuf,
    nodes: Arc<AtomicU32>,
}

struct Shared {
    places: Places,
    registry: Mutex<Option<Arc<Registry>>>,
    demo: Mutex<Option<PathBuf>>,
}

impl Context {
    pub(crate) fn new(places: Places) -> Self {
        let folder = places.logs.clone();
        let demo = Mutex::new(places.demo.clone());
        let shared = Arc::new(Shared { places, registry: Mutex::default(), demo });
        Self { shared, name: "", folder, nodes: Arc::default() }
    }

    /// A fresh folder for a case.
    pub(crate) fn for_case(&self, name: &'static str) -> Result<Self> {
        let folder = self.shared.places.logs.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
        fs::create_dir_all(&folder)?;
        Ok(Self { shared: self.shared.clone(), name, folder, nodes: Arc::default() })
    }

    /// The case's own folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The builder's cache.
    pub(crate) fn cache(&self) -> &Path {
        &self.shared.places.cache
    }

    /// The image under test.
    pub(crate) fn image(&self) -> &Path {
        &self.shared.places.image
    }

    /// A node of the image under test.
    pub(crate) fn node(&self) -> NodePlan {
        self.node_of(self.shared.places.image.clone())
    }

    /// A node that carries a program which attacks it from inside.
    pub(crate) fn node_with_probe(&self) -> Result<NodePlan> {
        Ok(self.node_of(self.probe_image()?).attacked())
    }

    /// The image of the variant `test`.
    pub(crate) fn probe_image(&self) -> Result<PathBuf> {
        let image = self.shared.places.probe_image.clone();
        ensure!(image.join("manifest.json").is_file(), "no image in {}: build it with ./ampoule build test", image.display());
        Ok(image)
    }

    fn node_of(&self, image: PathBuf) -> NodePlan {
        let number = self.nodes.fetch_add(1, Ordering::Relaxed);
        NodePlan::new(image, self.folder.join(format!("node{number}")))
    }

    /// The registry that all cases share.
    pub(crate) fn registry(&self) -> Result<Arc<Registry>> {
        let mut slot = self.shared.registry.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(registry) = &*slot {
            return Ok(registry.clone());
        }
        let places = &self.shared.places;
        let folder = places.logs.join("registry");
        let _ = fs::remove_dir_all(&folder);
        let registry = Arc::new(Registry::start(&places.recipes, &places.cache, &folder)?);
        *slot = Some(registry.clone());
        Ok(registry)
    }

    /// A metadata service of this case's own, with this user data.
    pub(crate) fn instance_metadata(&self, user_data: &str) -> Result<InstanceMetadata> {
        self.instance_metadata_at(free_port()?, user_data)
    }

    /// The same at a port that was chosen before.
    pub(crate) fn instance_metadata_at(&self, port: u16, user_data: &str) -> Result<InstanceMetadata> {
        let places = &self.shared.places;
        InstanceMetadata::start(&places.recipes, &places.cache, &self.folder.join("metadata"), port, user_data)
    }

    /// The demo workload's program.
    pub(crate) fn demo(&self) -> Result<PathBuf> {
        let mut slot = self.shared.demo.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(demo) = &*slot {
            return Ok(demo.clone());
        }
        let demo = build_static("demo", "ampoule-demo", &self.shared.places.cache)?;
        *slot = Some(demo.clone());
        Ok(demo)
    }

    /// The host tool, with this case's folder for its state.
    pub(crate) fn host_tool(&self) -> Result<HostTool> {
        let places = &self.shared.places;
        ensure!(
            places.tool.is_file(),
            "no host tool at {}: build it with `cargo build --profile host -p ampoule-tool`, or name it with --tool",
            places.tool.display()
        );
        let repo = checkout()?;
        HostTool::new(places.tool.clone(), repo, places.cache.clone(), &self.folder)
    }

    /// The program that attacks a node from inside a workload.
    pub(crate) fn escape(&self) -> Result<PathBuf> {
        build_static("escape", "ampoule-escape", &self.shared.places.cache)
    }

    /// Ends what all cases shared, even if an overdue case still holds it.
    pub(crate) fn end(&self) {
        let slot = self.shared.registry.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(registry) = &*slot {
            registry.stop();
        }
    }

    /// Removes what nobody looks at after a pass: disks. Consoles stay.
    pub(crate) fn clean(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return;
        };
        for entry in entries.flatten() {
            let _ = fs::remove_file(entry.path().join("disk.qcow2"));
        }
        println!("     {}: consoles in {}", self.name, self.folder.display());
    }
}

/// Built like every program that runs where no library is: static, at any address.
fn build_static(program: &str, package: &str, cache: &Path) -> Result<PathBuf> {
    let target = cache.join("target-demo");
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--release", "--package", package])
        .args(["--target", "x86_64-unknown-linux-gnu", "--target-dir"])
        .arg(&target)
        .env("RUSTFLAGS", "-C target-feature=+crt-static -C relocation-model=pie")
        .current_dir(checkout()?)
        .status()
        .context("cargo cannot be started")?;
    ensure!(status.success(), "building {program} failed");
    Ok(target.join("x86_64-unknown-linux-gnu/release").join(program))
}
