//! The SELinux policy: it compiles, it has no way out, and each of its promises refuses the rule that would break it.

use ampoule_rules::{text, tracked_files};
use std::path::Path;
use std::process::{Command, Output};

/// Rules that break a promise of `never.cil`: the compiler must refuse the policy with any one of them.
const FORBIDDEN: &[(&str, &str)] = &[
    ("apid loads a policy", "(allow apid_t selinuxfs_t (security (load_policy)))"),
    ("init makes it lenient", "(allow init_t selinuxfs_t (security (setenforce)))"),
    ("a service executes what it wrote", "(allow netd_t run_t (file (execute)))"),
    ("init executes from DATA", "(allow init_t data_t (file (execute)))"),
    ("a service makes memory executable", "(allow logd_t self (process (execmem)))"),
    ("a shim executes from /run", "(allow shim_t run_t (file (execute)))"),
    ("a shim runs a layer's program as itself", "(allow shim_t cache_t (file (execute_no_trans)))"),
    ("containerd changes the root", "(allow containerd_t os_t (file (write)))"),
    ("hostd loads a module", "(allow hostd_t os_t (system (module_load)))"),
    ("modload loads a module from DATA", "(allow modload_t data_t (system (module_load)))"),
    ("apid reads a disk", "(allow apid_t disk_t (blk_file (read)))"),
    ("the updater opens a connection", "(allow updated_t self (tcp_socket (create connect)))"),
    ("the updater asks a name server", "(allow updated_t self (udp_socket (create)))"),
    ("the fetcher of updates writes a disk", "(allow update_fetcher_t disk_t (blk_file (open write)))"),
    ("the fetcher of updates reads settings", "(allow update_fetcher_t state_t (file (open read)))"),
    ("the fetcher of updates changes what boots", "(allow update_fetcher_t boot_t (file (write)))"),
    ("the fetcher of updates has a capability", "(allow update_fetcher_t self (capability (sys_admin)))"),
    ("a service writes a variable of the firmware", "(allow boot_parameters_t efivars_t (file (write)))"),
    ("netd speaks to the engine", "(allow netd_t containerd_t (unix_stream_socket (connectto)))"),
    ("a workload speaks to the engine", "(allow container_t containerd_t (unix_stream_socket (connectto)))"),
    ("a workload speaks to the API", "(allow container_t apid_t (unix_stream_socket (connectto)))"),
    ("a workload signals a service", "(allow container_t hostd_t (process (sigkill)))"),
    ("a workload traces init", "(allow container_t init_t (process (ptrace)))"),
    ("a workload reads STATE", "(allow container_t state_t (file (open read)))"),
    ("a workload writes a sysctl of the node", "(allow container_t sysctl_t (file (write)))"),
    ("a workload presses sysrq", "(allow container_t proc_secret_t (file (write)))"),
    ("a workload changes limits of the disk", "(allow container_t fs_t (filesystem (quotamod)))"),
    ("containerd changes limits of the disk", "(allow containerd_t fs_t (filesystem (quotamod)))"),
    ("a workload passes its limit of the disk by a capability", "(allow container_t self (capability (sys_resource)))"),
    ("what a workload writes counts for another", "(allowx container_t container_file_t (ioctl file (range 0x5820 0x5820)))"),
    ("what a workload makes counts for another", "(allowx control_t container_file_t (ioctl dir (range 0x5820 0x5820)))"),
    ("runc starts a container as init", "(allow runc_t init_t (process (transition)))"),
    ("runc starts a container as control_t", "(allow runc_t control_t (process (transition)))"),
    ("runc starts a container as super_t", "(allow runc_t super_t (process (transition)))"),
    ("a workload becomes control_t", "(allow container_t control_t (process (transition)))"),
    ("runc starts a container as apid", "(allow runc_t apid_t (process (transition)))"),
    ("a service becomes another", "(allow netd_t apid_t (process (transition)))"),
    ("a service becomes init", "(allow apid_t init_t (process (dyntransition)))"),
];

/// The categories, as the builder makes them.
fn categories() -> String {
    let names = (0..1024).map(|n| format!("c{n}")).collect::<Vec<_>>();
    let declared = names.iter().map(|name| format!("(category {name})")).collect::<String>();
    format!(
        "(sensitivity s0)(sensitivityorder (s0)){declared}(categoryorder ({}))(sensitivitycategory s0 (range c0 c1023))",
        names.join(" ")
    )
}

fn sources() -> Vec<String> {
    let paths = tracked_files().into_iter().filter(|path| path.starts_with("policy/selinux/") && path.ends_with(".cil"));
    paths.map(|path| text(&path).expect("a tracked file")).collect()
}

/// Compiles the policy with `more` in it.
fn compile(name: &str, more: &str) -> Output {
    // A file: the compiler asks for the size of its input before it reads.
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("selinux-{name}.cil"));
    std::fs::write(&path, [categories(), sources().join("\n"), more.to_owned()].join("\n")).expect("written");
    let mut compiler = Command::new("secilc");
    compiler.args(["-c", "33", "-f", "/dev/null", "-o", "/dev/null"]).arg(&path);
    compiler.output().expect("secilc: install the package secilc")
}

#[test]
fn it_compiles() {
    let output = compile("whole", "");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn each_promise_refuses_what_breaks_it() {
    for (what, rule) in FORBIDDEN {
        let output = compile("broken", rule);
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("neverallow"), "{what}: {rule} was not refused by a promise: {said}");
    }
}

#[test]
fn nobody_is_let_off() {
    let all = sources().join("\n");
    assert!(all.contains("(handleunknown deny)") && all.contains("(mls true)"));
    for way_out in ["typepermissive", "handleunknown allow", "(boolean ", "(tunable "] {
        assert!(!all.contains(way_out), "{way_out}");
    }
}

/// Only the command line of the API, which does nothing that its caller may not do, runs as its caller.
const WITHOUT_DOMAIN: &[&str] = &["ampctl"];

/// In the image of the variant `test` only: what plays a program that was taken over has its label.
const STAND_INS: &[&str] = &["/usr/bin/probe-engine"];

#[test]
fn every_program_of_the_image_has_a_label_of_its_own() {
    let contexts = text("policy/selinux/file-contexts").expect("a tracked file");
    let programs = programs();
    assert!(programs.len() > 10, "{programs:?}");
    for program in programs.iter().filter(|name| !WITHOUT_DOMAIN.contains(&name.as_str())) {
        let lines: Vec<_> =
            contexts.lines().filter(|line| line.split_whitespace().next() == Some(&format!("/usr/bin/{program}"))).collect();
        let kind = lines.first().and_then(|line| line.split(':').nth(2)).unwrap_or_default();
        assert!(lines.len() == 1 && kind.ends_with("_exec_t"), "/usr/bin/{program} has no label of its own");
        let stands_in = |line: &str| STAND_INS.iter().any(|path| line.split_whitespace().next() == Some(path));
        let shared = contexts.lines().filter(|line| line.contains(&format!(":{kind}:")) && !stands_in(line)).count();
        assert_eq!(shared, 1, "{kind} is the label of several programs");
    }
}

/// What `file-contexts` names is declared, and its first line is for every path there is.
#[test]
fn every_label_of_the_root_exists() {
    let all = sources().join("\n");
    let contexts = text("policy/selinux/file-contexts").expect("a tracked file");
    let lines: Vec<_> = contexts.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    assert!(lines.first().is_some_and(|line| line.starts_with("/.* ")), "no label for what has none of its own");
    for line in lines {
        let kind = line.split(':').nth(2).expect("user:role:type:level");
        assert!(all.contains(&format!("(type {kind})")), "{kind} is not declared");
    }
}

/// The programs of the first-party recipe and the commands of all services.
fn programs() -> Vec<String> {
    let recipe: toml::Table = text("image/packages/ampoule/recipe.toml").expect("tracked").parse().expect("TOML");
    let listed = recipe["build"]["programs"].as_array().expect("a list").iter().filter_map(|name| name.as_str().map(str::to_owned));
    let services = tracked_files().into_iter().filter(|path| path.ends_with("/service.toml"));
    let commands = services.filter_map(|path| {
        let service: toml::Table = text(&path)?.parse().ok()?;
        Some(service["command"].as_array()?.first()?.as_str()?.strip_prefix("/usr/bin/")?.to_owned())
    });
    listed.chain(commands).collect()
}
