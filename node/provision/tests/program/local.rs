//! Sources on the node itself.

use crate::harness::Node;
use std::fs;
use std::os::unix::fs::PermissionsExt;

const FW_CFG: &str = "/sys/firmware/qemu_fw_cfg/by_name/opt/org.ampoule/user-data/raw";

#[test]
fn files_are_left_in_the_order_in_which_they_count() {
    let node = Node::new()
        .with_file("/state/user-data-overrides.toml", "last")
        .with_file("/state/user-data-defaults.toml", "first")
        .with_file("/state/user-data.toml", "second")
        .with_file(FW_CFG, b"third");
    node.provisions();
    let expected =
        [("10-local-defaults", "first"), ("20-local-user-data", "second"), ("35-fw-cfg", "third"), ("99-local-overrides", "last")];
    assert_eq!(node.user_data(), expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    assert_eq!(node.report("35-fw-cfg").0, "found");
}

#[test]
fn packed_user_data_stays_packed() {
    let packed = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let node = Node::new().with_file(FW_CFG, packed);
    node.provisions();
    assert_eq!(fs::read(node.path("run/ampoule/provision/user-data/35-fw-cfg")).expect("a file"), packed);
}

#[test]
fn a_node_with_nothing_is_ready_at_once_and_says_so_of_every_source() {
    let node = Node::new();
    let run = node.starts();
    assert!(run.gets_ready().as_secs() < 5);
    drop(run);
    for source in
        ["10-local-defaults", "20-local-user-data", "30-cd-rom", "31-config-volume", "35-fw-cfg", "40-ec2-imds", "99-local-overrides"]
    {
        assert_eq!(node.report(source).0, "absent", "{source}");
    }
    assert!(node.user_data().is_empty());
}

#[test]
fn only_its_owner_and_its_group_may_read_what_is_left() {
    let node = Node::new().with_file(FW_CFG, "secret");
    node.provisions();
    let mode = |path: &str| fs::metadata(node.path(path)).expect("there").permissions().mode() & 0o777;
    // The group is whom the service file lets in: the API server.
    assert_eq!(mode("run/ampoule/provision"), 0o750);
    assert_eq!(mode("run/ampoule/provision/user-data/35-fw-cfg"), 0o640);
    assert!(!node.log().contains("secret"), "{}", node.log());
}

#[test]
fn what_is_too_long_is_reported_and_the_others_are_taken() {
    let node = Node::new().with_file(FW_CFG, vec![b'#'; 64 * 1024 + 1]).with_file("/state/user-data.toml", "good");
    node.provisions();
    let (state, detail) = node.report("35-fw-cfg");
    assert!(state == "failed" && detail.contains("gzip"), "{state}: {detail}");
    assert_eq!(node.user_data(), [("20-local-user-data".to_owned(), "good".to_owned())]);
    assert!(node.log().contains("<3>User data in 35-fw-cfg"), "{}", node.log());
}

#[test]
fn user_data_that_has_gone_is_gone() {
    let node = Node::new().with_file(FW_CFG, "x");
    node.provisions();
    fs::remove_file(node.path(FW_CFG)).expect("removed");
    node.provisions();
    assert!(node.user_data().is_empty());
}

#[test]
fn a_program_that_dies_again_and_again_lets_the_node_come_up() {
    let node = Node::new().with_file(FW_CFG, "x").with_file("/run/ampoule/provision/starts", "3");
    node.provisions();
    assert!(node.user_data().is_empty());
    let (state, detail) = node.report("35-fw-cfg");
    assert!(state == "failed" && detail.contains("3 times"), "{detail}");
}

#[test]
fn a_seed_is_made_and_time_servers_stay_the_images() {
    let node = Node::new();
    node.provisions();
    let generated = node.generated();
    let seed = generated["updates.seed"]["value"].as_u64().expect("a number");
    assert!(seed < 2048 && generated["updates.seed"]["strength"] == "strong", "{generated}");
    assert!(generated.get("ntp.time-servers").is_none() && generated.get("aws.region").is_none(), "{generated}");
}

#[test]
fn a_volume_that_cannot_be_opened_is_reported() {
    let mut head = vec![0; 34 * 1024];
    head[1024 + 0x38..1024 + 0x3a].copy_from_slice(&[0x53, 0xef]);
    head[1024 + 0x78..1024 + 0x7e].copy_from_slice(b"cidata");
    let node = Node::new().with_file("/dev/vdb", head).with_file("/sys/block/vdb/size", "68\n");
    node.provisions();
    let (state, detail) = node.report("31-config-volume");
    assert!(state == "failed" && detail.contains("vdb"), "{state}: {detail}");
}
