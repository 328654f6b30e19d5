//! Drives a real QEMU with firmware and an empty disk: no guest of ours is needed to see that the controls work.

use std::{path::Path, time::Duration};

use ampoule_machine::{Boot, Exit, Firmware, Machine, MachineConfig};
use serde_json::json;

fn config(dir: &Path) -> MachineConfig {
    let disk = dir.join("empty.raw");
    std::fs::File::create(&disk).unwrap().set_len(1 << 20).unwrap();
    let boot = Boot::Custom { disk, kernel: "none".into(), initrd: None, cmdline: String::new() };
    let mut config = MachineConfig::with_boot(boot, dir.join("m,1"));
    config.firmware = Firmware::Uefi;
    config.memory_mib = 128;
    config.cpus = 1;
    config.user_data = Some(b"[settings]\n".to_vec());
    config
}

#[test]
fn a_machine_is_driven_and_ends_when_its_power_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let mut machine = Machine::start(config(dir.path())).unwrap();
    assert!(machine.alive());
    machine.set_link(false).unwrap();
    machine.set_link(true).unwrap();
    machine.reset().unwrap();
    machine.powerdown().unwrap();
    assert!(!machine.panicked());
    assert!(machine.wait_exit(Duration::from_millis(200)).is_err());
    machine.kill().unwrap();
    assert_eq!(machine.wait_exit(Duration::from_secs(5)).unwrap(), Exit::Killed);
    assert!(!machine.alive());
}

#[test]
fn a_device_is_there_from_when_it_is_plugged_in_until_the_guest_lets_it_go() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.extra_args = ["-device", "pcie-root-port,id=port1", "-S"].map(str::to_owned).to_vec();
    let mut machine = Machine::start(config).unwrap();
    assert!(!machine.has_device("card").unwrap());
    machine.plug_in(json!({ "driver": "e1000e", "id": "card", "bus": "port1", "romfile": "" })).unwrap();
    assert!(machine.has_device("card").unwrap());
    let again = machine.plug_in(json!({ "driver": "e1000e", "id": "card", "bus": "port1" }));
    assert!(format!("{:#}", again.unwrap_err()).contains("card"));
    machine.pull_out("card").unwrap();
    assert!(machine.has_device("card").unwrap(), "a guest that stands still was not asked");
    assert!(machine.pull_out("no-such-card").is_err());
}

#[test]
fn an_emulator_that_dies_is_told_from_a_guest_that_ends() {
    let dir = tempfile::tempdir().unwrap();
    let mut machine = Machine::start(config(dir.path())).unwrap();
    // QEMU ends at once and without a word from the guest.
    let status = std::process::Command::new("kill").args(["-ABRT", &machine.pid().to_string()]).status().unwrap();
    assert!(status.success());
    assert_eq!(machine.wait_exit(Duration::from_secs(10)).unwrap(), Exit::EmulatorDied);
}

#[test]
fn what_qemu_says_is_in_the_error() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.extra_args = vec!["-no-such-option".into()];
    let error = format!("{:#}", Machine::start(config).err().unwrap());
    assert!(error.contains("no-such-option"), "{error}");
}
