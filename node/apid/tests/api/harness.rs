//! One `apid` in a folder of its own.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use ampoule_api_client::{Client, Method, Response};
use ampoule_test_support::{end, in_own_mounts, under_list};
use serde_json::{Value, json};

/// The program starts in milliseconds; a machine under load may need longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which namespaces the image has, and one default.
const VARIANT: &str = "name = \"test\"\nnamespaces = [\"motd\", \"network\", \"container-registry\", \"workloads\", \"api\"]\nservices = [\"hostd\", \"netd\"]\n[settings]\nmotd = \"by default\"\n";

const OS_RELEASE: &str =
    "ID=ampoule\nNAME=Ampoule\nPRETTY_NAME=\"Ampoule 0.1.0 (test)\"\nVERSION_ID=0.1.0\nVARIANT_ID=test\nBUILD_ID=abc123\n";

/// A node's folder, which outlives the program.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

/// A running program.
pub(crate) struct Apid {
    child: Child,
    place: PathBuf,
    /// The folder, if nobody else keeps it.
    kept: Option<Place>,
}

impl Place {
    pub(crate) fn new() -> Self {
        // In memory if it can be: thousands of changes are asked for, and waiting for a disk tests nothing.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
        for below in ["state", "root", "run/apid"] {
            fs::create_dir_all(folder.path().join(below)).expect("a folder");
        }
        let place = Self { folder };
        fs::write(place.path("variant.toml"), VARIANT).expect("variant");
        fs::write(place.path("os-release"), OS_RELEASE).expect("os-release");
        fs::write(place.path("certificates"), "").expect("certificates");
        place.boot("first");
        place
    }

    /// With this user data for the first boot.
    pub(crate) fn with_user_data(self, bytes: impl AsRef<[u8]>) -> Self {
        fs::write(self.path("user-data"), bytes).expect("user data");
        self
    }

    /// Begins a boot of this name: what lies on a tmpfs is gone.
    pub(crate) fn boot(&self, name: &str) {
        fs::write(self.path("boot-id"), format!("{name}\n")).expect("boot id");
        for below in ["root", "run"] {
            let _ = fs::remove_dir_all(self.path(below));
        }
        for below in ["root", "run/apid"] {
            fs::create_dir_all(self.path(below)).expect("a folder");
        }
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// Starts the program and waits until it answers.
    pub(crate) fn start(&self) -> Apid {
        let mut command = command(self.folder.path());
        under_list(&mut command, "apid");
        self.run(command)
    }

    /// The same as a version that knows further steps between settings.
    pub(crate) fn start_with_steps(&self, steps: &str) -> Apid {
        fs::write(self.path("steps.toml"), steps).expect("steps");
        self.run(self.command_with_steps())
    }

    /// The program with the steps in `steps.toml`.
    pub(crate) fn command_with_steps(&self) -> Command {
        let mut command = command(self.folder.path());
        command.arg("--steps").arg(self.path("steps.toml"));
        command
    }

    /// The same with no more space than this for its state.
    pub(crate) fn start_with_state_of(&self, kib: usize) -> Apid {
        let inner = command(self.folder.path());
        let mount = format!("mount -t tmpfs -o size={kib}k none {}", self.path("state").display());
        let mut outer = in_own_mounts(&mount, &inner, "apid");
        outer.stdin(Stdio::null()).stdout(Stdio::null()).env_remove("NOTIFY_SOCKET");
        self.run(outer)
    }

    fn run(&self, mut command: Command) -> Apid {
        let _ = fs::remove_file(self.path("api.sock"));
        let log = File::create(self.path("log")).expect("a log");
        let child = command.stderr(log).spawn().expect("apid starts");
        let mut apid = Apid { child, place: self.folder.path().to_owned(), kept: None };
        apid.wait_until_it_answers();
        apid
    }
}

impl Place {
    /// Starts a program that takes the folder along, for tests that start it once.
    pub(crate) fn start_once(self) -> Apid {
        let mut apid = self.start();
        apid.kept = Some(self);
        apid
    }
}

fn command(place: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_apid"));
    let mut option = |name: &str, below: &str| {
        command.arg(name).arg(place.join(below));
    };
    option("--socket", "api.sock");
    option("--state", "state/settings");
    option("--root", "root");
    option("--user-data", "user-data");
    option("--generated", "generated.json");
    option("--variant", "variant.toml");
    option("--os-release", "os-release");
    option("--certificates", "certificates");
    option("--init", "init.sock");
    option("--boot-id", "boot-id");
    option("--run", "run");
    // Shorter than on a node, long enough for a loaded machine.
    command.args(["--probation-ms", "1500", "--settle-ms", "3000"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).env_remove("NOTIFY_SOCKET");
    command
}

impl Apid {
    fn wait_until_it_answers(&mut self) {
        let end = Instant::now() + PATIENCE;
        while self.client().get_json::<Value>("/os").is_err() {
            let ended = self.child.try_wait().expect("the child can be asked");
            assert!(ended.is_none() && Instant::now() < end, "apid does not answer ({ended:?}): {}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::unix(self.place.join("api.sock"))
    }

    /// Its log so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.place.join("log")).unwrap_or_default()
    }

    /// The folder that stands for `/`.
    pub(crate) fn root(&self) -> PathBuf {
        self.place.join("root")
    }

    /// A file it made from settings.
    pub(crate) fn file(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.place.join("root").join(path.trim_start_matches('/'))).ok()
    }

    pub(crate) fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Response {
        let body = body.map(|body| body.to_string().into_bytes());
        self.client().request(method, path, body.as_deref()).unwrap_or_else(|error| panic!("{path}: {error}; log: {}", self.log()))
    }

    /// Changes settings and expects it to work; the changed keys.
    pub(crate) fn change(&self, tree: &Value) -> Vec<String> {
        let patched = self.send(Method::Patch, "/settings?tx=test", Some(tree));
        assert_eq!(patched.status, 204, "{}", patched.text());
        let done = self.send(Method::Post, "/tx/commit_and_apply?tx=test", None);
        assert_eq!(done.status, 200, "{}", done.text());
        serde_json::from_slice(&done.body).expect("a list of keys")
    }

    /// The live settings.
    pub(crate) fn settings(&self) -> Value {
        self.client().get_json("/settings").expect("settings")
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(self) {
        drop(self);
    }

    /// Its resident memory in KiB.
    pub(crate) fn memory_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
        line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number")
    }
}

impl Drop for Apid {
    fn drop(&mut self) {
        end(&mut self.child);
        drop(self.kept.take());
    }
}

/// The body of an error under `/v1`.
pub(crate) fn error_of(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap_or_else(|_| json!({ "not JSON": response.text() }))
}

/// Asks again until `holds`, for what happens a moment later.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "not in time: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
