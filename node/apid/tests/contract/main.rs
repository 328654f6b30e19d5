//! The program keeps what its document promises: schemathesis makes requests from the committed document, right and
//! wrong ones, and holds every answer against it.
//!
//! Needs Python 3 and, the first time, a Python package registry; so it runs when asked for:
//! `cargo test -p ampoule-apid --test contract -- --ignored`. `./ampoule test` asks.

#![allow(dead_code)]

#[path = "../api/harness.rs"]
mod harness;
#[path = "../api/neighbours.rs"]
mod neighbours;

use std::{
    env, fs, io,
    net::{Shutdown, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use harness::Place;

/// Requests made of each operation: enough to meet each parameter in several wrong forms, and half a minute in all.
const EXAMPLES: &str = "10";

/// The most that a run may take, in seconds, on a machine that does other things too.
const MOST_SECONDS: &str = "150";

/// Operations that answer with a stream without an end, or with another protocol.
const ENDLESS: &str = "^(/v1/events|/v1/logs|/exec)$";

const RECORD: &str = "{\"seq\":1,\"time_ms\":1,\"monotonic_ms\":1,\"source\":\"apid\",\"level\":6,\"text\":\"one\"}\n";

#[test]
#[ignore = "needs Python and, once, a package registry; ./ampoule test runs it"]
fn every_answer_is_as_the_document_says() {
    let tool = schemathesis().unwrap_or_else(|error| panic!("schemathesis cannot be had: {error}"));
    let place = Place::new();
    let _init = neighbours::init(&place.path("init.sock"));
    neighbours::status(&place.path("run/hostd/status"), r#"{"workloads":[]}"#);
    neighbours::status(&place.path("run/netd/status"), r#"{"interfaces":[],"name-servers":["10.0.2.3"],"hostname":"n"}"#);
    neighbours::status(&place.path("run/logd/status"), r#"{"denials":[],"left-out":0}"#);
    neighbours::logs(&place.path("run/logd/query.sock"), RECORD);
    let apid = place.start();
    let port = bridge(place.path("api.sock"));
    let passed = run(&tool, port, place.path("reports"));
    assert!(apid.client().os().is_ok(), "the program is gone; its log: {}", apid.log());
    assert!(passed, "see above; the program's log: {}", apid.log());
}

fn run(tool: &Path, port: u16, reports: PathBuf) -> bool {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/openapi.json");
    let mut command = Command::new(tool);
    command.arg("run").arg(document).args(["--url", &format!("http://127.0.0.1:{port}")]);
    command.args(["--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"]);
    command.args(["--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES, "--max-time", MOST_SECONDS]);
    command.args(["--exclude-path-regex", ENDLESS, "--request-timeout", "20", "--seed", "1", "--workers", "2", "--no-color"]);
    command.args(["--continue-on-failure", "--warnings", "off", "--suppress-health-check", "all"]);
    // It keeps examples of failures where it is started.
    fs::create_dir_all(&reports).expect("a folder");
    command.current_dir(reports).status().expect("it starts").success()
}

/// The program in the cache, put there if it is missing. Another version is another folder.
fn schemathesis() -> io::Result<PathBuf> {
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract/requirements.txt");
    let version = fs::read_to_string(&requirements)?.lines().find(|line| line.starts_with("schemathesis==")).unwrap_or_default().to_owned();
    let cache = env::var_os("AMPOULE_CACHE").map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let place = cache.join("tools").join(version.replace("==", "-"));
    let program = place.join("bin/st");
    if !program.is_file() {
        must(Command::new("python3").args(["-m", "venv"]).arg(&place))?;
        must(Command::new(place.join("bin/python")).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(&requirements))?;
    }
    Ok(program)
}

fn must(command: &mut Command) -> io::Result<()> {
    if command.status()?.success() { Ok(()) } else { Err(io::Error::other(format!("{command:?} failed"))) }
}

/// A port that leads to a Unix socket, for clients that know only ports.
fn bridge(socket: PathBuf) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Ok(node) = UnixStream::connect(&socket) {
                join(stream, node);
            }
        }
    });
    port
}

fn join(near: TcpStream, far: UnixStream) {
    let (mut near_in, mut far_out) = (near.try_clone().expect("a clone"), far.try_clone().expect("a clone"));
    let (mut near_out, mut far_in) = (near, far);
    thread::spawn(move || {
        let _ = io::copy(&mut near_in, &mut far_out);
        let _ = far_out.shutdown(Shutdown::Write);
    });
    thread::spawn(move || {
        let _ = io::copy(&mut far_in, &mut near_out);
        let _ = near_out.shutdown(Shutdown::Both);
    });
}
