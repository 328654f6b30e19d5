//! A node: its disk, its boot partition, the daemons that the updater speaks with, and the publisher of its updates.

use crate::web::Web;
use ampoule_api_types::v1::{WorkloadList, WorkloadState, WorkloadStatus};
use ampoule_layout::gpt::{HEAD_BYTES, entries, set_guids};
use ampoule_layout::{CommandLine, RootHash, VerityTable};
use ampoule_migrate::Migration;
use ampoule_publish::{Image, KeyFolder, Lifetimes, NewKeys, Publish, Repository, now, publish};
use ampoule_supervise::message::{Name, Phase, Reply, Request, ServiceStatus};
use ampoule_update::loader::{self, Esp, counted};
use ampoule_update::{Timestamp, Waves};
use ampoule_update_attacks::{Tiny, tiny_image};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Cursor, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub(crate) const BLOCK: usize = 4096;
const MIB: u64 = 1 << 20;
const PARTITIONS: [(&str, u64); 7] =
    [("ESP", MIB), ("ROOT-A", 4 * MIB), ("VERITY-A", MIB), ("ROOT-B", 4 * MIB), ("VERITY-B", MIB), ("STATE", MIB), ("DATA", MIB)];

/// A version as it was built.
#[derive(Clone)]
pub(crate) struct Version {
    pub(crate) folder: PathBuf,
    pub(crate) root_hash: RootHash,
    pub(crate) blocks: usize,
}

pub(crate) struct Node {
    pub(crate) root: tempfile::TempDir,
    pub(crate) keys: KeyFolder,
    pub(crate) web: Web,
    pub(crate) versions: BTreeMap<String, Version>,
    child: Option<Child>,
    reboots: Arc<Mutex<usize>>,
    boots: AtomicU32,
    /// Whether the API answers.
    pub(crate) api: Arc<AtomicBool>,
    /// What the API says could not be carried over.
    pub(crate) problems: Arc<Mutex<Vec<Value>>>,
    /// Bytes of the kernel of each image from now on.
    pub(crate) kernel: usize,
    /// What versions do to settings, in each image from now on.
    pub(crate) migrations: Vec<Migration>,
    /// What hostd says: name and state.
    pub(crate) workloads: Arc<Mutex<Vec<(String, WorkloadState)>>>,
    /// What hostd answers when it is asked for a check, and what it was asked.
    pub(crate) command: Arc<Mutex<(String, Vec<String>)>>,
}

/// Numbers of the blocks of a root; equal numbers are equal blocks.
pub(crate) fn blocks(from: u8, count: usize) -> Vec<u8> {
    (0..count).map(|i| from.wrapping_add((i % 200) as u8)).collect()
}

impl Node {
    /// A node that runs 1.0.0 with 150 blocks, which was good, and a repository with nothing in it.
    pub(crate) fn new() -> Self {
        Self::with(&blocks(0, 150))
    }

    /// One that runs and to which 1.1.0 is offered, half of which it has.
    pub(crate) fn offered() -> Self {
        let mut node = Self::new();
        node.publish("1.1.0", &blocks(60, 180));
        node.start();
        node.run("refresh").expect("refreshed");
        node
    }

    pub(crate) fn with(running: &[u8]) -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let keys = NewKeys { root_keys: 1, root_threshold: 1, expires: now().plus(1 << 26) };
        let keys = KeyFolder::create(&root.path().join("keys"), &keys).expect("keys");
        let repository = root.path().join("repository");
        fs::create_dir_all(&repository).expect("a folder");
        let mut node = Self {
            web: Web::start(&repository),
            keys,
            versions: BTreeMap::new(),
            child: None,
            reboots: Arc::default(),
            boots: AtomicU32::default(),
            api: Arc::new(AtomicBool::new(true)),
            problems: Arc::default(),
            kernel: 10_000,
            migrations: Vec::new(),
            workloads: Arc::default(),
            command: Arc::default(),
            root,
        };
        node.build("1.0.0", running);
        node.lay_out();
        node.daemons();
        node
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.root.path().join("node").join(below)
    }

    pub(crate) fn write(&self, below: &str, content: impl AsRef<[u8]>) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("written");
    }

    /// Builds a version.
    pub(crate) fn build(&mut self, version: &str, blocks: &[u8]) -> Image {
        let folder = self.root.path().join(format!("image-{version}"));
        let kernel = vec![version.len() as u8; self.kernel];
        let loader = format!("loader of {version}");
        let tiny = Tiny { version, blocks, kernel: &kernel, loader: loader.as_bytes() };
        let root_hash = tiny_image(&folder, &tiny).expect("an image");
        self.versions.insert(version.to_owned(), Version { folder: folder.clone(), root_hash, blocks: blocks.len() });
        Image::open(&folder).expect("an image that is whole")
    }

    /// Builds a version and publishes it as of the moment `at`.
    pub(crate) fn publish_at(&mut self, version: &str, blocks: &[u8], at: Timestamp) {
        let images = [Image { migrations: self.migrations.clone(), ..self.build(version, blocks) }];
        let request =
            Publish { images: &images, waves: Waves::default(), max_version: None, remove: &[], lifetimes: Lifetimes::default(), now: at };
        publish(&Repository::new(&self.root.path().join("repository")), &self.keys, &request).expect("published");
    }

    pub(crate) fn publish(&mut self, version: &str, blocks: &[u8]) {
        self.publish_at(version, blocks, now());
    }

    fn lay_out(&self) {
        let version = &self.versions["1.0.0"];
        fs::create_dir_all(self.path("")).expect("a folder");
        fs::write(self.path("disk.img"), disk(version)).expect("a disk");
        for folder in
            ["esp/EFI/Linux", "esp/EFI/BOOT", "sys/firmware/efi", "run/ampoule/updated", "run/ampoule/update-fetcher", "etc/ampoule"]
        {
            fs::create_dir_all(self.path(folder)).expect("a folder");
        }
        fs::copy(version.folder.join("ampoule.efi"), self.path("esp/EFI/Linux/ampoule_1.0.0.efi")).expect("copied");
        fs::copy(version.folder.join("loader.efi"), self.path("esp/EFI/BOOT/BOOTX64.EFI")).expect("copied");
        self.write("usr/share/updog/root.json", fs::read(self.keys.root_path()).expect("a root"));
        self.settings(json!({}));
        self.runs("1.0.0");
    }

    /// Settings beyond the addresses of the repository.
    pub(crate) fn settings(&self, more: Value) {
        let url = self.web.url();
        let mut all = json!({"metadata-base-url": format!("{url}/metadata"), "targets-base-url": format!("{url}/targets/")});
        let more = more.as_object().expect("an object").clone();
        all.as_object_mut().expect("an object").extend(more);
        self.write("etc/ampoule/updates.json", all.to_string());
    }

    fn runs(&self, name: &str) {
        let version = &self.versions[name];
        let line = CommandLine::new(VerityTable::for_image(version.root_hash, version.blocks as u64));
        self.write("proc/cmdline", format!("{line}\n"));
        self.write("proc/sys/kernel/random/boot_id", format!("{}\n", self.boots.load(Ordering::SeqCst)));
        self.write("usr/lib/os-release", format!("NAME=Ampoule\nVERSION_ID={name}\nVARIANT_ID=standalone\n"));
    }

    fn daemons(&self) {
        let count = Arc::clone(&self.reboots);
        ampoule_test_support::init(&self.path("run/ampoule/init.sock"), move |bytes| match Request::decode(bytes) {
            Some(Request::Service(index)) => service(index),
            Some(Request::Reboot) => {
                *count.lock().expect("lock") += 1;
                Reply::Done
            }
            _ => Reply::Done,
        });
        let (api, problems) = (Arc::clone(&self.api), Arc::clone(&self.problems));
        listen(&self.path("run/ampoule/apid/api.sock"), move |stream| {
            let lines = BufReader::new(&*stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
            let asked = lines.collect::<Vec<_>>().join("\n");
            let answer = match asked.starts_with("GET /v1/generations ") {
                true => json!({ "in-force": 1, "confirmed": 1, "generations": [], "problems": *problems.lock().expect("lock") }),
                false => json!({}),
            };
            if api.load(Ordering::SeqCst) {
                let _ = write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{answer}");
            }
        });
        let workloads = Arc::clone(&self.workloads);
        listen(&self.path("run/ampoule/hostd/status"), move |stream| {
            let workloads = workloads.lock().expect("lock").iter().map(workload).collect();
            let _ = stream.write_all(&serde_json::to_vec(&WorkloadList { workloads, ..WorkloadList::default() }).expect("JSON"));
        });
        let command = Arc::clone(&self.command);
        listen(&self.path("run/ampoule/hostd/checks"), move |stream| {
            let mut asked = String::new();
            let _ = BufReader::new(&*stream).read_line(&mut asked);
            let mut command = command.lock().expect("lock");
            command.1.push(asked);
            let _ = stream.write_all(command.0.as_bytes());
        });
        let options =
            ampoule_update_fetcher::Options::of_test(&self.path("run/ampoule/update-fetcher/socket"), Path::new("/nowhere"), 1500);
        std::thread::spawn(move || ampoule_update_fetcher::run(options));
    }

    /// Starts the updater, in place of the one that runs.
    pub(crate) fn start(&mut self) {
        self.kill();
        let socket = self.path("run/ampoule/updated/command");
        let _ = fs::remove_file(&socket);
        let log = fs::OpenOptions::new().create(true).append(true).open(self.path("log")).expect("a log");
        self.child = Some(crate::machine::start(&self.path(""), log));
        self.until("it listens", |_| UnixStream::connect(&socket).ok().map(drop));
        self.until("the fetcher listens", |node| node.path("run/ampoule/update-fetcher/socket").exists().then_some(()));
        // Until then it counts as on trial.
        let (unknown, reboots) = (json!(["the first look at this boot"]), self.reboots());
        self.until("it is known how the boot stands", |node| {
            (node.status()["boot"]["waits-for"] != unknown || node.reboots() > reboots).then_some(())
        });
    }

    /// The most memory that the updater had since it started, in bytes.
    pub(crate) fn peak(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.as_ref().expect("it runs").id())).expect("a status");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        peak.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("killed");
            child.wait().expect("ended");
        }
    }

    /// The loader picks, counts, and starts the version; then the updater is started, if the version gets that far.
    pub(crate) fn boot(&mut self, comes_up: bool) -> String {
        self.kill();
        let images: Vec<_> =
            self.versions.keys().map(|name| loader::Image { version: name.parse().expect("a version"), order: name.clone() }).collect();
        // What is no program is no entry: systemd-boot looks at the headers of each (`config_entry_add_unified`).
        let is_program = |name: &String| fs::read(self.path("esp/EFI/Linux").join(name)).is_ok_and(|bytes| bytes.starts_with(b"MZ"));
        let programs = self.names("esp/EFI/Linux").into_iter().filter(is_program).collect();
        let esp = Esp { images: programs, entries: vec![], copies: vec![] };
        let first = loader::entries(&esp, &images).into_iter().next().expect("something to boot");
        fs::rename(self.path("esp").join(&first.path), self.path("esp").join(counted(&first))).expect("counted");
        let name = first.version.to_string();
        self.boots.fetch_add(1, Ordering::SeqCst);
        self.runs(&name);
        if comes_up {
            self.start();
        }
        name
    }

    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(self.path(folder)).into_iter().flatten().flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Asks the updater; the whole answer.
    pub(crate) fn ask(&self, request: Value) -> Value {
        self.try_ask(&request).expect("an answer")
    }

    pub(crate) fn try_ask(&self, request: &Value) -> Option<Value> {
        let mut stream = UnixStream::connect(self.path("run/ampoule/updated/command")).ok()?;
        stream.write_all(format!("{request}\n").as_bytes()).ok()?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).ok()?;
        serde_json::from_str(&line).ok()
    }

    pub(crate) fn command(&self, command: &str) -> Value {
        self.ask(json!({"command": command}))
    }

    pub(crate) fn status(&self) -> Value {
        self.command("status")["ok"].clone()
    }

    pub(crate) fn state(&self) -> String {
        self.status()["status"]["update_state"].as_str().expect("a state").to_owned()
    }

    /// Has a command carried out to its end; what it said if it failed.
    pub(crate) fn run(&self, command: &str) -> Result<(), String> {
        let begun = self.command(command);
        if let Some(refused) = begun["refused"]["message"].as_str() {
            return Err(refused.to_owned());
        }
        let last = self.until("the command ends", |node| {
            let status = node.status();
            let last = &status["status"]["most_recent_command"];
            (status["progress"].is_null() && last["cmd_type"] == command && last["cmd_status"] != "Unknown").then(|| last.clone())
        });
        match last["cmd_status"].as_str() {
            Some("Success") => Ok(()),
            _ => Err(last["stderr"].as_str().unwrap_or_default().to_owned()),
        }
    }

    /// Refreshes, prepares, activates; the next boot runs it.
    pub(crate) fn take_update(&self) {
        for command in ["refresh", "prepare", "activate"] {
            assert_eq!(self.run(command), Ok(()), "{command}: {}", self.log());
        }
        assert_eq!(self.state(), "Ready");
    }

    pub(crate) fn until<T>(&self, what: &str, look: impl Fn(&Self) -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            assert!(started.elapsed() < Duration::from_secs(90), "{what}: not in time\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub(crate) fn reboots(&self) -> usize {
        *self.reboots.lock().expect("lock")
    }

    /// What the partition called `name` starts with, and its GUID.
    pub(crate) fn partition(&self, name: &str, length: usize) -> (Vec<u8>, String) {
        let disk = fs::read(self.path("disk.img")).expect("a disk");
        let entry = entries(&disk[..HEAD_BYTES], 512).expect("a table").into_iter().find(|entry| entry.name == name).expect("a partition");
        let start = entry.start as usize;
        (disk[start..start + length].to_vec(), entry.guid.to_string())
    }

    /// Where the partition called `name` lies on the disk: start and length in bytes.
    pub(crate) fn place(&self, name: &str) -> (u64, u64) {
        let mut head = vec![0; HEAD_BYTES];
        fs::File::open(self.path("disk.img")).and_then(|mut disk| disk.read_exact(&mut head)).expect("a disk");
        let entry = entries(&head, 512).expect("a table").into_iter().find(|entry| entry.name == name).expect("a partition");
        (entry.start, entry.length)
    }

    /// Whether slot B holds a version, whole and named for it.
    pub(crate) fn slot_b_is(&self, name: &str) -> bool {
        self.slot_is("B", name)
    }

    pub(crate) fn slot_is(&self, letter: &str, name: &str) -> bool {
        let version = &self.versions[name];
        let (root, tree) = (file(version, "root.erofs"), file(version, "root.verity"));
        let (has_root, root_guid) = self.partition(&format!("ROOT-{letter}"), root.len());
        let (has_tree, tree_guid) = self.partition(&format!("VERITY-{letter}"), tree.len());
        has_root == root
            && has_tree == tree
            && root_guid == version.root_hash.root_partition().to_string()
            && tree_guid == version.root_hash.verity_partition().to_string()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

fn workload((name, state): &(String, WorkloadState)) -> WorkloadStatus {
    WorkloadStatus {
        name: name.clone(),
        image: String::new(),
        state: *state,
        pid: None,
        address: None,
        restarts: 0,
        started_at: None,
        exit_code: None,
        message: String::new(),
        pull: None,
        isolation: None,
        disk: None,
    }
}

fn service(index: u16) -> Reply {
    let names = ["storage", "logd", "netd", "apid", "containerd", "hostd", "metricd"];
    let Some(name) = names.get(usize::from(index)) else { return Reply::End };
    let phase = if *name == "metricd" { Phase::Failed } else { Phase::Running };
    let name = Name::new(name).expect("a name");
    Reply::Service(ServiceStatus { name, phase, pid: 1, restarts: 0, since_ms: 0, ready_ms: 1 })
}

fn listen(path: &Path, answer: impl Fn(&mut UnixStream) + Send + 'static) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    let listener = UnixListener::bind(path).expect("listens");
    std::thread::spawn(move || listener.incoming().flatten().for_each(|mut stream| answer(&mut stream)));
}

pub(crate) fn file(version: &Version, name: &str) -> Vec<u8> {
    fs::read(version.folder.join(name)).expect("a file")
}

/// A disk with the partitions of a node, slot A with the version in it.
fn disk(version: &Version) -> Vec<u8> {
    let total = PARTITIONS.iter().map(|(_, size)| size).sum::<u64>() + 4 * MIB;
    let mut device = Cursor::new(vec![0; total as usize]);
    gpt::mbr::ProtectiveMBR::with_lb_size((total / 512 - 1) as u32).overwrite_lba0(&mut device).expect("a table");
    let mut table = gpt::GptConfig::new().writable(true).create_from_device(device, None).expect("a table");
    for (name, size) in PARTITIONS {
        table.add_partition(name, size, gpt::partition_types::LINUX_FS, 0, Some(2048)).expect("a partition");
    }
    table.write_inplace().expect("written");
    let mut disk = table.take_device().into_inner();
    let guids = [(2, version.root_hash.root_partition()), (3, version.root_hash.verity_partition())];
    for write in set_guids(&disk[..HEAD_BYTES], 512, total, &guids).expect("named") {
        disk[write.offset as usize..][..write.bytes.len()].copy_from_slice(&write.bytes);
    }
    let all = entries(&disk[..HEAD_BYTES], 512).expect("a table");
    for (name, content) in [("ROOT-A", file(version, "root.erofs")), ("VERITY-A", file(version, "root.verity"))] {
        let start = all.iter().find(|entry| entry.name == name).expect("a partition").start as usize;
        disk[start..start + content.len()].copy_from_slice(&content);
    }
    disk
}
