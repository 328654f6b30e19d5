//! A process made by `spawn_confined`, seen from inside. It takes root, as init is; without it there is nothing to see and the tests say so.

use ampoule_sys::privilege::Privilege;
use ampoule_sys::seccomp::Filter;
use ampoule_sys::spawn::{Confinement, NOT_STARTED, spawn_confined};
use ampoule_sys::view::Mounts;
use rustix::process::{Pid, WaitOptions, waitpid};
use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Output, Stdio};

/// No user of this machine.
const USER: u32 = 60_699;
const NET_BIND_SERVICE: u64 = 1 << 10;
/// `uname(2)` kills, all else is allowed: load the number, compare, return (`linux/filter.h`).
const NO_UNAME: [[u8; 8]; 4] =
    [[0x20, 0, 0, 0, 0, 0, 0, 0], [0x15, 0, 0, 1, 63, 0, 0, 0], [0x06, 0, 0, 0, 0, 0, 0, 0x80], [0x06, 0, 0, 0, 0, 0, 0xff, 0x7f]];

/// Strict in all but its view; `None` where this machine does not let us.
fn confinement() -> Option<Confinement> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: not root, nothing was looked at");
        return None;
    }
    let nowhere = rustix::fs::open("/dev/null", rustix::fs::OFlags::WRONLY, rustix::fs::Mode::empty()).expect("opened");
    let privilege = Privilege { user: USER, groups: vec![USER + 1], capabilities: NET_BIND_SERVICE, root_is_special: false };
    Some(Confinement {
        cgroup_procs: nowhere,
        open_files: Some(64),
        oom_score_adjust: None,
        network: true,
        mounts: None,
        privilege,
        no_new_privileges: true,
        seccomp: None,
        descriptor_3: None,
    })
}

fn run(shell: &str, confinement: Confinement) -> Output {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", shell]);
    ended(command, confinement)
}

/// Both outputs fit a pipe, so they are read when the process has ended.
fn ended(mut command: Command, confinement: Confinement) -> Output {
    let ((stdout, to_stdout), (stderr, to_stderr)) = (rustix::pipe::pipe().expect("a pipe"), rustix::pipe::pipe().expect("a pipe"));
    command.stdin(Stdio::null()).stdout(to_stdout).stderr(to_stderr);
    let pid = spawn_confined(&mut command, confinement).expect("started");
    let pid = Pid::from_raw(pid.cast_signed()).expect("a process");
    let (_, status) = waitpid(Some(pid), WaitOptions::empty()).expect("ended").expect("its status");
    drop(command);
    let all = |from: OwnedFd| {
        let mut bytes = Vec::new();
        File::from(from).read_to_end(&mut bytes).expect("read");
        bytes
    };
    Output { status: ExitStatus::from_raw(status.as_raw()), stdout: all(stdout), stderr: all(stderr) }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn all_sets_hold_what_was_listed_and_nothing_more_can_be_had() {
    let Some(confinement) = confinement() else { return };
    let text = text(&run("cat /proc/self/status; ulimit -c; ulimit -n", confinement));
    let line = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().skip(1).collect::<Vec<_>>()
    };
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(line(set), ["0000000000000400"], "{set}: {text}");
    }
    assert_eq!(line("Uid:"), ["60699"; 4]);
    assert_eq!(line("Gid:"), ["60699"; 4]);
    assert_eq!((line("Groups:"), line("NoNewPrivs")), (vec!["60700"], vec!["1"]));
    assert!(text.ends_with("\n0\n64\n"), "{text}");
}

#[test]
fn root_without_its_rights_is_as_anyone() {
    let Some(mut confinement) = confinement() else { return };
    confinement.privilege.user = 0;
    let text = text(&run("grep CapEff /proc/self/status; chown 1 /tmp", confinement));
    assert!(text.contains("0000000000000400") && text.contains("chown"), "{text}");
}

#[test]
fn a_call_that_is_not_on_the_list_kills() {
    let Some(mut confinement) = confinement() else { return };
    confinement.seccomp = Some(Filter::read(NO_UNAME.as_flattened()).expect("a list"));
    let output = run("echo before; exec uname", confinement);
    assert_eq!((output.status.signal(), output.stdout.as_slice()), (Some(libc::SIGSYS), b"before\n".as_slice()));
    assert!(!output.status.core_dumped());
}

#[test]
fn its_view_is_read_only_but_for_what_is_listed_and_hides_the_rest() {
    let Some(mut confinement) = confinement() else { return };
    let place = std::env::temp_dir().join(format!("ampoule-view-{}", std::process::id()));
    let (open, closed, hidden) = (place.join("open"), place.join("closed"), place.join("hidden"));
    for folder in [&open, &closed, &hidden] {
        std::fs::create_dir_all(folder).expect("a folder");
        std::os::unix::fs::chown(folder, Some(USER), None).expect("given");
    }
    std::fs::write(hidden.join("secret"), "x").expect("written");
    let path = |path: &std::path::Path| CString::new(path.display().to_string()).expect("a path");
    confinement.network = false;
    confinement.mounts =
        Some(Mounts { hidden: vec![path(&hidden)], writable: vec![path(&open), c"/not/there".into()], devices: None, own_processes: true });
    let script = format!(
        "cd {}; touch open/x; touch closed/x; ls hidden; echo =; ls -d /proc/1; sed -n 's/:.*//p' /proc/self/net/dev; touch /tmp/ampoule-x",
        place.display()
    );
    let text = text(&run(&script, confinement));
    assert!(open.join("x").exists() && !closed.join("x").exists(), "{text}");
    assert_eq!(text.matches("Read-only file system").count(), 2, "{text}");
    assert!(text.starts_with("=\n") && text.contains("/proc/1") && text.contains("No such file"), "{text}");
    let links: Vec<&str> = text.lines().map(str::trim).filter(|line| *line == "lo" || line.starts_with('e')).collect();
    assert_eq!(links, ["lo"], "{text}");
    assert!(hidden.join("secret").exists(), "the node's own view changed");
    std::fs::remove_dir_all(&place).expect("removed");
}

#[test]
fn it_sees_the_devices_that_are_listed() {
    let Some(mut confinement) = confinement() else { return };
    let path = |path: &str| CString::new(path).expect("a path");
    let devices = Some(vec![path("/dev/null"), path("/dev/zero"), path("/dev/absent")]);
    confinement.mounts = Some(Mounts { devices, ..Mounts::default() });
    let text = text(&run("ls /dev; echo x >/dev/null && head -c 3 /dev/zero | wc -c; touch /dev/x; ls -l /dev/tty", confinement));
    assert!(text.starts_with("null\nzero\n3\n"), "{text}");
    assert_eq!((text.matches("Read-only").count(), text.matches("No such file").count()), (1, 1), "{text}");
}

#[test]
fn a_step_that_fails_leaves_no_process_and_is_named() {
    let Some(mut confinement) = confinement() else { return };
    confinement.no_new_privileges = false;
    // Without `no_new_privs` and without the right to do without, the kernel takes no list.
    confinement.seccomp = Some(Filter::read(NO_UNAME.as_flattened()).expect("a list"));
    let output = ended(Command::new("/bin/true"), confinement);
    assert_eq!(output.status.code(), Some(NOT_STARTED));
    assert!(text(&output).contains("could not confine"), "{}", text(&output));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let Some(confinement) = confinement() else { return };
    let output = ended(Command::new("/usr/bin/absent"), confinement);
    assert_eq!(output.status.code(), Some(NOT_STARTED));
    assert!(text(&output).contains("could not start /usr/bin/absent: error 2 "), "{}", text(&output));
}
