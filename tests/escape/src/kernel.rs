//! Calls that order the kernel about.

use std::{ffi::CStr, fs::File, os::fd::AsFd};

use ampoule_sys::refused::{Call, attempt};
use rustix::{
    system::{finit_module, init_module},
    time::{ClockId, Timespec, clock_gettime, clock_settime},
};

use crate::{
    Attempt,
    outcome::{Outcome, judged, worst},
};

pub(crate) const ATTEMPTS: &[Attempt] = &[
    ("init-module", || judged(init_module(b"no module", c""), "loaded a module")),
    ("finit-module", finit),
    ("bpf", || call(Call::Bpf)),
    ("bpf-x32", || call(Call::BpfX32)),
    ("perf-event-open", || call(Call::PerfEvent)),
    ("userfaultfd", || call(Call::Userfaultfd)),
    ("io-uring", || call(Call::IoUring)),
    ("keyctl-join-session", keyrings),
    ("add-key", || call(Call::AddKey)),
    ("kexec-load", || call(Call::KexecLoad)),
    ("reboot", || call(Call::EmergencyKeys)),
    ("swapon", || on_file(Call::SwapOn)),
    ("swapoff", || on_file(Call::SwapOff)),
    ("quotactl", || call(Call::Quota(c"/dev/vda"))),
    ("acct", || on_file(Call::Accounting)),
    ("syslog", || call(Call::KernelLog)),
    ("iopl", || call(Call::Iopl)),
    ("ioperm", || call(Call::Ioperm)),
    ("personality", || call(Call::ReadImpliesExec)),
    ("settimeofday", || call(Call::SetTime)),
    ("clock-settime", set_clock),
    ("clock-adjtime", || call(Call::AdjustClock)),
    ("sethostname", || judged(rustix::system::sethostname(b"escaped"), "a host name")),
    ("nice", || judged(rustix::process::setpriority_process(None, -20), "more processor time than others")),
    ("rlimit", rlimit),
];

fn call(what: Call<'_>) -> Outcome {
    judged(attempt(what), &format!("{what:?}"))
}

fn finit() -> Outcome {
    let loaded = File::open("/proc/self/exe").and_then(|file| Ok(finit_module(file.as_fd(), c"", 0)?));
    judged(loaded, "loaded a module")
}

/// A keyring by the name that engines and other workloads use.
fn keyrings() -> Outcome {
    worst([c"_ses", c"neighbour", c"containerd"].map(|name| call(Call::JoinKeyring(name))))
}

fn on_file(what: impl Fn(&'static CStr) -> Call<'static>) -> Outcome {
    let _ = std::fs::write("/volume/file", [0; 8192]);
    call(what(c"/volume/file"))
}

/// To the time that it is.
fn set_clock() -> Outcome {
    let now = clock_gettime(ClockId::Realtime);
    judged(clock_settime(ClockId::Realtime, Timespec { tv_sec: now.tv_sec, tv_nsec: now.tv_nsec }), "set the node's clock")
}

fn rlimit() -> Outcome {
    use rustix::process::{Resource, Rlimit, setrlimit};
    judged(setrlimit(Resource::Core, Rlimit { current: Some(1 << 20), maximum: Some(1 << 20) }), "core files of a megabyte")
}
