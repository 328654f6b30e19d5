//! The real program on a tree that looks like `/`, with a boot loader that counts as systemd-boot does.

use std::{fs, path::PathBuf};

use ampoule_layout::{CommandLine, RootHash, VerityTable};
use ampoule_supervise::message::Request;
use ampoule_test_support::Tree;

struct Node(Tree);

fn base() -> String {
    CommandLine::new(VerityTable::for_image(RootHash::from_bytes([7; 32]), 11)).to_string()
}

impl Node {
    fn new() -> Self {
        let node = Self(Tree::new(&["proc", "sys/firmware/efi", "esp/loader"]));
        node.0.write("usr/lib/os-release", "ID=ampoule\nVERSION=\"0.1.0 (test)\"\nVERSION_ID=0.1.0\n");
        node.0.write("esp/EFI/Linux/ampoule_0.1.0+2-1.efi", vec![7; 200_000]);
        node.boot();
        node
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path(below)
    }

    fn entries(&self) -> Vec<String> {
        let names = fs::read_dir(self.path("esp/loader/entries")).into_iter().flatten().flatten();
        let mut names: Vec<String> = names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Starts by the first entry that has tries left and its kernel image, and counts; else by the image itself.
    fn boot(&self) {
        let mut line = base();
        for name in self.entries() {
            let (stem, counter) = name.strip_suffix(".conf").expect("an entry").split_once('+').unwrap_or((&name, ""));
            let left = counter.split('-').next().unwrap_or("").parse::<u32>().ok();
            let text = fs::read_to_string(self.path("esp/loader/entries").join(&name)).expect("entry");
            let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).expect(key).trim().to_owned();
            if left == Some(0) || !self.path("esp").join(value("efi ").trim_start_matches('/')).is_file() {
                continue;
            }
            if let Some(left) = left {
                let counted = format!("{stem}+{}-{}.conf", left - 1, 3 - (left - 1));
                fs::rename(self.path("esp/loader/entries").join(&name), self.path("esp/loader/entries").join(counted)).expect("counted");
            }
            line = value("options ");
            break;
        }
        fs::write(self.path("proc/cmdline"), format!("{line}\n")).expect("line");
    }

    fn settings(&self, document: &str) {
        fs::write(self.path("etc/ampoule/boot.json"), document).expect("settings");
    }

    fn run(&self) -> (bool, String) {
        self.0.run(env!("CARGO_BIN_EXE_boot-parameters"), "boot-parameters")
    }

    fn reboots(&self) -> usize {
        self.0.asked().iter().filter(|request| **request == Request::Reboot).count()
    }

    fn line(&self) -> String {
        fs::read_to_string(self.path("proc/cmdline")).expect("line").trim().to_owned()
    }
}

const WISH: &str = r#"{"kernel-parameters":{"mitigations":["off"],"dyndbg":["file x +p"]},"reboot-to-reconcile":true}"#;
const WORDS: &str = "dyndbg=\"file x +p\" mitigations=off";

#[test]
fn without_a_wish_nothing_is_written() {
    let node = Node::new();
    assert_eq!(node.run(), (true, String::new()));
    assert_eq!(fs::read_dir(node.path("esp")).expect("read").count(), 2);
    assert!(!node.path("esp/EFI/ampoule").exists() && node.entries().is_empty());
}

#[test]
fn a_wish_takes_one_reboot_and_then_stays() {
    let node = Node::new();
    node.settings(WISH);
    assert!(node.run().0);
    assert_eq!((node.reboots(), node.entries()), (1, vec!["ampoule_0.1.0.parameters+3.conf".to_owned()]));
    let entry = fs::read_to_string(node.path("esp/loader/entries/ampoule_0.1.0.parameters+3.conf")).expect("entry");
    assert!(entry.contains("\nversion 0.1.0 (test).parameters\n"), "it must stand right before the image's own: {entry}");
    node.boot();
    assert_eq!(node.line(), format!("{} {WORDS}", base()));
    // While the boots of the image are counted, so are those of its entry: whoever marks the image good may rename it.
    assert_eq!((node.run(), node.entries()), ((true, String::new()), vec!["ampoule_0.1.0.parameters+2-1.conf".to_owned()]));
    fs::rename(node.path("esp/EFI/Linux/ampoule_0.1.0+2-1.efi"), node.path("esp/EFI/Linux/ampoule_0.1.0.efi")).expect("renamed");
    for _ in 0..2 {
        assert_eq!(node.run(), (true, String::new()));
        node.boot();
        assert_eq!((node.reboots(), node.entries()), (1, vec!["ampoule_0.1.0.parameters.conf".to_owned()]));
    }
    assert!(node.line().ends_with(WORDS) && node.run() == (true, String::new()));
    // And back.
    fs::remove_file(node.path("etc/ampoule/boot.json")).expect("removed");
    assert!(node.run().0 && node.entries().is_empty() && !node.path("esp/EFI/ampoule/0.1.0.efi").exists());
    assert_eq!(node.reboots(), 1, "the switch went with the settings");
    node.boot();
    assert_eq!((node.line(), node.run()), (base(), (true, String::new())));
}

#[test]
fn parameters_that_do_not_start_are_left_after_three_tries() {
    let node = Node::new();
    node.settings(WISH);
    assert!(node.run().0);
    // The program does not run in these three: the kernel never gets that far.
    (0..4).for_each(|_| node.boot());
    assert_eq!((node.line(), node.entries()), (base(), vec!["ampoule_0.1.0.parameters+0-3.conf".to_owned()]));
    for _ in 0..3 {
        let (ok, said) = node.run();
        assert!(ok && said.contains("did not come up with: dyndbg"), "{said}");
        node.boot();
    }
    assert_eq!(node.reboots(), 1);
}

#[test]
fn a_boot_partition_that_does_not_keep_does_not_make_a_loop() {
    let node = Node::new();
    node.settings(WISH);
    for _ in 0..4 {
        node.run();
        // The loader ignores the entry, as it does when it lacks the kernel image.
        fs::remove_dir_all(node.path("esp/loader/entries")).expect("removed");
        node.boot();
    }
    assert_eq!(node.reboots(), 1);
    let (ok, said) = node.run();
    assert!(ok && said.contains("it started the node with"), "{said}");
}

#[test]
fn what_a_crash_left_is_mended() {
    let node = Node::new();
    node.settings(&WISH.replace("true", "false"));
    assert!(node.run().0 && node.reboots() == 0);
    fs::write(node.path("esp/EFI/ampoule/0.1.0.efi"), "half").expect("torn");
    fs::write(node.path("esp/loader/entries/ampoule_0.1.0.parameters+1.conf"), "efi /x\noptions y\n").expect("torn");
    assert!(node.run().0);
    assert_eq!(node.entries(), ["ampoule_0.1.0.parameters+3.conf"]);
    assert_eq!(fs::read(node.path("esp/EFI/ampoule/0.1.0.efi")).expect("copy").len(), 200_000);
}

#[test]
fn files_of_versions_that_are_gone_go_and_others_stay() {
    let node = Node::new();
    for folder in ["esp/EFI/ampoule", "esp/loader/entries"] {
        fs::create_dir_all(node.path(folder)).expect("folder");
    }
    fs::write(node.path("esp/EFI/Linux/ampoule_0.0.9.efi"), "image").expect("image");
    for version in ["0.0.8", "0.0.9"] {
        fs::write(node.path(&format!("esp/EFI/ampoule/{version}.efi")), "copy").expect("copy");
        fs::write(node.path(&format!("esp/loader/entries/ampoule_{version}.parameters.conf")), "efi /EFI/none\noptions x").expect("entry");
    }
    node.settings(WISH);
    assert!(node.run().0);
    assert_eq!(node.entries(), ["ampoule_0.0.9.parameters.conf", "ampoule_0.1.0.parameters+3.conf"]);
    assert!(!node.path("esp/EFI/ampoule/0.0.8.efi").exists() && node.path("esp/EFI/ampoule/0.0.9.efi").exists());
}

#[test]
fn what_would_unseal_the_node_changes_nothing() {
    let node = Node::new();
    node.settings(r#"{"kernel-parameters":{"init":["/bin/sh"],"quiet":[]},"reboot-to-reconcile":true}"#);
    let (ok, said) = node.run();
    assert!(!ok && said.contains("settings.boot.kernel-parameters.init: no setting may change it"), "{said}");
    assert!(node.entries().is_empty() && node.reboots() == 0);
}

#[test]
fn a_node_without_firmware_says_so() {
    let node = Node::new();
    fs::remove_dir(node.path("sys/firmware/efi")).expect("removed");
    node.settings(WISH);
    let (ok, said) = node.run();
    assert!(ok && said.contains("has no effect") && node.reboots() == 0, "{said}");
    node.settings("{}");
    assert_eq!(node.run(), (true, String::new()));
}
