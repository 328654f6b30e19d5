//! User data from places other than QEMU's firmware device.

use ampoule_api_types::v1::{UserDataRequest, UserDataState};
use ampoule_machine::free_port;
use anyhow::{Result, ensure};

use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
    software::{metadata_at, volumes},
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "imds_user_data_configures_a_node",
        about: "user data of EC2's metadata service (version 2) wins over what the firmware gives, key by key",
        limit: within(300),
        soak: false,
        run: imds_user_data_configures_a_node,
    },
    Case {
        name: "late_imds_is_waited_for",
        about: "a metadata service that is down at first boot: the node comes up, says loudly what it lacks, and takes its user data once it is there",
        limit: within(480),
        soak: false,
        run: late_imds_is_waited_for,
    },
    Case {
        name: "disc_and_volume_configure_a_node",
        about: "an OVF environment on a disc and a labelled FAT volume both count, the volume more",
        limit: within(300),
        soak: false,
        run: disc_and_volume_configure_a_node,
    },
    Case {
        name: "gzip_and_a_file_on_state_configure_a_node",
        about: "gzip from the firmware names the node; a file that somebody put on STATE meanwhile counts as changed user data and wins over it",
        limit: within(300),
        soak: false,
        run: gzip_and_a_file_on_state_configure_a_node,
    },
    Case {
        name: "a_broken_volume_is_survived",
        about: "a damaged ext4 volume that asks the kernel to panic is reported; the node comes up with the rest",
        limit: within(300),
        soak: false,
        run: a_broken_volume_is_survived,
    },
];

fn imds_user_data_configures_a_node(context: &Context) -> Result<()> {
    let metadata = context.instance_metadata("[settings]\nmotd = \"from the metadata service\"\n")?;
    let node = context.node().with_settings("motd = \"from the firmware\"\n[network]\nhostname = \"from-firmware\"");
    let mut node = node.with_machine_arguments(metadata.machine_arguments()).start()?;
    node.boots()?;
    ensure!(setting(&node, "motd")? == "from the metadata service", "the metadata service did not win");
    ensure!(setting(&node, "network.hostname")? == "from-firmware", "it took along what it does not speak of");
    says(&node, "40-ec2-imds")?;
    node.stops_at_the_power_button()
}

fn late_imds_is_waited_for(context: &Context) -> Result<()> {
    let port = free_port()?;
    let node = context.node().with_settings("motd = \"from the firmware\"");
    let mut node = node.with_machine_arguments(metadata_at(port)).start()?;
    node.shows("User data of 40-ec2-imds is missing", within(240))?;
    node.boots()?;
    let status = node.client()?.user_data()?;
    ensure!(status.state == UserDataState::Awaited, "{status:?}");
    ensure!(setting(&node, "motd")? == "from the firmware", "what was there did not count");

    let _metadata = context.instance_metadata_at(port, "[settings]\nmotd = \"from the metadata service\"\n")?;
    node.eventually("its user data counts", within(180), |node| {
        let now = setting(node, "motd")?;
        ensure!(now == "from the metadata service", "motd is {now:?}");
        Ok(())
    })?;
    node.eventually("nothing is awaited any more", within(60), |node| {
        let status = node.client()?.user_data()?;
        ensure!(status.state == UserDataState::Taken, "{status:?}");
        Ok(())
    })?;
    node.stops_at_the_power_button()
}

fn disc_and_volume_configure_a_node(context: &Context) -> Result<()> {
    let environment = volumes::ovf_environment("[settings]\nmotd = \"from the disc\"\n[settings.network]\nhostname = \"from-disc\"\n");
    let disc = volumes::disc(context.folder(), "OVF ENV", "ovf-env.xml", &environment)?;
    let volume = volumes::fat(context.folder(), "AMPOULE-CFG", "user-data.toml", "[settings]\nmotd = \"from the volume\"\n")?;
    let mut node = context.node().with_machine_arguments(disc).with_machine_arguments(volume).start()?;
    node.boots()?;
    ensure!(setting(&node, "motd")? == "from the volume", "the volume did not win over the disc");
    ensure!(setting(&node, "network.hostname")? == "from-disc", "the disc was not read");
    node.stops_at_the_power_button()
}

fn gzip_and_a_file_on_state_configure_a_node(context: &Context) -> Result<()> {
    let settings = "motd = \"from the firmware\"\n[network]\nhostname = \"from-gzip\"\n";
    let mut node = context.node().with_settings(settings).with_zipped_user_data().start()?;
    node.boots()?;
    ensure!(setting(&node, "motd")? == "from the firmware" && setting(&node, "network.hostname")? == "from-gzip", "gzip was not read");
    node.eventually("the network service goes by that name", within(30), |node| {
        let name = node.client()?.network()?.hostname;
        ensure!(name == "from-gzip", "it is {name:?}");
        Ok(())
    })?;
    node.stops_at_the_power_button()?;
    node.changes_partition("STATE", |state| state.put("user-data-overrides.toml", "[settings]\nmotd = \"from the file\"\n"))?;

    let mut node = node.starts_again()?;
    node.boots()?;
    let status = node.client()?.user_data()?;
    ensure!(status.state == UserDataState::Changed, "{status:?}");
    let plan = status.plan.map(|plan| plan.id);
    node.client()?.apply_user_data(&UserDataRequest { plan, confirm_seconds: None })?;
    ensure!(setting(&node, "motd")? == "from the file", "the file did not win");
    ensure!(setting(&node, "network.hostname")? == "from-gzip", "what the file does not speak of is gone");
    node.stops_at_the_power_button()
}

fn a_broken_volume_is_survived(context: &Context) -> Result<()> {
    let volume = volumes::broken_ext4(context.folder(), "cidata")?;
    let mut node = context.node().with_settings("motd = \"from the firmware\"").with_machine_arguments(volume).start()?;
    node.boots()?;
    ensure!(setting(&node, "motd")? == "from the firmware", "the good user data did not count");
    says(&node, "31-config-volume cannot be used")?;
    node.stops_at_the_power_button()
}

/// A setting in force, as text.
fn setting(node: &Node, key: &str) -> Result<String> {
    let settings = node.client()?.settings(None)?;
    let settings = settings.get("settings").unwrap_or(&settings);
    let value = key.split('.').try_fold(settings, |tree, part| tree.get(part));
    Ok(value.and_then(|value| value.as_str()).unwrap_or_default().to_owned())
}

/// The service told this to the log.
fn says(node: &Node, text: &str) -> Result<()> {
    let lines = node.log_of("provision")?;
    ensure!(lines.iter().any(|line| line.text.contains(text)), "it did not say {text:?}: {lines:?}");
    Ok(())
}
