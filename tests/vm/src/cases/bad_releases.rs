//! Releases that are not good, through firmware and boot loader: the node comes back by itself, once, and says why.

use std::{
    fs::File,
    io::{Seek, SeekFrom, Write},
    path::Path,
    time::Duration,
};

use ampoule_api_types::UpdateState;
use ampoule_api_types::v1::BootTrialState;
use anyhow::{Context as _, Result, ensure};

use super::updates::{installs, is_good, offered, started, succeeds, updates, version};
use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
    software::{Change, Release},
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "an_update_that_panics_returns",
        about: "a release whose kernel panics: the node comes back with the version before, says why, and does not try again until told to",
        limit: within(1500),
        soak: false,
        run: |context| returns(context, Change::NoInit, "it did not come up in 3 tries", within(600)),
    },
    Case {
        name: "an_update_whose_init_hangs_returns",
        about: "a release whose init opens the watchdog and hangs: the hardware resets it three times, and the node comes back",
        limit: within(1500),
        soak: false,
        run: an_update_whose_init_hangs_returns,
    },
    Case {
        name: "an_update_without_an_api_returns",
        about: "a release whose API server does not start: the node goes back by itself when the time for its health is over that was set before",
        limit: within(1500),
        soak: false,
        run: an_update_without_an_api_returns,
    },
    Case {
        name: "an_update_that_breaks_a_workload_returns",
        about: "a release under which one workload of two does not run: the node goes back, names it, and it runs again",
        limit: within(1500),
        soak: false,
        run: an_update_that_breaks_a_workload_returns,
    },
    Case {
        name: "a_damaged_kernel_image_is_passed_over",
        about: "a kernel image that was damaged on the boot partition: the version before runs, says why, and writes the image anew when told to",
        limit: within(1500),
        soak: false,
        run: a_damaged_kernel_image_is_passed_over,
    },
    Case {
        name: "an_update_with_a_broken_kernel_returns",
        about: "a release whose kernel cannot be unpacked: the boot loader gives up, its first stage starts the machine anew for each try, and the node comes back",
        limit: within(1500),
        soak: false,
        run: an_update_with_a_broken_kernel_returns,
    },
];

/// What the node waits for is what was set before, not the default of five minutes.
const SHORT: &str = "[updates]\nhealth-timeout = \"75s\"\n";

/// One that runs anywhere, and one that knows the kernel's command line, which each release has another of.
const WORKLOADS: &str = "[workloads.steady]\nimage = \"{image}\"\ncommand = [\"/bin/sh\", \"-c\", 'exec sleep infinity']\n\
    [workloads.picky]\nimage = \"{image}\"\nvolumes = [\"data:/data\"]\n\
    command = [\"/bin/sh\", \"-c\", 'read line < /proc/cmdline; [ -f /data/line ] || echo \"$line\" > /data/line; read known < /data/line; \
    [ \"$line\" = \"$known\" ] || { echo refuses; exit 1; }; exec sleep infinity']\n";

/// A release with a flaw.
fn returns(context: &Context, change: Change, why: &str, limit: Duration) -> Result<()> {
    let (release, server) = offered(context, change)?;
    let mut node = started(context.node_with_probe()?.with_settings(&server.settings()))?;
    falls_back(&mut node, &release, why, limit)?;
    is_not_tried_again(&mut node, &release)?;
    node.stops_at_the_power_button()
}

/// Takes the release; the version before runs again, by itself, and knows why.
fn falls_back(node: &mut Node, release: &Release, why: &str, limit: Duration) -> Result<()> {
    // The first boot of a disk is a trial, too.
    is_good(node)?;
    let (old, restarts) = (version(node)?, node.restarts());
    installs(node, &release.version)?;
    node.client()?.reboot()?;
    let after = node.eventually("the version before runs again and says so", limit, |node| {
        let now = updates(node)?;
        ensure!(version(node)? == old && now.boot.state == BootTrialState::FellBack, "{now:?}");
        Ok(now)
    })?;
    // The restart that was asked for, at most three tries, and the way back. (The emulator may tell of a watchdog's reset twice.)
    let times = node.restarts() - restarts;
    ensure!(times <= 8, "{times} restarts");
    let bad = after.bad_versions.iter().find(|bad| bad.version == release.version).context("the bad version is not remembered")?;
    ensure!(bad.reason.contains(why) && after.boot.reason.is_some_and(|said| said.contains(why)), "nobody says {why:?}: {bad:?}");
    Ok(())
}

fn is_not_tried_again(node: &mut Node, release: &Release) -> Result<()> {
    is_good(node)?;
    succeeds(node, "refresh-updates", "refresh")?;
    ensure!(updates(node)?.status.chosen_update.is_none(), "it would be tried again");
    node.client()?.forgive_update(&release.version)?;
    succeeds(node, "refresh-updates", "refresh")?;
    ensure!(updates(node)?.status.chosen_update.is_some(), "forgiven, it is not offered");
    Ok(())
}

fn an_update_whose_init_hangs_returns(context: &Context) -> Result<()> {
    let (release, server) = offered(context, Change::InitHangs)?;
    let mut node = started(context.node_with_probe()?.with_watchdog().with_settings(&server.settings()))?;
    falls_back(&mut node, &release, "it did not come up in 3 tries", within(900))?;
    let hung = node.console().matches("hangs as init, with the watchdog open").count();
    ensure!(hung == 3, "it hung {hung} times");
    is_not_tried_again(&mut node, &release)?;
    node.stops_at_the_power_button()
}

fn an_update_with_a_broken_kernel_returns(context: &Context) -> Result<()> {
    let (release, server) = offered(context, Change::BrokenKernel)?;
    let mut node = started(context.node_with_probe()?.with_settings(&server.settings()))?;
    falls_back(&mut node, &release, "it did not come up in 3 tries", within(600))?;
    let given_up = node.console().matches("Ampoule: the boot loader ended").count();
    ensure!(given_up == 3, "the first stage started the machine anew {given_up} times");
    is_not_tried_again(&mut node, &release)?;
    node.stops_at_the_power_button()
}

fn an_update_without_an_api_returns(context: &Context) -> Result<()> {
    let (release, server) = offered(context, Change::NoApi)?;
    let mut node = started(context.node_with_probe()?.with_settings(&server.settings()).with_settings(SHORT))?;
    falls_back(&mut node, &release, "the API does not answer", within(600))?;
    let said = node.log_of("updated")?;
    ensure!(said.iter().any(|line| line.text.contains("within 75 s all must be well")), "the settings of before did not count: {said:?}");
    is_not_tried_again(&mut node, &release)?;
    node.stops_at_the_power_button()
}

fn an_update_that_breaks_a_workload_returns(context: &Context) -> Result<()> {
    let registry = context.registry()?;
    let image = registry.image("shell")?;
    let (release, server) = offered(context, Change::None)?;
    let plan = context.node_with_probe()?.with_settings(&server.settings()).with_settings(SHORT);
    let mut node = started(plan.with_settings(&WORKLOADS.replace("{image}", &image)).trusting_registry(&registry.address()))?;
    node.runs("steady")?;
    node.runs("picky")?;
    falls_back(&mut node, &release, "workload picky ran before", within(600))?;
    let bad = updates(&node)?.bad_versions;
    ensure!(bad.iter().all(|bad| !bad.reason.contains("steady")), "{bad:?}");
    node.runs("steady")?;
    node.runs("picky")?;
    ensure!(node.log_of("workload/picky")?.iter().any(|line| line.text == "refuses"), "it ran under the release");
    node.stops_at_the_power_button()
}

fn a_damaged_kernel_image_is_passed_over(context: &Context) -> Result<()> {
    let (release, server) = offered(context, Change::None)?;
    let mut node = started(context.node_with_probe()?.with_settings(&server.settings()))?;
    let old = version(&node)?;
    installs(&mut node, &release.version)?;
    node.stops_at_the_power_button()?;
    node.changes_partition("ESP", |partition| damage(&partition.image, &release.version))?;

    let mut node = node.starts_again()?;
    node.boots()?;
    ensure!(version(&node)? == old, "it runs {}", version(&node)?);
    let now = node.eventually("it says why", within(120), |node| {
        let now = updates(node)?;
        ensure!(now.boot.state == BootTrialState::FellBack && now.status.update_state == UpdateState::Staged, "{now:?}");
        Ok(now)
    })?;
    ensure!(now.boot.reason.as_deref().is_some_and(|why| why.contains("its kernel image is not whole")), "{now:?}");
    succeeds(&mut node, "activate-update", "activate")?;
    node.reboots()?;
    ensure!(version(&node)? == release.version, "it runs {}", version(&node)?);
    is_good(&mut node)?;
    node.stops_at_the_power_button()
}

/// Zeros in the place of the headers of a version's kernel image.
fn damage(partition: &Path, version: &str) -> Result<()> {
    let files = fatfs::FileSystem::new(File::options().read(true).write(true).open(partition)?, fatfs::FsOptions::new())?;
    let folder = files.root_dir().open_dir("EFI/Linux")?;
    let image = folder.iter().find_map(|entry| entry.ok().filter(|entry| entry.file_name().contains(version)));
    let mut file = image.with_context(|| format!("there is no kernel image of {version}"))?.to_file();
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&[0; 512])?;
    Ok(file.flush()?)
}
