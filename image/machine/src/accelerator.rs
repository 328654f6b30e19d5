//! Which engine runs the guest's instructions.

use std::{
    fmt,
    fs::{self, OpenOptions},
};

/// The engine QEMU uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accelerator {
    /// The processor itself.
    Kvm,
    /// QEMU's translator: works everywhere, several times slower.
    Tcg,
}

impl Accelerator {
    /// KVM where it truly works, the translator elsewhere.
    ///
    /// `/dev/kvm` alone proves nothing: some hosts have the file without the processor feature behind it, and stock
    /// kernels crash there. So the processor must name `vmx` or `svm`, and the device must open.
    pub fn detect() -> Self {
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let opens = || OpenOptions::new().read(true).write(true).open("/dev/kvm").is_ok();
        if has_virtualisation(&cpu) && opens() { Self::Kvm } else { Self::Tcg }
    }

    /// QEMU's name for it.
    pub fn qemu_name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }
}

impl fmt::Display for Accelerator {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Kvm => "KVM (hardware virtualisation)",
            Self::Tcg => "TCG (emulation; no usable KVM on this machine)",
        })
    }
}

fn has_virtualisation(cpuinfo: &str) -> bool {
    cpuinfo.lines().filter(|line| line.starts_with("flags")).any(|line| line.split_whitespace().any(|flag| flag == "vmx" || flag == "svm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_flag_counts() {
        assert!(has_virtualisation("flags\t\t: fpu vmx sse"));
        assert!(has_virtualisation("flags : svm"));
        assert!(!has_virtualisation("flags : svm_lock vmxnet"));
        assert!(!has_virtualisation("vmx flags: x\nmodel name : svm"));
    }
}
