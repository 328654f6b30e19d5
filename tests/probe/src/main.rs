//! Attacks a node from inside; only in the image of the variant `test`.

mod attack;
mod bomb;
mod boxed;
mod confinement;
mod daemons;
mod hang;
mod hardening;
mod intruder;
mod kernel;
mod labels;
mod listeners;
mod noise;
mod report;
mod sockets;
mod surface;

use std::{env, fs, os::unix::net::UnixDatagram, process::ExitCode, thread, time::Duration};

use report::Report;

/// An attack: its name in the message of the day, and what it does.
type Attack = (&'static str, fn(&mut Report));

const ATTACKS: [Attack; 9] = [
    ("attack", attack::run),
    ("bomb", bomb::run),
    ("box", confinement::look),
    ("hardening", hardening::look),
    ("init", noise::run),
    ("kernel", kernel::look),
    ("kill", daemons::kill_each),
    ("labels", labels::look),
    ("surface", surface::count),
];

fn main() -> ExitCode {
    if std::process::id() == 1 {
        hang::as_init();
    }
    match env::args().nth(1).as_deref() {
        None => serve(),
        // Roles this program gives to copies of itself.
        Some("parent-of-orphans") => return noise::leave_orphans(),
        Some("boxed") if boxed::is_wanted() => boxed::attack(),
        // It has nothing to do, and stays.
        Some("boxed") => thread::sleep(Duration::MAX),
        Some("intruder") => intruder::run(&env::args().nth(2).unwrap_or_default()),
        Some("executed") => intruder::was_executed(),
        Some("late") => sockets::listen_late(),
        Some("deaf") => sockets::never_listen(),
        Some("stubborn") => hang::stop(),
        Some("caller") => sockets::call(),
        Some("long-life") => thread::sleep(Duration::from_secs(60)),
        Some(_) => {}
    }
    ExitCode::SUCCESS
}

/// Does what the test asks for, one attack after another, in the one setting that has no other effect.
fn serve() {
    let wishes = fs::read_to_string("/etc/motd").unwrap_or_default();
    let wanted = |name: &str| wishes.split_whitespace().any(|word| word.strip_prefix("probe-") == Some(name));
    if wanted("never-ready") {
        thread::sleep(Duration::MAX);
    }
    say_ready();
    let mut report = Report;
    daemons::ask_api(&mut report);
    for (name, run) in ATTACKS {
        if wanted(name) {
            run(&mut report);
            report.ok(&format!("{name} done"));
        }
    }
    // A service that ends is one more thing to look at; this one just stays.
    thread::sleep(Duration::MAX);
}

fn say_ready() {
    let path = env::var_os("NOTIFY_SOCKET").unwrap_or_default();
    let said = UnixDatagram::unbound().and_then(|socket| socket.send_to(b"READY=1", path));
    if let Err(error) = said {
        eprintln!("<3>PROBE FAILED to say that it is ready: {error}");
    }
}
