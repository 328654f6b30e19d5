//! From a recipe to an OCI layout in the cache.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::recipe::Recipe;

/// Nobody reads these in a container.
const NOT_NEEDED: [&str; 5] = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/zoneinfo/*"];

/// What installing packages takes and nothing in a container uses: the library of Perl (not that of its base package), tables of
/// encodings, sources of locales. That is nearly half of an image, and a node under emulation pulls some 3 MB in a second.
const NOT_USED: [&str; 4] = ["usr/share/perl", "usr/lib/x86_64-linux-gnu/perl", "usr/lib/x86_64-linux-gnu/gconv", "usr/share/i18n"];

/// The layout of a recipe's image, tag `test`; built if the cache lacks it.
pub(crate) fn layout(recipe: &Recipe, name: &str, cache: &Path) -> Result<PathBuf> {
    let layout = cache.join("test-images").join(format!("{name}-{}", recipe.key));
    if layout.join("index.json").is_file() {
        return Ok(layout);
    }
    let making = layout.with_extension(format!("new{}", std::process::id()));
    let _ = fs::remove_dir_all(&making);
    fs::create_dir_all(&making)?;
    println!("     building the image {name} from Debian packages (once)");
    build(recipe, &making).with_context(|| format!("image {name} (log: {})", making.join("log").display()))?;
    fs::rename(making.join("layout"), &layout)?;
    fs::remove_dir_all(&making)?;
    Ok(layout)
}

fn build(recipe: &Recipe, folder: &Path) -> Result<()> {
    let root = folder.join("root.tar");
    run(bootstrap(recipe, &root)?, folder)?;
    let layout = folder.join("layout");
    let image = format!("{}:test", layout.display());
    run(umoci(&["init", "--layout"]).arg_of(&layout), folder)?;
    run(umoci(&["new", "--image", &image]), folder)?;
    run(umoci(&["raw", "add-layer", "--image", &image]).arg_of(&root), folder)?;
    let mut config = umoci(&["config", "--image", &image]);
    config.args(recipe.entrypoint.iter().map(|word| format!("--config.entrypoint={word}")));
    config.args(recipe.command.iter().map(|word| format!("--config.cmd={word}")));
    config.args(recipe.stop_signal.iter().map(|signal| format!("--config.stopsignal={signal}")));
    config.arg("--config.env=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    run(config, folder)
}

/// Its mounts are in a namespace of its own, also for root: they end with it however it ends. If we are killed it is asked to
/// end, and tidies up.
fn mmdebstrap() -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--", "mmdebstrap", "--mode=unshare"]);
    command
}

fn bootstrap(recipe: &Recipe, root: &Path) -> Result<Command> {
    let mut command = mmdebstrap();
    command.args([format!("--variant={}", recipe.variant.name()), format!("--include={}", recipe.packages.join(","))]);
    let excluded = NOT_NEEDED.iter().copied().chain(recipe.exclude.iter().map(String::as_str));
    command.args(excluded.map(|pattern| format!("--dpkgopt=path-exclude={pattern}")));
    command.args(recipe.before.iter().map(|step| format!("--essential-hook={step}")));
    let hook = recipe.variant.last_hook();
    for folder in &recipe.directories {
        command.arg(format!("--{hook}=mkdir -p \"$1{folder}\""));
    }
    for file in &recipe.files {
        let source = recipe.folder.join(&file.source).canonicalize()?;
        command.arg(format!("--{hook}=upload {} {}", source.display(), file.path));
        command.arg(format!("--{hook}=chmod {} \"$1{}\"", file.mode, file.path));
    }
    command.arg(format!("--{hook}=cd \"$1\" && rm -rf {}", NOT_USED.join(" ")));
    command.args(recipe.after.iter().map(|step| format!("--{hook}={step}")));
    command.arg(suite()?).arg(root);
    Ok(command)
}

/// The suite of this host: its keys and its mirror are at hand.
fn suite() -> Result<String> {
    let text = fs::read_to_string("/etc/os-release").context("/etc/os-release")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    Ok(line.context("this host names no Debian suite")?.trim_matches('"').to_owned())
}

fn umoci(args: &[&str]) -> Command {
    let mut command = Command::new("umoci");
    command.args(args);
    command
}

trait ArgOf {
    fn arg_of(self, path: &Path) -> Command;
}

impl ArgOf for Command {
    fn arg_of(mut self, path: &Path) -> Command {
        self.arg(path);
        self
    }
}

/// Runs a program, its words in the folder's log.
pub(crate) fn run(mut command: Command, folder: &Path) -> Result<()> {
    let log = File::options().create(true).append(true).open(folder.join("log"))?;
    let program = command.get_program().to_string_lossy().into_owned();
    let status =
        command.stdout(log.try_clone()?).stderr(log).status().with_context(|| format!("{program} cannot be started: is it installed?"))?;
    if !status.success() {
        bail!("{program} failed ({status})");
    }
    Ok(())
}
