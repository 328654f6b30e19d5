//! Other parts that a copy of this program plays in a test.

use std::{
    env, fs,
    io::{self, Read as _, Write as _},
    net::{SocketAddr as InetAddress, TcpListener, TcpStream, UdpSocket},
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixListener},
    },
    path::Path,
    process::{Command, ExitCode},
    thread,
    time::Duration,
};

use crate::{ambush, exhaust, host, packets, swap};

/// Where the neighbour answers HTTP.
pub(crate) const HTTP_PORT: u16 = 8080;
/// Where it hears datagrams.
pub(crate) const HEARD_PORT: u16 = 9999;

/// Plays a part; does not come back from most.
pub(crate) fn play(role: &str, words: &[&str]) -> ExitCode {
    match role {
        "neighbour" => neighbour(),
        "plant" => plant(),
        "climb" => climb(),
        "exhaust" => exhaust::all(words),
        "flood" => flood(),
        "ambush" => ambush::lie_in_wait(),
        "astray" => ambush::lead_astray(),
        "where" => return ExitCode::from(ambush::say_where()),
        "keep" => swap::keep(),
        "ear" => packets::hear(),
        "packets" => packets::send_all(),
        "nothing" => {}
        _ => return play_in(role, words),
    }
    ExitCode::SUCCESS
}

/// Parts that are told where to play.
fn play_in(role: &str, words: &[&str]) -> ExitCode {
    match (role, words) {
        ("swap", [folder, targets @ ..]) => swap::swap(folder, targets),
        ("look", [round, places @ ..]) => swap::look(round, places),
        _ => return ExitCode::from(2),
    }
    ExitCode::SUCCESS
}

/// Makes a refused call without end, twice at a time: each is a record.
fn flood() {
    println!("FLOOD begins");
    let refused = || {
        loop {
            let _ = ampoule_sys::refused::attempt(ampoule_sys::refused::Call::NewMountNamespace);
        }
    };
    thread::spawn(refused);
    refused();
}

/// A workload that minds its own business: it keeps a file, answers HTTP, and speaks to the node and to the world.
fn neighbour() {
    let kept = Path::new("/data/kept");
    if !kept.exists() {
        let _ = fs::write(kept, "what is inside stays\n");
    }
    let address = SocketAddr::from_abstract_name("neighbour");
    // Held for as long as the process lives: others look for it.
    let _socket = address.and_then(|address| UnixListener::bind_addr(&address));
    thread::spawn(hear);
    thread::spawn(speak);
    try_what_was_planted();
    println!("NEIGHBOUR ready");
    serve(kept);
}

fn hear() {
    let Ok(socket) = UdpSocket::bind(("0.0.0.0", HEARD_PORT)) else { return };
    let mut buffer = [0; 64];
    while let Ok((_, from)) = socket.recv_from(&mut buffer) {
        println!("NEIGHBOUR heard {}", from.ip());
    }
}

/// To an address that is nobody's (RFC 5737) through the node, and to the node itself: answers come back.
fn speak() {
    let Ok(socket) = UdpSocket::bind("0.0.0.0:0") else { return };
    let node = InetAddress::from(([10, 88, 0, 1], api_port()));
    loop {
        let _ = socket.send_to(b"secret", "192.0.2.1:9");
        let _ = TcpStream::connect_timeout(&node, Duration::from_millis(200));
        thread::sleep(Duration::from_millis(250));
    }
}

fn api_port() -> u16 {
    env::var("ESCAPE_API_PORT").ok().and_then(|text| text.parse().ok()).unwrap_or(9)
}

fn serve(kept: &Path) {
    let Ok(listener) = TcpListener::bind(("0.0.0.0", HTTP_PORT)) else { return };
    for stream in listener.incoming().flatten() {
        let _ = answer(stream, kept);
    }
}

fn answer(mut stream: TcpStream, kept: &Path) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut buffer = [0; 1024];
    let _ = stream.read(&mut buffer)?;
    let body = fs::read_to_string(kept)?;
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

/// A program that an attacker left in a folder that both share, with the bits that would make it root's.
fn try_what_was_planted() {
    for name in ["setuid", "program"] {
        let path = Path::new("/shared").join(name);
        let outcome = Command::new(&path).arg("nothing").status();
        println!("NEIGHBOUR {name} {}", crate::outcome::judged(outcome, "executed what another workload left"));
    }
}

/// Leaves traps in the shared folder: programs, and links that lead out of it.
fn plant() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    for (name, mode) in [("setuid", 0o4755), ("program", 0o755)] {
        let path = Path::new("/shared").join(name);
        let made = fs::copy("/proc/self/exe", &path).and_then(|_| fs::set_permissions(&path, fs::Permissions::from_mode(mode)));
        println!("PLANT {name} {made:?}");
    }
    for (name, target) in [("top", "/"), ("up", "../../../../../../../.."), ("proc", "/proc/1/root"), ("etc", "/etc")] {
        let path = Path::new("/shared").join(name);
        let _ = fs::remove_file(&path);
        println!("PLANT {name} {:?}", symlink(target, path));
    }
    println!("PLANT done");
    thread::sleep(Duration::MAX);
}

/// Has a volume whose place lies behind those links; says whose root they lead to.
fn climb() {
    for place in ["/", "/shared/top", "/shared/up", "/shared/proc", "/shared/top/climbed", "/shared/up/climbed"] {
        let found = if host::is_root_at(Path::new(place)) { "SUCCEEDED: the node's root" } else { "impossible: its own root" };
        println!("CLIMB {place} {found}");
    }
    println!("CLIMB done");
    thread::sleep(Duration::MAX);
}
