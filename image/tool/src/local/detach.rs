//! `run --detach`: the same program stays behind; this one goes when the node serves.

use std::{
    env,
    fs::{self, File},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    cli::RunArgs,
    interrupt::{Interrupt, Stopped},
    local::folder::NodeFolder,
};

/// Starts the one that stays, shows what it says, and returns when the node serves.
pub(crate) fn run(args: &RunArgs) -> Result<()> {
    let folder = NodeFolder::named(&args.node.name);
    folder.make()?;
    if folder.running()?.is_some() {
        bail!("this node already runs; `./ampoule stop` ends it");
    }
    let interrupt = Interrupt::watch()?;
    let mut child = spawn(&folder)?;
    let mut shown = 0;
    loop {
        // First the record, then the log: what was said before it is then shown.
        let ready = folder.record().is_some_and(|record| record.ready && record.pid == child.id());
        let ended = child.try_wait().context("cannot wait for the process that stays behind")?;
        shown += show_new(&folder, shown);
        if let Some(status) = ended {
            bail!("the node did not come up ({status}); all that was said is in {}", folder.run_log().display());
        }
        if ready && said_ready(&folder) {
            show_new(&folder, shown);
            return Ok(());
        }
        if interrupt.sleep(Duration::from_millis(200)) {
            return give_up(&mut child);
        }
    }
}

/// The one that would stay is in another session, so the terminal's Ctrl-C is passed on; it stops what it has started.
fn give_up(child: &mut Child) -> Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("the process that stays behind has no number")?;
    kill_process(pid, Signal::TERM).context("cannot stop the process that stays behind")?;
    child.wait().context("cannot wait for the process that stays behind")?;
    Err(Stopped.into())
}

/// In a session of its own, so that closing the terminal does not end it.
fn spawn(folder: &NodeFolder) -> Result<Child> {
    let path = folder.run_log();
    let log = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let second = log.try_clone().context("cannot share the log")?;
    let own = env::current_exe().context("cannot find this program")?;
    Command::new("setsid")
        .arg(own)
        .args(env::args_os().skip(1))
        .arg("--behind")
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(second)
        .spawn()
        .context("cannot run setsid (Debian package util-linux)")
}

fn said_ready(folder: &NodeFolder) -> bool {
    fs::read_to_string(folder.run_log()).is_ok_and(|text| text.contains("\nReady after "))
}

/// Shows what the log has beyond `from`; how many bytes that was.
fn show_new(folder: &NodeFolder, from: usize) -> usize {
    let bytes = fs::read(folder.run_log()).unwrap_or_default();
    let new = bytes.get(from..).unwrap_or_default();
    let whole = new.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    eprint!("{}", String::from_utf8_lossy(&new[..whole]));
    whole
}
