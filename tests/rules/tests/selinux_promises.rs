//! The promises of the SELinux policy (`never*.cil`): each refuses what would break it, and each is tried.

use ampoule_rules::policy::{Broken, Verdict, compile, policy_files, words_after};
use ampoule_rules::text;
use std::collections::BTreeSet;

/// Rules that break a promise: the compiler must name each of them as what breaks one.
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
    ("init becomes a service without starting it", "(allow kernel_t apid_t (process (dyntransition)))"),
    ("a folder of the root gets a file", "(allow init_t os_t (dir (add_name)))"),
    ("runc runs a container's program as itself", "(allow runc_t container_file_t (file (execute_no_trans)))"),
    ("a daemon executes a file of a volume", "(allow hostd_t container_file_t (file (execute)))"),
    ("a workload begins with a program of the node", "(allow container_t os_t (file (entrypoint)))"),
    ("init writes to the policy's file system", "(allow init_t selinuxfs_t (file (write)))"),
    ("modload loads a module out of memory", "(allow modload_t modload_t (system (module_load)))"),
    ("a program maps the first page", "(allow super_t self (memprotect (mmap_zero)))"),
    ("a variable of the firmware is made", "(allow updated_t efivars_t (dir (add_name)))"),
    ("the updater sends frames", "(allow updated_t self (packet_socket (create)))"),
    ("the updater sends raw packets", "(allow updated_t self (rawip_socket (create)))"),
    ("a workload asks whether a service is there", "(allow container_t logd_t (process (signull)))"),
    ("a workload says that a service is ready", "(allow container_t init_t (unix_dgram_socket (sendto)))"),
    ("the engine writes what a service keeps in memory", "(allow containerd_t service_run_t (file (write)))"),
    ("a shim puts a socket in the place of a service's", "(allow shim_t service_run_t (sock_file (rename)))"),
    ("runc makes files among those of services", "(allow runc_t service_run_t (dir (add_name)))"),
    ("the engine makes files among those of hostd", "(allow containerd_t hostd_run_t (dir (add_name)))"),
    ("the engine mounts over what services keep in memory", "(allow containerd_t service_run_t (dir (mounton)))"),
    ("a shim mounts over a service's file", "(allow shim_t service_run_t (file (mounton)))"),
    ("the engine writes a file of hostd's", "(allow containerd_t hostd_run_t (file (write)))"),
    ("runc mounts over a file of hostd's", "(allow runc_t hostd_run_t (file (mounton)))"),
    ("the engine puts a socket in the place of hostd's", "(allow containerd_t hostd_run_t (sock_file (rename)))"),
    ("hostd makes files among those of services", "(allow hostd_t service_run_t (dir (add_name)))"),
    ("hostd writes what a service keeps in memory", "(allow hostd_t service_run_t (file (append)))"),
    ("hostd takes away a service's socket", "(allow hostd_t service_run_t (sock_file (unlink)))"),
    ("the engine turns a switch of the kernel", "(allow containerd_t sysctl_t (file (write)))"),
    ("a workload finds a socket of the node", "(allow container_t run_t (sock_file (write)))"),
    ("a workload reads a disk", "(allow container_t disk_t (blk_file (read)))"),
    ("a workload reads the root", "(allow container_t os_t (file (open read)))"),
    ("init reaches ports of the machine", "(allow init_t self (capability (sys_rawio)))"),
    ("who breaks the glass sets labels as it likes", "(allow super_t self (capability2 (mac_admin)))"),
    ("a service makes a user namespace", "(allow apid_t self (user_namespace (create)))"),
    ("a service is root in a user namespace", "(allow netd_t self (cap_userns (sys_admin)))"),
    ("the engine watches the kernel from a user namespace", "(allow containerd_t self (cap2_userns (perfmon)))"),
    ("the log service looks into the API server", "(allow logd_t apid_t (file (open read)))"),
    ("services share memory", "(allow apid_t self (shm (create)))"),
    ("a service shares memory with a workload", "(allow hostd_t container_t (shm (read)))"),
    ("services share a semaphore", "(allow netd_t netd_parser_t (sem (write)))"),
    ("services share a queue", "(allow logd_t apid_t (msgq (enqueue)))"),
    ("services send each other messages", "(allow logd_t apid_t (msg (send)))"),
    ("the kernel starts the API server", "(allow kernel_t apid_t (process (transition)))"),
    ("init starts runc", "(allow init_t runc_t (process (transition)))"),
    ("the engine starts a container without runc", "(allow containerd_t container_t (process (transition)))"),
    ("a shim starts the engine", "(allow shim_t containerd_t (process (transition)))"),
    ("the clock speaks to the API server", "(allow clock_t apid_t (unix_stream_socket (connectto)))"),
    ("the fetcher of updates asks the updater", "(allow update_fetcher_t updated_t (unix_stream_socket (connectto)))"),
    ("what reads for netd asks it", "(allow netd_parser_t netd_t (unix_stream_socket (connectto)))"),
    ("hostd ends the engine", "(allow hostd_t containerd_t (process (sigkill)))"),
    ("the engine ends hostd", "(allow containerd_t hostd_t (process (signal)))"),
    ("the engine looks into hostd's memory", "(allow runc_t hostd_t (process (ptrace)))"),
    ("init traces a service", "(allow init_t apid_t (process (ptrace)))"),
    ("netd mounts", "(allow netd_t self (capability (sys_admin)))"),
    ("hostd makes devices", "(allow hostd_t self (capability (mknod)))"),
    ("init loads modules itself", "(allow init_t self (capability (sys_module)))"),
];

/// What nobody does to a service, whoever it is (`hears` and `apart` in `never-services.cil`).
const ON_SERVICES: &[&str] = &[
    "(unix_stream_socket (connectto))",
    "(process (setsched))",
    "(file (write))",
    "(key (write))",
    "(process (sigkill))",
    "(process (ptrace))",
    "(file (open read))",
];

/// What everybody may of init, which starts them, and nobody of another (`owns`).
const ON_ALL_BUT_INIT: &[&str] = &["(fd (use))", "(unix_dgram_socket (sendto))"];

/// Types that a promise about domains is for.
fn domains() -> Vec<String> {
    let types = text("policy/selinux/types.cil").expect("tracked");
    words_after(&types, "(type ").filter_map(|name| Some(format!("{}_t", name.strip_suffix("_exec_t")?))).collect()
}

/// Every service reaches for every other; `storage_t` and `clock_t` are on nobody's list.
fn on_services() -> Vec<String> {
    let rules = |to: &String| {
        let from = if to == "storage_t" { "clock_t" } else { "storage_t" };
        let more = if to == "init_t" { &[] } else { ON_ALL_BUT_INIT };
        ON_SERVICES.iter().chain(more).map(|what| format!("(allow {from} {to} {what})")).collect::<Vec<_>>()
    };
    domains().iter().flat_map(rules).collect()
}

/// `update_fetcher_t` has no capability at all: any that it got would break the promise of who holds it.
fn on_capabilities() -> Vec<String> {
    let promises = text("policy/selinux/never-capabilities.cil").expect("tracked");
    let held = promises.split("(call held (holders ").skip(1).filter_map(|rest| rest.split("))))").next());
    let one = |class: &str, name: &str| format!("(allow update_fetcher_t self ({class} ({name})))");
    held.filter_map(|set| set.trim_start_matches('(').split_once(" ("))
        .flat_map(|(class, names)| names.trim_end_matches(')').split(' ').map(|name| one(class, name)).collect::<Vec<_>>())
        .collect()
}

/// All that must be refused, one rule a line, compiled once: a promise names every rule that breaks it.
fn tried() -> (Vec<String>, Verdict) {
    let listed = FORBIDDEN.iter().map(|(_, rule)| (*rule).to_owned());
    let rules: Vec<String> = listed.chain(on_services()).chain(on_capabilities()).collect();
    let verdict = compile(env!("CARGO_TARGET_TMPDIR"), "broken", &rules.join("\n"));
    (rules, verdict)
}

#[test]
fn each_promise_refuses_what_breaks_it() {
    let (rules, verdict) = tried();
    assert!(rules.len() > FORBIDDEN.len() + 100 && !verdict.compiled, "{}", verdict.said);
    let refused: BTreeSet<usize> = verdict.broken.iter().flat_map(|broken| broken.by.clone()).collect();
    let passed: Vec<_> = rules.iter().enumerate().filter(|(index, _)| !refused.contains(&(index + 1))).map(|(_, rule)| rule).collect();
    assert!(passed.is_empty(), "no promise refuses: {passed:#?}\n{}", verdict.said);
}

/// A promise that nothing above breaks might as well be mistyped.
#[test]
fn each_promise_is_tried() {
    let (_, verdict) = tried();
    let files = policy_files().into_iter().filter(|path| path.contains("/never"));
    let idle: Vec<String> = files.flat_map(|path| untried(&path, &verdict.broken)).collect();
    assert!(idle.is_empty(), "nothing tries to break: {idle:#?}");
}

/// The promises of a file that are not among the broken ones. What a macro promises counts once for each use of it.
fn untried(path: &str, broken: &[Broken]) -> Vec<String> {
    let text = text(path).expect("tracked");
    let name = path.rsplit('/').next().unwrap_or_default();
    let mut called = None;
    let mut idle = Vec::new();
    for (index, line) in text.lines().enumerate() {
        called = if line.starts_with("(macro ") { words_after(line, "(macro ").next() } else { called.filter(|_| line.starts_with(' ')) };
        if line.trim_start().starts_with("(neverallow") {
            let uses = called.map_or(1, |name| text.matches(&format!("(call {name} ")).count());
            let place = format!("{name}:{}", index + 1);
            let seen = broken.iter().filter(|one| one.place == place).map(|one| &one.promise).collect::<BTreeSet<_>>().len();
            idle.extend((seen < uses).then(|| format!("{place}: {seen} of {uses}: {line}")));
        }
    }
    idle
}

/// Each service's line is in both tables; the engine's three domains are one in that of what nobody does.
#[test]
fn each_service_is_in_the_tables() {
    let table = text("policy/selinux/never-services.cil").expect("tracked");
    let runtime = ["containerd_t", "shim_t", "runc_t"];
    for domain in domains() {
        let known = |promise: &str| [" ", ")"].iter().any(|end| table.contains(&format!("(call {promise} ({domain}{end}")));
        assert!(known("hears"), "who speaks to {domain}?");
        assert!(runtime.contains(&domain.as_str()) || known("apart"), "what does nobody do to {domain}?");
        assert!(runtime.contains(&domain.as_str()) || domain == "init_t" || known("owns"), "who uses what {domain} has open?");
    }
}
