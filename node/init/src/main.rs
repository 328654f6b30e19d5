//! PID 1.
//!
//! How it stays alive: it parses nothing from outside but fixed-size messages, `READY=1` lines and service files of the verified root; it never waits for anyone; every
//! list it keeps is bounded; it allocates little and forks only services, and once a reader of files.

mod cgroup;
mod console;
mod control;
mod environment;
mod etc;
mod folders;
mod halt;
mod listening;
mod load;
mod mounts;
mod notify;
mod output;
mod power_button;
mod read_ahead;
mod records;
mod selinux;
mod spawn;
mod supervisor;
mod sysctl;
mod timeline;
mod watchdog;

use std::os::fd::OwnedFd;
use std::process::ExitCode;

fn main() -> ExitCode {
    if std::process::id() != 1 {
        eprintln!(
            "init is the first program of an Ampoule node; there is nothing to start here. Ask the node's services through `ampctl services`."
        );
        return ExitCode::from(2);
    }
    console::end_the_machine_on_panic();
    // First of all: what hangs from here on is noticed.
    let watchdog = watchdog::Feeder::start();
    let _descriptor_3 = reserve_descriptor_3();
    let mut timeline = timeline::Timeline::default();
    timeline.phase(ampoule_supervise::message::Phase::Starting);
    mounts::mount_kernel_interfaces();
    // Before the policy, which lets nobody change what is recorded.
    console::note("Room for records of what is refused", records::make_room());
    selinux::enforce_or_end();
    timeline.record("policy", ampoule_supervise::message::Phase::Done);
    prepare();
    timeline.phase(ampoule_supervise::message::Phase::Running);
    let graph = load::services(load::FOLDER);
    read_ahead::begin(&graph);
    supervisor::run(graph, timeline, watchdog)
}

/// A descriptor of number 3, so that the one a service gets under this number never lands on something of ours.
fn reserve_descriptor_3() -> Option<OwnedFd> {
    rustix::fs::open("/dev/null", rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC, rustix::fs::Mode::empty()).ok()
}

/// Everything a service may count on. A step that fails is named on the console and the boot goes on: a node that answers its API can be mended.
fn prepare() {
    mounts::mount_all();
    etc::populate();
    sysctl::apply();
    cgroup::make_tree();
    etc::make_run_folder();
}
