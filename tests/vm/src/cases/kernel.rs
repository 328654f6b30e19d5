//! Settings that reach the kernel, its modules, its boot and the processes' environment.

use anyhow::{Result, ensure};
use serde_json::json;

use super::attacks::report_of;
use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "kernel_settings_reach_the_kernel",
        about: "sysctls, lockdown, modules and the proxy of the settings are what a program on the node finds; a denied module does not load",
        limit: within(360),
        soak: false,
        run: kernel_settings_reach_the_kernel,
    },
    Case {
        name: "kernel_settings_that_would_unseal_are_refused",
        about: "settings that would make the kernel run other programs, or open it to them, are refused by key, and nothing of the change has effect",
        limit: within(300),
        soak: false,
        run: kernel_settings_that_would_unseal_are_refused,
    },
    Case {
        name: "boot_parameters_take_one_reboot",
        about: "boot parameters reach the kernel through firmware and boot loader, by one reboot that the node makes itself, and stay",
        limit: within(900),
        soak: false,
        run: boot_parameters_take_one_reboot,
    },
];

const SETTINGS: &str = r#"
motd = "probe-kernel"
[network]
https-proxy = "http://proxy.invalid:3128"
no-proxy = ["registry.invalid"]
[kernel]
lockdown = "confidentiality"
[kernel.sysctl]
"net.ipv4.tcp_fin_timeout" = "23"
"vm/max_map_count" = "300000"
# Stricter than what the image has.
"kernel.perf_event_paranoid" = "4"
[kernel.modules.xfs]
allowed = false
[kernel.modules.dummy]
allowed = true
autoload = true
"#;

fn says(lines: &[String], wanted: &str) -> Result<()> {
    ensure!(lines.iter().any(|line| line.contains(wanted)), "the probe did not say {wanted:?}: {lines:#?}");
    Ok(())
}

fn kernel_settings_reach_the_kernel(context: &Context) -> Result<()> {
    let mut node = context.node_with_probe()?.with_settings(SETTINGS).start()?;
    node.boots()?;
    let lines = report_of(&mut node, "kernel")?;
    says(&lines, "sysctl net/ipv4/tcp_fin_timeout = 23")?;
    says(&lines, "sysctl vm/max_map_count = 300000")?;
    says(&lines, "sysctl kernel/perf_event_paranoid = 4")?;
    says(&lines, "lockdown none integrity [confidentiality]")?;
    says(&lines, "module xfs stays out")?;
    says(&lines, "module isofs is loaded")?;
    says(&lines, "HTTPS_PROXY=http://proxy.invalid:3128")?;
    says(&lines, "registry.invalid")?;
    let told = node.log_of("modload")?;
    ensure!(told.iter().any(|line| line.text.contains("keeps out: xfs")), "modload did not say so: {told:#?}");
    gives_back(&mut node)
}

/// A key that goes has the value from before, without a reboot.
fn gives_back(node: &mut Node) -> Result<()> {
    node.set(json!({ "kernel": { "sysctl": { "net.ipv4.tcp_fin_timeout": "29" } } }))?;
    node.eventually("kernel-settings ran again", within(60), |node| {
        let lines = node.log_of("kernel-settings")?;
        ensure!(lines.iter().any(|line| line.text == "net.ipv4.tcp_fin_timeout = 29"), "{lines:#?}");
        Ok(())
    })
}

fn kernel_settings_that_would_unseal_are_refused(context: &Context) -> Result<()> {
    let mut node = context.node().with_settings("motd = \"before\"").start()?;
    node.boots()?;
    let unsealing = [
        json!({ "kernel": { "sysctl": { "kernel.modprobe": "/var/x" } } }),
        json!({ "kernel": { "sysctl": { "kernel/core_pattern": "|/var/x" } } }),
        json!({ "kernel": { "sysctl": { "kernel.perf_event_paranoid": "2" } } }),
        json!({ "kernel": { "sysctl": { "kernel.io_uring_group": "0" } } }),
        json!({ "boot": { "kernel-parameters": { "init": ["/var/x"] } } }),
        json!({ "boot": { "kernel-parameters": { "dm-mod.create": ["x"] } } }),
    ];
    for mut settings in unsealing {
        settings["motd"] = json!("after");
        ensure!(node.set(settings.clone()).is_err(), "taken: {settings}");
    }
    let settings = node.client()?.settings(Some("settings.motd"))?;
    ensure!(settings.to_string().contains("before"), "half of it was taken: {settings}");
    node.stops_at_the_power_button()
}

fn boot_parameters_take_one_reboot(context: &Context) -> Result<()> {
    let wish = "motd = \"probe-kernel\"\n[boot]\nreboot-to-reconcile = true\n[boot.kernel-parameters]\n\"printk.time\" = [\"1\"]\nloglevel = [\"5\"]\n";
    // What the probe asks of modules is not this test's.
    let modules = "[kernel.modules.dummy]\nallowed = true\nautoload = true\n";
    let mut node = context.node_with_probe()?.through_firmware().with_settings(wish).with_settings(modules).start()?;
    node.shows("PROBE parameters loglevel=5 printk.time=1", within(420))?;
    node.boots()?;
    let lines = node.log_of("boot-parameters")?;
    let reboots = lines.iter().filter(|line| line.text.contains("the node is rebooted")).count();
    ensure!(reboots == 1, "{reboots} reboots: {lines:#?}");
    // Others start while it is at work.
    node.eventually("it ends", within(60), |node| {
        ensure!(node.service("boot-parameters")?.pid.is_none(), "it runs");
        Ok(())
    })?;
    node.reboots()?;
    node.eventually("the parameters are there again", within(120), |node| {
        let seen = node.console().matches("PROBE parameters loglevel=5 printk.time=1").count();
        ensure!(seen == 2, "seen {seen} times");
        Ok(())
    })?;
    node.stops_at_the_power_button()
}
