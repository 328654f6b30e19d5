//! An engine that was taken over: in containerd's domain and with its rights it asks runc for containers in other domains than theirs.
//!
//! Inside of a container the same program says in which domain it is.

use std::{
    env, fs, io,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use rustix::mount::{MountFlags, mount};

const PLACE: &str = "/run/probe-engine";
const LEVEL: &str = "s0:c1000,c1001";
/// The first is what every container is: were it refused, the others would prove nothing.
const DOMAINS: [&str; 9] = ["container_t", "init_t", "apid_t", "hostd_t", "containerd_t", "kernel_t", "control_t", "super_t", "modload_t"];

fn main() {
    if env::args().nth(1).as_deref() == Some("inside") {
        let label = fs::read_to_string("/proc/self/attr/current").unwrap_or_default();
        return println!("INSIDE {}", label.trim_end_matches(['\0', '\n']));
    }
    if fs::read_to_string("/etc/motd").unwrap_or_default().split_whitespace().any(|word| word == "probe-engine") {
        attack();
    }
    thread::sleep(Duration::MAX);
}

fn attack() {
    match prepare() {
        Ok(()) => DOMAINS.iter().for_each(|domain| say(domain, run(domain))),
        Err(error) => eprintln!("<3>PROBE FAILED to make a bundle: {error}"),
    }
    eprintln!("<6>PROBE engine done");
}

/// A root file system in memory in which this program is a container's.
fn prepare() -> io::Result<()> {
    let root = Path::new(PLACE).join("rootfs");
    fs::create_dir_all(&root)?;
    let options = format!("size=16m,mode=0755,context=\"system_u:object_r:container_file_t:{LEVEL}\"");
    let options = std::ffi::CString::new(options)?;
    mount("tmpfs", &root, "tmpfs", MountFlags::NODEV, options.as_c_str())?;
    fs::create_dir(root.join("proc"))?;
    fs::copy("/usr/bin/probe-engine", root.join("program")).map(drop)
}

/// Waits for the end of the container; what it said, and why there was none.
fn run(domain: &str) -> io::Result<Output> {
    fs::write(Path::new(PLACE).join("config.json"), document(domain))?;
    let name = format!("probe-{}", domain.replace('_', "-"));
    let runc = |words: &[&str]| {
        let mut runc = Command::new("/usr/bin/runc");
        // With it runc waits until the container says that it is ready.
        runc.env_remove("NOTIFY_SOCKET").stdin(Stdio::null());
        runc.args(["--root", "/run/probe-engine/state"]).args(words).arg(&name);
        runc
    };
    let output = runc(&["run", "--no-pivot", "--no-new-keyring", "--bundle", PLACE]).output();
    runc(&["delete", "--force"]).output()?;
    output
}

/// As little as runc takes. Without a keyring, whose label would be refused before anything is started.
fn document(domain: &str) -> String {
    format!(
        r#"{{"ociVersion":"1.2.0","root":{{"path":"rootfs","readonly":true}},
        "process":{{"terminal":false,"user":{{"uid":0,"gid":0}},"args":["/program","inside"],"cwd":"/","noNewPrivileges":true,
            "selinuxLabel":"system_u:system_r:{domain}:{LEVEL}"}},
        "mounts":[{{"destination":"/proc","type":"proc","source":"proc"}},
            {{"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","mode=755","size=64k"]}}],
        "linux":{{"mountLabel":"system_u:object_r:container_file_t:{LEVEL}","cgroupsPath":"/ampoule/probe-engine-{domain}","namespaces":[{{"type":"pid"}},{{"type":"mount"}},{{"type":"ipc"}},{{"type":"uts"}},{{"type":"network"}}]}}}}"#
    )
}

fn say(domain: &str, outcome: io::Result<Output>) {
    match outcome {
        Ok(output) => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().replace('\n', " / ");
            let (said, why) = (text(&output.stdout), text(&output.stderr));
            let end = if output.status.success() { "started" } else { "refused" };
            eprintln!("<6>PROBE asked for {domain}: {end}: {said} {why}");
        }
        Err(error) => eprintln!("<3>PROBE FAILED to ask for {domain}: {error}"),
    }
}
