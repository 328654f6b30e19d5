//! What a newcomer types, from `run` to `stop`.

use std::{
    fs,
    path::Path,
    process::{Child, Command},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    context::Context,
    framework::{HostTool, eventually, within},
    runner::Case,
    software::get,
};

pub(super) const CASES: &[Case] = &[Case {
    name: "a_person_runs_a_node",
    about: "the host tool runs a node, detached and not: the demo answers, ps, logs, console and ctl show it, stop and Ctrl-C end it in order and leave no process, its state is kept",
    limit: within(900),
    soak: false,
    run: a_person_runs_a_node,
}];

fn a_person_runs_a_node(context: &Context) -> Result<()> {
    // Where it is not given, it is compiled before the tool's own time begins.
    context.demo()?;
    let tool = context.host_tool()?;
    let image = context.image().display().to_string();
    let user_data = user_data(context.folder())?;

    let run = ["run", "--image-dir", &image, "--user-data", &user_data];
    let said = tool.does(&[&run[..], &["--detach"]].concat())?;
    ensure!(said.contains("Ready after") && said.contains("`./ampoule stop` ends it"), "{said}");
    answers(&said)?;
    is_shown(&tool)?;
    ensure!(tool.refuses(&run)?.contains("already runs"), "a second run beside it");
    tool.does(&["ctl", "set", "network.hostname=renamed"])?;
    ensure!(tool.does(&["stop"])?.contains("Stopped."));
    ended_in_order(&tool)?;
    ensure!(tool.refuses(&["ps"])?.contains("`./ampoule run` starts one"), "no remedy where no node runs");
    ensure!(tool.does(&["stop"])?.contains("No node runs here"));

    let log = context.folder().join("run.log");
    let mut child = tool.starts(&run, &log)?;
    let went_on = goes_on(&tool, &mut child, &log);
    interrupt(&child)?;
    let status = child.wait()?;
    went_on?;
    let said = fs::read_to_string(&log)?;
    ensure!(
        status.success()
            && said.contains(&format!("Stopped. `./ampoule run --image-dir {image}` continues"))
            && !said.contains("its power is cut"),
        "Ctrl-C: {status}\n{said}"
    );
    ended_in_order(&tool)
}

/// As gzip: the tool reads what a node reads.
fn user_data(folder: &Path) -> Result<String> {
    let file = folder.join("node.toml");
    fs::write(&file, "[settings]\nmotd = \"out of a compressed file\"\n")?;
    ensure!(Command::new("gzip").arg(&file).status().context("gzip")?.success(), "gzip failed");
    Ok(format!("{}.gz", file.display()))
}

/// The address that was printed leads to the demo.
fn answers(said: &str) -> Result<()> {
    let port = said.split_once("Open  http://127.0.0.1:").and_then(|(_, rest)| rest.split_once('/'));
    let (port, _) = port.with_context(|| format!("no address to open:\n{said}"))?;
    let page = get(port.parse()?, "/")?;
    ensure!(page.contains("<html"), "no page: {page:.200}");
    Ok(())
}

fn is_shown(tool: &HostTool) -> Result<()> {
    let list = tool.does(&["ps"])?;
    ensure!(list.lines().any(|line| line.contains("demo") && line.contains("running")), "{list}");
    let lines = tool.does(&["logs", "workload/demo"])?;
    ensure!(lines.contains("demo: listening on port 8080"), "{lines}");
    ensure!(tool.does(&["console"])?.contains("Ampoule is ready"), "the console does not say that the node is ready");
    let motd = tool.does(&["ctl", "get", "settings.motd"])?;
    ensure!(motd.contains("out of a compressed file"), "{motd}");
    let wrong = tool.refuses(&["ctl", "set", "network.hostname=Not A Name"])?;
    ensure!(wrong.contains("network.hostname"), "{wrong}");
    Ok(())
}

/// The node switched itself off, and was not cut off from its power.
fn ended_in_order(tool: &HostTool) -> Result<()> {
    let read = |name: &str| fs::read(tool.node().join(name)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    ensure!(!read("run.log")?.contains("its power is cut"), "it did not end by itself");
    ensure!(read("serial.log")?.contains("reboot: Power down"), "the console's end is another: {}", read("serial.log")?);
    tool.has_left_nothing()
}

/// With what it had before.
fn goes_on(tool: &HostTool, child: &mut Child, log: &Path) -> Result<()> {
    let said = eventually("the node serves again", within(300), || {
        let said = fs::read_to_string(log)?;
        let ended = child.try_wait()?;
        ensure!(ended.is_some() || said.contains("Ready after"), "{said}");
        Ok(said)
    })?;
    ensure!(said.contains("Ready after") && !said.contains("it starts anew"), "{said}");
    answers(&said)?;
    let name = tool.does(&["ctl", "get", "settings.network.hostname"])?;
    ensure!(name.contains("renamed"), "what was set is gone: {name}");
    Ok(())
}

/// What a terminal sends.
fn interrupt(child: &Child) -> Result<()> {
    let done = Command::new("kill").args(["-INT", &child.id().to_string()]).status().context("kill (Debian package procps)")?;
    ensure!(done.success(), "the host tool has ended by itself");
    Ok(())
}
