//! What settings say of the kernel and of proxies, seen from inside. The values are those of `tests/vm/src/cases/kernel.rs`.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::mount::{MountFlags, mount};

use crate::{daemons, report::Report};

/// An emulated node needs seconds to load a module.
const LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn look(report: &mut Report) {
    for path in ["net/ipv4/tcp_fin_timeout", "vm/max_map_count", "kernel/perf_event_paranoid", "kernel/modprobe"] {
        let value = fs::read_to_string(Path::new("/proc/sys").join(path)).unwrap_or_else(|error| error.to_string());
        report.ok(&format!("sysctl {path} = {}", value.trim()));
    }
    let lockdown = fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default();
    report.ok(&format!("lockdown {}", lockdown.trim()));
    modules(report);
    proxy(report);
    let line = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    report.on_console(&format!("parameters {}", line.split("init=/usr/bin/init").nth(1).unwrap_or_default().trim()));
}

/// `dummy` is to be loaded by itself; `xfs` must not be, whoever wants it; `iso9660` is as ever.
fn modules(report: &mut Report) {
    match eventually(|| is_loaded("dummy")) {
        true => report.ok("module dummy is loaded"),
        false => report.failed("module dummy is not loaded"),
    }
    for (kind, module) in [("xfs", "xfs"), ("iso9660", "isofs")] {
        // It fails in any case: there is nothing to mount. On the way the kernel asks for the module.
        let failed = mount("none", "/tmp", kind, MountFlags::empty(), None);
        report.ok(&format!("module {module} {} ({:?})", if is_loaded(module) { "is loaded" } else { "stays out" }, failed.err()));
    }
}

fn is_loaded(module: &str) -> bool {
    Path::new("/sys/module").join(module).exists()
}

fn proxy(report: &mut Report) {
    let environment = daemons::process_of("containerd").and_then(|pid| fs::read(format!("/proc/{pid}/environ")).ok()).unwrap_or_default();
    let text = String::from_utf8_lossy(&environment);
    let proxies = text.split('\0').filter(|variable| variable.to_ascii_lowercase().contains("_proxy="));
    report.ok(&format!("containerd has {}", proxies.collect::<Vec<_>>().join(" ")));
}

fn eventually(is_so: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < LIMIT {
        if is_so() {
            return true;
        }
        thread::sleep(Duration::from_millis(100));
    }
    false
}
