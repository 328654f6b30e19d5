use super::*;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::os::unix::fs::symlink;

/// Devices as files, file systems as folders.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        for below in ["block", "dev", "content"] {
            fs::create_dir(folder.path().join(below)).expect("folder");
        }
        Self { folder }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// A device with this label and these files; a name with `/` is a partition.
    fn device(&self, name: &str, label: Option<&str>, content: &[(&str, &str)]) {
        let sys = self.path("block").join(name);
        fs::create_dir_all(&sys).expect("sys");
        let leaf = name.rsplit('/').next().expect("a name");
        if name.contains('/') {
            fs::write(sys.join("partition"), "1\n").expect("partition");
        }
        let mut head = vec![0; HEAD];
        if let Some(label) = label {
            head[1024 + 0x38..1024 + 0x3a].copy_from_slice(&[0x53, 0xef]);
            head[1024 + 0x78..1024 + 0x78 + label.len()].copy_from_slice(label.as_bytes());
        }
        fs::write(self.path("dev").join(leaf), head).expect("device");
        let files = self.path("content").join(leaf);
        fs::create_dir_all(&files).expect("content");
        for (name, text) in content {
            fs::write(files.join(name), text).expect("file");
        }
    }

    fn scan(&self) -> Vec<Candidate> {
        scan(&self.path("block"), &self.path("dev"))
    }

    fn open(&self, device: &Path) -> io::Result<OwnedFd> {
        let folder = self.path("content").join(device.file_name().expect("a name"));
        Ok(File::open(folder)?.into())
    }

    fn disc(&self) -> Finding {
        disc(&self.scan(), &|device, _| self.open(device))
    }

    fn volume(&self) -> Finding {
        config_volume(&self.scan(), &|device, _| self.open(device))
    }
}

fn found(finding: Finding) -> String {
    match finding {
        Finding::Found(bytes, _) => String::from_utf8(bytes).expect("text"),
        other => panic!("{other:?}"),
    }
}

fn failed(finding: Finding) -> String {
    match finding {
        Finding::Failed(why) => why,
        other => panic!("{other:?}"),
    }
}

fn environment(bytes: &[u8]) -> String {
    let value = STANDARD.encode(bytes);
    format!("<Environment><PropertySection><Property key=\"user-data\" value=\"{value}\"/></PropertySection></Environment>")
}

#[test]
fn a_labelled_volume_is_read_on_a_disk_or_a_partition() {
    let machine = Machine::new();
    machine.device("vda", None, &[]);
    machine.device("vda/vda1", Some("ROOT-A"), &[("user-data", "not this")]);
    assert!(matches!(machine.volume(), Finding::Absent(_)));
    machine.device("vdb", Some("CIDATA"), &[("user-data", "of a disk"), ("meta-data", "x")]);
    assert_eq!(found(machine.volume()), "of a disk");
    let machine = Machine::new();
    machine.device("sda", None, &[]);
    machine.device("sda/sda1", Some("ampoule-config"), &[("user-data.toml", "of a partition")]);
    assert_eq!(found(machine.volume()), "of a partition");
}

#[test]
fn devices_that_the_node_made_do_not_count() {
    let machine = Machine::new();
    for name in ["loop0", "dm-0", "zram0", "ram0", "nbd0"] {
        machine.device(name, Some("cidata"), &[("user-data", "made inside")]);
    }
    assert!(machine.scan().is_empty());
}

#[test]
fn what_is_ambiguous_is_refused() {
    let machine = Machine::new();
    machine.device("vdb", Some("cidata"), &[("user-data", "one"), ("user-data.toml", "two")]);
    assert!(failed(machine.volume()).contains("user-data.toml"));
    machine.device("vdc", Some("ampoule-config"), &[("user-data", "three")]);
    let why = failed(machine.volume());
    assert!(why.contains("vdb") && why.contains("vdc"), "{why}");
}

#[test]
fn a_labelled_volume_without_user_data_is_a_failure() {
    let machine = Machine::new();
    machine.device("vdb", Some("cidata"), &[("meta-data", "x")]);
    assert!(failed(machine.volume()).contains("neither"));
    fs::write(machine.path("content/vdb/user-data"), vec![b'#'; MAX_USER_DATA + 1]).expect("file");
    assert!(failed(machine.volume()).contains("gzip"));
}

#[test]
fn nothing_is_read_through_a_link() {
    let machine = Machine::new();
    machine.device("vdb", Some("cidata"), &[]);
    fs::write(machine.path("secret"), "of the node").expect("file");
    symlink(machine.path("secret"), machine.path("content/vdb/user-data")).expect("link");
    assert!(failed(machine.volume()).contains("cannot read"));
}

#[test]
fn a_disc_of_any_label_counts() {
    let machine = Machine::new();
    assert!(matches!(machine.disc(), Finding::Absent(_)));
    machine.device("sr0", Some("OVF ENV"), &[("OVF_ENV.XML", &environment(b"[settings]\n"))]);
    assert_eq!(found(machine.disc()), "[settings]\n");
    assert!(matches!(machine.volume(), Finding::Absent(_)), "a disc is no volume");
    fs::write(machine.path("content/sr0/user-data"), "a file of its own wins").expect("file");
    assert_eq!(found(machine.disc()), "a file of its own wins");
}

#[test]
fn a_disc_with_other_things_has_none() {
    let machine = Machine::new();
    machine.device("sr0", Some("Debian 12"), &[("README.txt", "x")]);
    machine.device("sr1", None, &[]);
    assert!(matches!(machine.disc(), Finding::Absent(_)));
    let machine = Machine::new();
    machine.device("sr0", Some("OVF ENV"), &[("ovf-env.xml", "<Environment/>")]);
    assert!(matches!(machine.disc(), Finding::Absent(_)));
}

#[test]
fn wrong_environments_are_refused() {
    let machine = Machine::new();
    machine.device("sr0", Some("x"), &[("ovf-env.xml", "<Environment>"), ("OVF_ENV.XML", "x")]);
    assert!(failed(machine.disc()).contains("leave one"));
    fs::remove_file(machine.path("content/sr0/OVF_ENV.XML")).expect("removed");
    assert!(failed(machine.disc()).contains("ovf-env.xml"));
    machine.device("sr1", Some("y"), &[("user-data", "z")]);
    assert!(failed(machine.disc()).contains("leave one"));
}

#[test]
fn a_file_system_that_cannot_be_opened_is_a_failure() {
    let machine = Machine::new();
    machine.device("vdb", Some("cidata"), &[]);
    let refuse = |_: &Path, _| Err(io::Error::other("bad superblock"));
    assert!(failed(config_volume(&machine.scan(), &refuse)).contains("bad superblock"));
}
