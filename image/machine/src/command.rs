//! From a configuration to QEMU's arguments. Pure: what is decided here can be read in a test.

use std::path::{Path, PathBuf};

use crate::{Accelerator, Firmware, Forward, MachineConfig, OnReboot};

/// The files a machine was given on disk before it starts.
pub(crate) struct Files {
    pub(crate) qmp_socket: PathBuf,
    pub(crate) user_data: Option<PathBuf>,
    pub(crate) kernel: Option<Kernel>,
    pub(crate) firmware: Option<FirmwareFiles>,
}

/// For direct boot.
pub(crate) struct Kernel {
    pub(crate) image: PathBuf,
    pub(crate) initrd: Option<PathBuf>,
    pub(crate) cmdline: String,
}

/// Firmware code (shared, read-only) and its variables (this machine's copy).
pub(crate) struct FirmwareFiles {
    pub(crate) code: PathBuf,
    pub(crate) vars: PathBuf,
}

/// QEMU's name for the network card, for pulling its cable.
pub(crate) const NETWORK_CARD: &str = "nic0";

pub(crate) fn arguments(config: &MachineConfig, files: &Files) -> Vec<String> {
    let mut args = machine(config);
    args.extend(devices(config, files));
    if let Some(kernel) = &files.kernel {
        args.extend(direct_boot(kernel));
    }
    if let Some(firmware) = &files.firmware {
        args.extend(flash(firmware, config.read_only_variables));
    }
    args.extend(config.extra_args.iter().cloned());
    args
}

fn machine(config: &MachineConfig) -> Vec<String> {
    let mut args = words("-nodefaults -no-user-config -display none");
    // Without the controller for disks of old, as in clouds: a kernel that finds one waits until each of its ports has said that nothing is there.
    args.extend(["-M".into(), "q35,hpet=off,sata=off".into()]);
    args.extend(["-accel".into(), accelerator(config.accelerator)]);
    args.extend(words(processor(config.accelerator)));
    args.extend(["-m".into(), config.memory_mib.to_string()]);
    args.extend(["-smp".into(), config.cpus.to_string()]);
    // The guest's own panic handling (restart after a while) stays in charge; we only hear of it.
    args.extend(words("-action panic=none"));
    if config.on_reboot == OnReboot::Exit {
        args.push("-no-reboot".into());
    }
    args
}

/// Emulated, wide vector instructions take longer than the plain ones they stand for, and programs that find them use them everywhere (checksums, hashes, strings). The same holds for string
/// instructions that are said to be fast (`erms`, `fsrm`): the kernel and Go clear and copy memory with them, and the translator does so byte by byte.
fn processor(engine: Accelerator) -> &'static str {
    match engine {
        Accelerator::Kvm => "-cpu max",
        Accelerator::Tcg => "-cpu max,avx=off,avx2=off,erms=off,fsrm=off",
    }
}

/// One thread per processor, so that the translator uses what the host has.
fn accelerator(engine: Accelerator) -> String {
    match engine {
        Accelerator::Kvm => "kvm".into(),
        Accelerator::Tcg => "tcg,thread=multi".into(),
    }
}

fn devices(config: &MachineConfig, files: &Files) -> Vec<String> {
    let mut args = disk(config);
    args.extend(words("-device virtio-blk-pci,drive=disk0,serial=ampoule"));
    args.extend(["-netdev".into(), user_network(&config.forwards)]);
    args.extend(["-device".into(), format!("virtio-net-pci,netdev=net0,id={NETWORK_CARD},romfile=")]);
    args.extend(words("-device virtio-rng-pci -device pvpanic-pci"));
    let serial = escape(&config.serial_log);
    args.extend(["-chardev".into(), format!("file,id=serial0,append=on,path={serial}")]);
    args.extend(words("-serial chardev:serial0"));
    args.extend(["-qmp".into(), format!("unix:{},server=on,wait=off", escape(&files.qmp_socket))]);
    if let Some(path) = &files.user_data {
        let file = escape(path);
        args.extend(["-fw_cfg".into(), format!("name=opt/org.ampoule/user-data,file={file}")]);
    }
    args
}

/// The disk, with the filter that records what is written if one is wanted.
fn disk(config: &MachineConfig) -> Vec<String> {
    let overlay = escape(&config.overlay());
    let Some(log) = &config.write_log else {
        return vec!["-drive".into(), format!("if=none,id=disk0,format=qcow2,discard=unmap,file={overlay}")];
    };
    let below = format!("file.driver=qcow2,file.discard=unmap,file.file.driver=file,file.file.filename={overlay}");
    let record = format!("log.driver=file,log.filename={},log-super-update-interval=1", escape(log));
    vec!["-blockdev".into(), format!("driver=blklogwrites,node-name=disk0,discard=unmap,{below},{record}")]
}

fn user_network(forwards: &[Forward]) -> String {
    let mut text = String::from("user,id=net0");
    for forward in forwards {
        text.push_str(&format!(",hostfwd=tcp:127.0.0.1:{}-:{}", forward.host, forward.guest));
    }
    text
}

fn direct_boot(kernel: &Kernel) -> Vec<String> {
    let mut args = vec!["-kernel".into(), kernel.image.display().to_string()];
    if let Some(initrd) = &kernel.initrd {
        args.extend(["-initrd".into(), initrd.display().to_string()]);
    }
    args.extend(["-append".into(), kernel.cmdline.clone()]);
    args
}

fn flash(files: &FirmwareFiles, read_only: bool) -> Vec<String> {
    let code = escape(&files.code);
    let vars = escape(&files.vars);
    vec![
        "-drive".into(),
        format!("if=pflash,unit=0,format=raw,readonly=on,file={code}"),
        "-drive".into(),
        format!("if=pflash,unit=1,format=raw,readonly={},file={vars}", if read_only { "on" } else { "off" }),
    ]
}

/// Whether the kernel is given by us rather than found by firmware.
pub(crate) fn boots_directly(config: &MachineConfig) -> bool {
    config.firmware == Firmware::Direct
}

/// A comma in an option's value is written twice.
fn escape(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Files {
        Files {
            qmp_socket: "/t/qmp".into(),
            user_data: Some("/t/a,b".into()),
            kernel: Some(Kernel { image: "/k".into(), initrd: None, cmdline: "a b".into() }),
            firmware: None,
        }
    }

    #[test]
    fn forwards_and_user_data_are_passed_on() {
        let mut config = MachineConfig::new("/image", "/work");
        config.forwards = vec![Forward { host: 8080, guest: 80 }];
        let args = arguments(&config, &files()).join("\n");
        assert!(args.contains("hostfwd=tcp:127.0.0.1:8080-:80"));
        assert!(args.contains("name=opt/org.ampoule/user-data,file=/t/a,,b"));
        assert!(args.contains("-append\na b"));
        assert!(!args.contains("pflash"));
    }

    #[test]
    fn a_restart_ends_qemu_only_if_asked() {
        let mut config = MachineConfig::new("/image", "/work");
        assert!(!arguments(&config, &files()).contains(&"-no-reboot".to_owned()));
        config.on_reboot = OnReboot::Exit;
        assert!(arguments(&config, &files()).contains(&"-no-reboot".to_owned()));
    }
}
