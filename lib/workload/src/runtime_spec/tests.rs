use super::*;
use crate::workload::tests::example;

fn image() -> ImageConfig {
    ImageConfig::parse(
        br#"{"config":{"User":"web","Env":["PATH=/bin","A=image"],"Entrypoint":["/entry"],"Cmd":["run"],"WorkingDir":"/srv"},
             "rootfs":{"diff_ids":["sha256:1"]}}"#,
    )
    .expect("valid image")
}

fn built(workload: &Workload, image: &ImageConfig) -> serde_json::Value {
    built_with(workload, image, &OciDefaults::default(), true)
}

fn built_with(workload: &Workload, image: &ImageConfig, defaults: &OciDefaults, selinux: bool) -> serde_json::Value {
    let user = User { uid: 33, gid: 34, groups: vec![99], home: Some("/srv".into()) };
    let inputs = Inputs {
        name: "web",
        workload,
        defaults,
        image,
        user: &user,
        isolation: Isolation::try_from(2).expect("a number"),
        selinux,
        user_namespace: workload.user_namespace.then_some(Path::new("/run/ns/user")),
        network_namespace: Path::new("/run/ns/web"),
        files: BTreeMap::from([("/etc/hosts", PathBuf::from("/run/x/hosts"))]),
        volumes_root: Path::new("/var/lib/ampoule/volumes"),
        cgroup_parent: Path::new("/ampoule/workloads"),
    };
    let mut spec = serde_json::to_value(build(&inputs).expect("builds")).expect("serialises");
    sort_capabilities(&mut spec);
    spec
}

/// They are sets without an order.
fn sort_capabilities(spec: &mut serde_json::Value) {
    let sets = spec["process"]["capabilities"].as_object_mut().expect("sets").values_mut();
    sets.for_each(|set| set.as_array_mut().expect("a set").sort_by_key(ToString::to_string));
}

fn golden() -> String {
    serde_json::to_string_pretty(&built(&example(), &image())).expect("text") + "\n"
}

/// The whole document: a change of it is a change of what every workload may do, so it is reviewed.
#[test]
fn golden_document() {
    assert!(golden() == include_str!("golden.json"), "differs; see `print_golden_document` for the new one");
}

/// `cargo test -p ampoule-workload -- --ignored --nocapture print_golden` prints what to put into `golden.json`.
#[test]
#[ignore = "prints; checks nothing"]
fn print_golden_document() {
    print!("{}", golden());
}

#[test]
fn command_and_args_replace_what_docker_users_expect() {
    let args = |command: &[&str], args: &[&str]| {
        let mut workload = example();
        workload.command = command.iter().map(|s| (*s).to_owned()).collect();
        workload.args = args.iter().map(|s| (*s).to_owned()).collect();
        arguments(&workload, &image()).expect("something to run").join(" ")
    };
    assert_eq!(args(&[], &[]), "/entry run");
    assert_eq!(args(&[], &["x"]), "/entry x");
    assert_eq!(args(&["/other"], &[]), "/other");
    assert_eq!(args(&["/other"], &["y"]), "/other y");
    assert!(matches!(arguments(&example(), &ImageConfig::default()), Err(SpecError::NoCommand)));
}

#[test]
fn the_workload_wins_over_the_image_in_the_environment() {
    let mut workload = example();
    workload.env.insert("A".into(), "workload".into());
    let env = built(&workload, &image())["process"]["env"].clone();
    assert_eq!(env, serde_json::json!(["A=workload", "HOME=/srv", "HOSTNAME=web", "PATH=/bin"]));
}

#[test]
fn no_workload_may_gain_privilege() {
    let spec = built(&example(), &image());
    assert_eq!(spec["process"]["noNewPrivileges"], true);
    for set in ["bounding", "effective", "permitted"] {
        let names = spec["process"]["capabilities"][set].to_string();
        for dangerous in ["SYS_ADMIN", "SYS_MODULE", "NET_ADMIN", "SYS_PTRACE", "SYS_RAWIO", "DAC_READ_SEARCH"] {
            assert!(!names.contains(dangerous), "{set} has {dangerous}");
        }
    }
    assert_eq!(spec["linux"]["seccomp"]["defaultAction"], "SCMP_ACT_ERRNO");
    let all = spec["linux"]["seccomp"].to_string();
    for call in [
        "mount",
        "umount2",
        "move_mount",
        "open_tree",
        "fsopen",
        "mount_setattr",
        "pivot_root",
        "kexec_load",
        "kexec_file_load",
        "init_module",
        "finit_module",
        "delete_module",
        "bpf",
        "perf_event_open",
        "userfaultfd",
        "io_uring_setup",
        "io_uring_enter",
        "keyctl",
        "add_key",
        "request_key",
        "unshare",
        "setns",
        "open_by_handle_at",
        "reboot",
        "swapon",
        "acct",
        "syslog",
        "quotactl",
        "iopl",
        "ioperm",
        "vhangup",
        "settimeofday",
        "clock_settime",
        "sethostname",
        "kcmp",
        "lookup_dcookie",
        "fanotify_init",
        "nfsservctl",
    ] {
        assert!(!all.contains(&format!("\"{call}\"")), "{call} is allowed");
    }
}

/// What the policy has on record can be refused at all; that the kernel tells of it is asked for.
#[test]
fn recorded_calls_are_refused_and_told_of() {
    let spec = built(&example(), &image());
    let seccomp = &spec["linux"]["seccomp"];
    assert!(seccomp["flags"].to_string().contains("SECCOMP_FILTER_FLAG_LOG"), "{seccomp}");
    let rules = seccomp["syscalls"].as_array().expect("rules");
    let free = rules.iter().filter(|rule| rule["action"] == "SCMP_ACT_ALLOW" && rule.get("args").is_none());
    let free: Vec<&str> = free.flat_map(|rule| rule["names"].as_array().expect("names")).filter_map(|name| name.as_str()).collect();
    let list: serde_json::Value = serde_json::from_str(include_str!("../../../../policy/recorded-calls.json")).expect("a list");
    let recorded: Vec<&str> = list["calls"].as_array().expect("calls").iter().filter_map(|entry| entry["call"].as_str()).collect();
    let allowed: Vec<_> = recorded.iter().filter(|call| free.contains(call)).collect();
    assert!(recorded.len() > 30 && allowed.is_empty(), "whatever they are called with, these are allowed: {allowed:?}");
}

#[test]
fn no_limits_unless_asked() {
    let mut workload = example();
    (workload.memory, workload.cpus) = (None, None);
    let resources = built(&workload, &image())["linux"]["resources"].clone();
    assert!(resources.get("memory").is_none() && resources.get("cpu").is_none());
}

#[test]
fn defaults_give_and_take_capabilities_and_set_limits() {
    let text = r#"{"capabilities":{"net-raw":false,"sys-ptrace":true,"sys-module":true},
        "resource-limits":{"max-open-files":{"soft":10,"hard":20},"max-processes":{"soft":null,"hard":null}}}"#;
    let defaults: OciDefaults = serde_json::from_str(text).expect("defaults");
    let spec = built_with(&example(), &image(), &defaults, true);
    for set in ["bounding", "effective", "permitted"] {
        let names = spec["process"]["capabilities"][set].to_string();
        assert!(!names.contains("NET_RAW") && names.contains("SYS_PTRACE") && names.contains("CHOWN"), "{names}");
        assert!(!names.contains("SYS_MODULE"), "a node gives this to nobody: {names}");
    }
    let limits = spec["process"]["rlimits"].as_array().expect("limits").clone();
    assert!(limits.contains(&serde_json::json!({ "type": "RLIMIT_NOFILE", "soft": 10, "hard": 20 })), "{limits:?}");
    assert!(limits.contains(&serde_json::json!({ "type": "RLIMIT_NPROC", "soft": u64::MAX, "hard": u64::MAX })), "{limits:?}");
    assert_eq!(limits.iter().filter(|l| l["type"] == "RLIMIT_NOFILE").count(), 1);
    assert_eq!(defaults.beyond_reach().collect::<Vec<_>>(), ["sys-module"]);
}

/// A container can have no more than the engine holds.
#[test]
fn what_can_be_granted_is_what_the_engine_holds() {
    let service = include_str!("../../../../image/packages/containerd/service.toml");
    let start = service.find("capabilities = [").expect("capabilities");
    let list = &service[start..start + service[start..].find(']').expect("end")];
    let held: Vec<_> = list.split('"').skip(1).step_by(2).collect();
    assert_eq!(held, crate::oci_defaults::GRANTABLE);
}

#[test]
fn root_in_a_workload_is_nobody_on_the_node() {
    let spec = built(&example(), &image());
    for ids in ["uidMappings", "gidMappings"] {
        assert_eq!(spec["linux"][ids], serde_json::json!([{ "containerID": 0, "hostID": 655_360, "size": 65_536 }]));
    }
    let joined = serde_json::json!({ "type": "user", "path": "/run/ns/user" });
    assert!(spec["linux"]["namespaces"].as_array().expect("namespaces").contains(&joined));
    let volume = &spec["mounts"].as_array().expect("mounts").iter().find(|m| m["destination"] == "/data").expect("volume")["options"];
    assert!(volume.as_array().expect("options").contains(&"idmap".into()), "its files would belong to nobody: {volume}");
}

#[test]
fn ids_of_the_node_only_if_asked_for() {
    let mut workload = example();
    workload.user_namespace = false;
    let text = built(&workload, &image()).to_string();
    assert!(
        !text.contains("idmap") && !text.contains("uidMappings") && !text.contains("\"user\",\"path\"") && !text.contains("/run/ns/user"),
        "{text}"
    );
}

#[test]
fn labelled_exactly_where_selinux_is() {
    let spec = built(&example(), &image());
    assert_eq!(spec["process"]["selinuxLabel"], "system_u:system_r:container_t:s0:c1,c2");
    assert_eq!(spec["linux"]["mountLabel"], "system_u:object_r:container_file_t:s0:c1,c2");
    let bare = built_with(&example(), &image(), &OciDefaults::default(), false).to_string();
    assert!(!bare.contains("selinuxLabel") && !bare.contains("mountLabel"), "the runtime refuses labels where there is no SELinux");
}

/// What the OCI's and Docker's defaults hide from containers; the list here may be longer, never shorter.
#[test]
fn the_kernels_files_are_hidden() {
    let spec = built(&example(), &image());
    let has = |list: &str, path: &str| spec["linux"][list].as_array().expect("a list").contains(&path.into());
    for path in [
        "/proc/acpi",
        "/proc/asound",
        "/proc/interrupts",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/sched_debug",
        "/proc/scsi",
        "/proc/timer_list",
        "/proc/timer_stats",
        "/sys/devices/virtual/powercap",
        "/sys/firmware",
    ] {
        assert!(has("maskedPaths", path), "{path} is not masked");
    }
    for path in ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"] {
        assert!(has("readonlyPaths", path), "{path} is not read-only");
    }
    let devices = &spec["linux"]["resources"]["devices"];
    assert_eq!(devices, &serde_json::json!([{ "allow": false, "access": "rwm" }]), "the runtime adds the harmless ones by itself");
    assert!(spec["linux"]["resources"]["pids"]["limit"].as_i64().is_some_and(|limit| limit > 0 && limit <= 4096));
}
