//! A node's folder, and the program in it.

use ampoule_test_support::{end, not_by_its_list, under_list};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fs::{self, File};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// No test waits longer for the program.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder with the paths of a node.
pub(crate) struct Node {
    folder: tempfile::TempDir,
    options: Vec<String>,
}

/// A run of the program.
pub(crate) struct Run {
    child: Child,
    notify: UnixDatagram,
    start: Instant,
}

impl Node {
    /// A node at its first boot, with nothing in it.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for below in ["state/settings", "run/ampoule", "sys/block", "dev"] {
            fs::create_dir_all(folder.path().join(below)).expect("a folder");
        }
        Self { folder, options: ["--network-limit", "300", "--retry-limit", "0"].map(str::to_owned).to_vec() }
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below.trim_start_matches('/'))
    }

    pub(crate) fn with_file(self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, bytes).expect("a file");
        self
    }

    pub(crate) fn with_option(mut self, name: &str, value: impl ToString) -> Self {
        self.options.extend([name.to_owned(), value.to_string()]);
        self
    }

    /// The hypervisor names a metadata service at this port of the loopback, which may take so long in all.
    pub(crate) fn with_metadata_at(self, port: u16, limit: Duration) -> Self {
        let place = "/sys/firmware/qemu_fw_cfg/by_name/opt/org.ampoule/imds-endpoint/raw";
        self.with_file(place, format!("http://127.0.0.1:{port}")).with_option("--metadata-limit", limit.as_millis())
    }

    /// Not the first boot: there are settings.
    pub(crate) fn with_settings(self) -> Self {
        self.with_file("/state/settings/1.json", "{}")
    }

    pub(crate) fn starts(&self) -> Run {
        let socket = self.path("run/notify");
        let _ = fs::remove_file(&socket);
        let notify = UnixDatagram::bind(&socket).expect("a socket");
        notify.set_nonblocking(true).expect("not blocking");
        let log = File::options().append(true).create(true).open(self.path("log")).expect("a log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_provisioner"));
        command.arg("--root").arg(self.folder.path()).args(&self.options).env("NOTIFY_SOCKET", &socket);
        under_list(&mut command, "provision");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("the program starts");
        Run { child, notify, start: Instant::now() }
    }

    /// Runs the program to its end, which must be a good one.
    pub(crate) fn provisions(&self) -> Duration {
        let mut run = self.starts();
        let status = run.ends();
        assert!(status.success(), "{status}: {}", self.log());
        assert!(run.is_ready(), "it never said that it is ready: {}", self.log());
        run.start.elapsed()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn left<T: DeserializeOwned>(&self, name: &str) -> T {
        let path = self.path("run/ampoule/provision").join(name);
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; log: {}", path.display(), self.log()));
        serde_json::from_slice(&bytes).expect("JSON")
    }

    /// What the report says of a source: state and detail.
    pub(crate) fn report(&self, source: &str) -> (String, String) {
        let report: Vec<Value> = self.left("report.json");
        let entry = report.iter().find(|entry| entry["source"] == source).unwrap_or_else(|| panic!("no {source} in {report:?}"));
        let word = |key: &str| entry[key].as_str().expect("text").to_owned();
        (word("state"), word("detail"))
    }

    pub(crate) fn generated(&self) -> Value {
        self.left("generated.json")
    }

    /// Names and texts of the user data, as sorting the folder gives them.
    pub(crate) fn user_data(&self) -> Vec<(String, String)> {
        let entries = fs::read_dir(self.path("run/ampoule/provision/user-data")).expect("a folder");
        let mut found: Vec<_> = entries
            .flatten()
            .map(|entry| (entry.file_name().into_string().expect("a name"), fs::read_to_string(entry.path()).expect("text")))
            .collect();
        found.sort();
        found
    }
}

impl Run {
    /// Waits for the end.
    pub(crate) fn ends(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                return not_by_its_list(status);
            }
            assert!(self.start.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether it has said that it is ready.
    pub(crate) fn is_ready(&self) -> bool {
        let mut bytes = [0; 64];
        self.notify.recv(&mut bytes).is_ok_and(|length| &bytes[..length] == b"READY=1")
    }

    /// Waits until it is ready; how long that took.
    pub(crate) fn gets_ready(&self) -> Duration {
        while !self.is_ready() {
            assert!(self.start.elapsed() < PATIENCE, "it does not get ready");
            std::thread::sleep(Duration::from_millis(5));
        }
        self.start.elapsed()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}
