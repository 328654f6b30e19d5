//! What a machine must have to build an image.

use std::path::PathBuf;

/// A program the builder runs, and the Debian package that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requirement {
    /// Program name, looked for in `PATH` and the directories of system programs; or a file, when it has a slash.
    pub program: &'static str,
    /// Debian or Ubuntu package to install.
    pub package: &'static str,
    /// What the builder needs it for.
    pub purpose: &'static str,
}

const fn need(program: &'static str, package: &'static str, purpose: &'static str) -> Requirement {
    Requirement { program, package, purpose }
}

/// Everything the builder needs, in the order a person would install it.
pub const REQUIREMENTS: &[Requirement] = &[
    need("apt-get", "apt", "fetches pinned Debian inputs"),
    need("dpkg-deb", "dpkg", "unpacks them"),
    need("tar", "tar", "unpacks the kernel's source"),
    need("xz", "xz-utils", "unpacks the kernel's source"),
    need("make", "make", "builds the kernel"),
    need("gcc", "gcc", "builds the kernel and runc; links all programs"),
    need("/usr/include/stdio.h", "libc6-dev", "linked into all programs"),
    need("flex", "flex", "builds the kernel's configuration"),
    need("bison", "bison", "builds the kernel's configuration"),
    need("bc", "bc", "builds the kernel"),
    need("perl", "perl", "builds the kernel"),
    need("awk", "mawk", "builds the kernel"),
    need("zstd", "zstd", "compresses the kernel"),
    need("openssl", "openssl", "makes the key that signs kernel modules"),
    need("/usr/include/openssl/ssl.h", "libssl-dev", "signs kernel modules"),
    need("/usr/include/libelf.h", "libelf-dev", "builds the kernel's object checker"),
    need("depmod", "kmod", "indexes kernel modules"),
    need("pkg-config", "pkg-config", "finds libseccomp for runc"),
    need("go", "golang-go", "builds containerd and runc (1.26 or newer)"),
    need("cargo", "cargo", "builds our own programs (1.90 or newer)"),
    need("mkfs.erofs", "erofs-utils", "makes the root file system"),
    need("secilc", "secilc", "compiles the SELinux policy"),
    need("mkfs.ext4", "e2fsprogs", "makes the seed of writable file systems"),
    need("veritysetup", "cryptsetup-bin", "makes the hash tree"),
    need("objcopy", "binutils", "strips kernel modules"),
    need("cpio", "cpio", "builds the kernel"),
    need("rsync", "rsync", "builds the kernel"),
    need("protoc", "protobuf-compiler", "makes what speaks with containerd"),
    need("/usr/include/elf.h", "libc6-dev", "builds the kernel's object checker"),
    need("/usr/include/seccomp.h", "libseccomp-dev", "linked into runc"),
    need("qemu-img", "qemu-utils", "makes the qcow2 disk"),
];

impl Requirement {
    /// Where it is on this machine, if it is.
    pub fn find(&self) -> Option<PathBuf> {
        if self.program.contains('/') {
            return Some(PathBuf::from(self.program)).filter(|p| p.exists());
        }
        search_path().into_iter().map(|d| d.join(self.program)).find(|p| p.is_file())
    }
}

/// `PATH`, and where system programs and a Go tool chain lie when they are not in it.
fn search_path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut dirs: Vec<_> = std::env::split_paths(&path).collect();
    dirs.extend(["/usr/sbin", "/sbin", "/usr/local/go/bin"].map(PathBuf::from));
    dirs
}

/// The requirements this machine does not meet.
pub fn missing() -> Vec<Requirement> {
    REQUIREMENTS.iter().copied().filter(|r| r.find().is_none()).collect()
}

/// Where to find the program `name`; the bare name when nobody knows, so that the error names it.
pub(crate) fn program(name: &'static str) -> PathBuf {
    need(name, "", "").find().unwrap_or_else(|| PathBuf::from(name))
}

/// The value of `PATH` for a tool.
pub(crate) fn search_path_text() -> std::ffi::OsString {
    std::env::join_paths(search_path()).unwrap_or_default()
}
