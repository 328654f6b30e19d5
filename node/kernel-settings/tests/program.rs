//! The real program on a tree that looks like `/`: what it writes, gives back, refuses and says.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ampoule_supervise::message::{Name, Request};
use ampoule_test_support::Tree;

/// A tree like `/`.
struct Node(Tree);

impl Node {
    /// With these entries below `/proc/sys` and lockdown at integrity.
    fn new(entries: &[(&str, &str)]) -> Self {
        let node = Self(Tree::new(&["proc/sys", "run/ampoule/kernel-settings"]));
        for (path, value) in entries {
            node.0.write(&format!("proc/sys/{path}"), format!("{value}\n"));
        }
        node.0.write("sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
        node
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path(below)
    }

    fn entry(&self, path: &str) -> String {
        fs::read_to_string(self.path("proc/sys").join(path)).expect("entry").trim_end().to_owned()
    }

    /// Runs with these settings; whether it ended well, and the lines it logged.
    fn run(&self, document: &str) -> (bool, Vec<String>) {
        fs::write(self.path("etc/ampoule/kernel.json"), document).expect("settings");
        self.run_as_is()
    }

    fn run_as_is(&self) -> (bool, Vec<String>) {
        let (ok, said) = self.0.run(env!("CARGO_BIN_EXE_kernel-settings"), "kernel-settings");
        (ok, said.lines().map(str::to_owned).collect())
    }
}

#[test]
fn modload_is_told_once_in_a_boot() {
    let node = Node::new(&[]);
    assert_eq!(node.run_as_is(), (true, vec![]));
    assert_eq!(node.run_as_is(), (true, vec![]));
    assert_eq!(node.0.asked(), [Request::Reload(Name::new("modload").expect("a name"))]);
}

const ENTRIES: &[(&str, &str)] = &[
    ("net/ipv4/ip_forward", "0"),
    ("vm/max_map_count", "65530"),
    ("kernel/modprobe", "/usr/bin/modload"),
    ("net/ipv4/tcp_wmem", "1\t2\t3"),
];

#[test]
fn without_a_file_nothing_happens() {
    let node = Node::new(ENTRIES);
    assert_eq!(node.run_as_is(), (true, vec![]));
    assert_eq!(node.entry("net/ipv4/ip_forward"), "0");
}

#[test]
fn values_are_written_and_given_back() {
    let node = Node::new(ENTRIES);
    let (ok, lines) = node.run(r#"{"sysctl":{"net.ipv4.ip_forward":"1","vm/max_map_count":"262144","net.ipv4.tcp_wmem":"1 2 3"}}"#);
    assert!(ok && lines.len() == 2, "{lines:?}");
    assert_eq!((node.entry("net/ipv4/ip_forward"), node.entry("vm/max_map_count")), ("1".into(), "262144".into()));
    assert_eq!(node.entry("net/ipv4/tcp_wmem"), "1\t2\t3", "what is right already is not written");
    // A second run changes nothing; one with a new value keeps the first original.
    assert_eq!(node.run_as_is(), (true, vec![]));
    assert!(node.run(r#"{"sysctl":{"vm.max_map_count":"300000"}}"#).0);
    assert_eq!((node.entry("net/ipv4/ip_forward"), node.entry("vm/max_map_count")), ("0".into(), "300000".into()));
    fs::remove_file(node.path("etc/ampoule/kernel.json")).expect("removed");
    assert!(node.run_as_is().0);
    assert_eq!(node.entry("vm/max_map_count"), "65530");
}

#[test]
fn what_fails_is_named_and_the_rest_is_tried() {
    let node = Node::new(ENTRIES);
    let (ok, lines) = node.run(r#"{"sysctl":{"a.missing":"7","kernel.modprobe":"/tmp/x","vm.max_map_count":"5"}}"#);
    assert!(!ok);
    assert_eq!((node.entry("vm/max_map_count"), node.entry("kernel/modprobe")), ("5".into(), "/usr/bin/modload".into()));
    let last = lines.last().expect("a line");
    assert!(last.starts_with("<3>") && last.contains("a.missing = 7") && last.contains("No such file"), "{last}");
    assert!(last.contains("settings.kernel.sysctl.kernel.modprobe is refused") && last.contains("runs the program"), "{last}");
}

/// Links come by a hypervisor's hand, or late from a slow driver; no setting is to be taken back for that.
#[test]
fn a_sysctl_of_a_link_that_is_not_there_waits_for_it() {
    let node = Node::new(ENTRIES);
    let (ok, lines) = node.run(r#"{"sysctl":{"net.ipv4.conf.late0.rp_filter":"2","vm.max_map_count":"5"}}"#);
    assert!(ok && lines.iter().any(|line| line.contains("net.ipv4.conf.late0.rp_filter waits for its link")), "{lines:?}");
    assert_eq!(node.entry("vm/max_map_count"), "5");
    let folder = node.path("proc/sys/net/ipv4/conf/late0");
    fs::create_dir_all(&folder).expect("folder");
    fs::write(folder.join("rp_filter"), "0\n").expect("entry");
    assert!(node.run_as_is().0);
    assert_eq!(node.entry("net/ipv4/conf/late0/rp_filter"), "2");
    // It goes, comes anew and has its value again; when it is gone for good, nothing is left to give back.
    fs::write(folder.join("rp_filter"), "1\n").expect("entry");
    assert!(node.run_as_is().0);
    assert_eq!(node.entry("net/ipv4/conf/late0/rp_filter"), "2");
    fs::remove_dir_all(&folder).expect("removed");
    assert!(node.run("{}").0);
    // An entry that no kernel has is a mistake all the same.
    fs::create_dir_all(&folder).expect("folder");
    assert!(!node.run(r#"{"sysctl":{"net.ipv4.conf.late0.nonsense":"2"}}"#).0);
}

#[test]
fn a_value_that_cannot_be_given_back_is_tried_again() {
    let node = Node::new(ENTRIES);
    assert!(node.run(r#"{"sysctl":{"net.ipv4.ip_forward":"1"}}"#).0);
    let entry = node.path("proc/sys/net/ipv4/ip_forward");
    fs::rename(&entry, entry.with_extension("away")).expect("moved");
    assert!(!node.run("{}").0);
    fs::rename(entry.with_extension("away"), &entry).expect("moved");
    assert!(node.run("{}").0);
    assert_eq!(node.entry("net/ipv4/ip_forward"), "0");
}

#[test]
fn no_value_goes_where_its_original_cannot_be_kept() {
    let node = Node::new(ENTRIES);
    fs::remove_dir(node.path("run/ampoule/kernel-settings")).expect("removed");
    let (ok, lines) = node.run(r#"{"sysctl":{"net.ipv4.ip_forward":"1"}}"#);
    assert!(!ok && lines.last().is_some_and(|line| line.contains("values from before")), "{lines:?}");
    assert_eq!(node.entry("net/ipv4/ip_forward"), "0");
}

#[test]
fn lockdown_goes_up_only() {
    let node = Node::new(&[]);
    let lockdown = || fs::read_to_string(node.path("sys/kernel/security/lockdown")).expect("lockdown");
    let (ok, lines) = node.run(r#"{"lockdown":"none"}"#);
    assert!(ok && lines[0].contains("starts at integrity") && lockdown().contains('['), "{lines:?}");
    assert!(node.run(r#"{"lockdown":"confidentiality"}"#).0);
    assert_eq!(lockdown(), "confidentiality");
    fs::write(node.path("sys/kernel/security/lockdown"), "none integrity [confidentiality]\n").expect("lockdown");
    let (ok, lines) = node.run(r#"{"lockdown":"integrity"}"#);
    assert!(ok && lines[0].contains("after a reboot"), "{lines:?}");
    fs::remove_file(node.path("sys/kernel/security/lockdown")).expect("removed");
    assert!(!node.run(r#"{"lockdown":"integrity"}"#).0);
}

#[test]
fn a_wrong_file_changes_nothing() {
    let node = Node::new(ENTRIES);
    let (ok, lines) = node.run(r#"{"sysctl":{"net.ipv4.ip_forward":1}}"#);
    assert!(!ok && lines.last().is_some_and(|line| line.contains("kernel.json is wrong")), "{lines:?}");
    assert_eq!(node.entry("net/ipv4/ip_forward"), "0");
    assert!(!Path::new(&node.path("run/ampoule/kernel-settings/originals.json")).exists());
}
