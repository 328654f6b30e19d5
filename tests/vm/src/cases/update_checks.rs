//! Health checks that a person declares: commands in the containers of workloads.

use ampoule_api_types::v1::{BootTrialState, Updates};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::updates::is_good;
use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
};

pub(super) const CASES: &[Case] = &[Case {
    name: "a_boot_is_good_when_commands_in_workloads_say_so",
    about: "a command in a workload that fails or hangs is named with what it said, keeps a boot from being good, and has the workload's rights alone; when all pass it is good",
    limit: within(900),
    soak: false,
    run: a_boot_is_good_when_commands_in_workloads_say_so,
}];

/// Ready once it is told to be: `ready` says what is missing, `hangs` never ends until then, and `rights` looks at what it is itself.
const SETTINGS: &str = "[workloads.db]\nimage = \"{image}\"\nenv = { READY = \"no\" }\n\
    command = [\"/bin/sh\", \"-c\", '[ $READY = yes ] && echo > /tmp/ready; exec sleep infinity']\n\
    [updates]\nhealth-timeout = \"20m\"\n\
    [updates.checks.ready]\ntimeout = \"30s\"\nkind = \"command\"\nworkload = \"db\"\n\
    command = [\"/bin/sh\", \"-c\", 'head -n 1 /tmp/ready || { echo no table; echo no index >&2; exit 3; }']\n\
    [updates.checks.hangs]\nkind = \"command\"\nworkload = \"db\"\ntimeout = \"15s\"\n\
    command = [\"/bin/sh\", \"-c\", 'head -n 1 /tmp/ready || { echo still waiting; exec sleep 600; }']\n\
    [updates.checks.absent]\ntimeout = \"30s\"\nkind = \"command\"\nworkload = \"db\"\ncommand = [\"/bin/no-such-program\"]\n\
    [updates.checks.rights]\ntimeout = \"30s\"\nkind = \"command\"\nworkload = \"db\"\n\
    command = [\"/bin/sh\", \"-c\", 'read -r label < /proc/self/attr/current; read -r inside outside count < /proc/self/uid_map; echo $label is $outside; exit 9']\n";

fn a_boot_is_good_when_commands_in_workloads_say_so(context: &Context) -> Result<()> {
    let registry = context.registry()?;
    let image = registry.image("shell")?;
    let settings = SETTINGS.replace("{image}", &image);
    let mut node = context.node().through_firmware().trusting_registry(&registry.address()).with_settings(&settings).start()?;
    node.boots()?;
    node.runs("db")?;

    // The order between what it says and what it says of errors is the shim's, which copies each by itself.
    awaits(&mut node, &["check ready: it ended with code 3: ", "no table", "no index"])?;
    awaits(&mut node, &["check hangs: it did not end within 15 s", "still waiting"])?;
    awaits(&mut node, &["check absent: containerd could not start the command"])?;
    let isolation = node.workload("db")?.isolation.context("the workload has no isolation")?;
    let ids = isolation.ids.context("the workload has no ids of its own")?;
    awaits(&mut node, &["check rights: it ended with code 9", &format!("{}:{} is {}", isolation.domain, isolation.level, ids.first)])?;

    refuses(&node, json!({ "updates": { "checks": { "ready": { "workload": "nobody" } } } }), "updates.checks.ready.workload")?;
    refuses(&node, json!({ "workloads": { "db": { "enabled": false } } }), "updates.checks.ready.workload")?;

    let well = json!({ "command": ["/bin/true"] });
    node.set(json!({ "updates": { "checks": { "absent": well, "rights": well } } }))?;
    awaits_no_more(&mut node, "check absent")?;
    node.set(json!({ "workloads": { "db": { "env": { "READY": "yes" } } } }))?;
    is_good(&mut node)?;
    node.stops_at_the_power_button()
}

fn awaited(node: &Node) -> Result<Vec<String>> {
    let now: Updates = node.client()?.updates()?;
    ensure!(now.boot.state == BootTrialState::Trial, "the boot is no longer on trial: {now:?}");
    Ok(now.boot.waits_for)
}

/// Waits until one line of what is awaited has all of these.
fn awaits(node: &mut Node, parts: &[&str]) -> Result<()> {
    node.eventually(&format!("{parts:?} is awaited"), within(120), |node| {
        let lines = awaited(node)?;
        ensure!(lines.iter().any(|line| parts.iter().all(|part| line.contains(part))), "{lines:?}");
        Ok(())
    })
}

fn awaits_no_more(node: &mut Node, part: &str) -> Result<()> {
    node.eventually(&format!("{part} is awaited no more"), within(120), |node| {
        let lines = awaited(node)?;
        ensure!(!lines.iter().any(|line| line.contains(part)), "{lines:?}");
        Ok(())
    })
}

fn refuses(node: &Node, settings: serde_json::Value, key: &str) -> Result<()> {
    let refused = node.set(settings).err().with_context(|| format!("settings were taken without what {key} needs"))?;
    ensure!(format!("{refused:#}").contains(key), "{refused:#}");
    Ok(())
}
