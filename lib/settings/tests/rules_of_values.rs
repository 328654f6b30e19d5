//! Which values each type of value takes and refuses, through a setting that has it.

use ampoule_settings::{Fragment, Model, Settings, path};
use serde_json::{Value, json};

/// A setting, values that it takes, values that it refuses.
type Rule = (&'static str, Vec<Value>, Vec<Value>);

fn take(key: &str, value: &Value) -> Result<Fragment, Vec<String>> {
    let tree = path::split(key).iter().rev().fold(value.clone(), |below, name| json!({ name.as_str(): below }));
    Fragment::from_json(&Model::complete(), &tree).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

fn hold(rules: Vec<Rule>) {
    for (key, good, bad) in rules {
        for value in good {
            let chosen = take(key, &value).unwrap_or_else(|errors| panic!("{key} = {value}: {errors:?}"));
            let errors = Settings::new(&Fragment::default(), &chosen).err().unwrap_or_default();
            assert!(errors.iter().all(|e| !e.hint.contains("fault of the image")), "{key} = {value}: {errors:?}");
        }
        for value in bad {
            let errors = take(key, &value).expect_err(&format!("{key} = {value}"));
            assert!(errors.len() == 1 && errors[0].contains('('), "{key} = {value} has a hint: {errors:?}");
        }
    }
}

/// A name that a person chooses: `*` in the pattern stands for it.
fn names(pattern: &str, value: &Value, good: &[&str], bad: &[&str]) {
    let key = |name: &str| path::join(pattern.split('.').map(|segment| if segment == "*" { name } else { segment }));
    good.iter().for_each(|name| drop(take(&key(name), value).unwrap_or_else(|errors| panic!("{name}: {errors:?}"))));
    bad.iter().for_each(|name| assert!(take(&key(name), value).is_err(), "{pattern}: {name}"));
}

fn texts(values: &[&str]) -> Vec<Value> {
    values.iter().map(|text| json!(text)).collect()
}

fn long(length: usize) -> String {
    "a".repeat(length)
}

#[test]
fn general_types() {
    hold(vec![
        // ValidBase64
        (
            "host-containers.x.user-data",
            texts(&["", "e30=", "aGVsbG8K"]),
            [texts(&["e30", "not base64", "a===", "e3\n0="]), vec![json!(1)]].concat(),
        ),
        // SingleLineString
        (
            "aws.region",
            texts(&["", "eu-west-1", "any text ü"]),
            texts(&["a\nb", "a\r", "\u{b}", "a\u{c}b", "a\u{85}b", "a\u{2028}b", "a\u{2029}b"]),
        ),
        // ValidLinuxHostname
        (
            "network.hostname",
            texts(&["a", "node-1.example", "1.2.3", "a--b"]),
            [texts(&["", "A", "a_b", "-a", "a-", ".a", "a.", "a..b", "a.-b"]), vec![json!(long(64)), json!("a.".repeat(126) + "aa")]]
                .concat(),
        ),
        // Url
        (
            "updates.metadata-base-url",
            texts(&[
                "https://example.net/path",
                "https://example.net",
                "example.net/path",
                "example.net",
                "example.net:8080",
                "http://[fd00::1]:80/x",
                "ftp://a",
                "aws:///zone/instance",
                "s3://bucket/prefix",
                "file:///a",
                "https://user:password@example.net/?q=1#f",
                "localhost:5000/x",
            ]),
            [
                texts(&[
                    "",
                    "how are you",
                    "weird@",
                    "http://",
                    "https:///path",
                    "http://a:b",
                    "http://a:99999",
                    "a\nb",
                    "http://ex\"ample",
                ]),
                vec![json!(long(3000))],
            ]
            .concat(),
        ),
        // FriendlyVersion
        (
            "updates.version-lock",
            texts(&["latest", "1.0.0", "v1.20.3", "1.0.0-alpha+1"]),
            texts(&["", "hi", "1.0", "v1", "Latest", "vv1.0.0", "1.0.0.0", "01.0.0", "-1.0.0"]),
        ),
        ("updates.seed", vec![json!(0), json!(2047), json!(u32::MAX)], vec![json!(-1), json!(1_i64 << 32), json!("1"), json!(1.5)]),
        (
            "updates.windows",
            vec![json!([]), json!(["Sat,Sun 02:00-05:00"]), json!(["Mon-Fri 22:00-04:00", "00:00-24:00"])],
            vec![json!("Sat 02:00-05:00"), json!(["sat 02:00-05:00"]), json!(["Sat 2-5"]), json!(["02:00-02:00"]), json!(["always"])],
        ),
        (
            "updates.health-timeout",
            texts(&["30s", "5m", "1m30s", "1h"]),
            [texts(&["29s", "61m", "", "5", "1.5m", "-5m"]), vec![json!(300)]].concat(),
        ),
        ("updates.poll-interval", texts(&["5m", "6h", "1d12h", "7d"]), texts(&["299s", "7d1s", "6 h", "daily"])),
        ("updates.checks.web.timeout", texts(&["1s", "1m"]), texts(&["0s", "61s", "500ms"])),
        ("updates.checks.web.kind", texts(&["http", "tcp", "command"]), texts(&["exec", "HTTP", ""])),
        ("updates.checks.web.workload", texts(&["db", "web-1"]), texts(&["", "Db", "a_b"])),
        (
            "updates.checks.web.command",
            vec![json!(["/bin/true"]), json!(["a", "", "b c"]), json!(vec!["x"; 64])],
            vec![json!([]), json!([""]), json!("/bin/true"), json!(["a\0"]), json!(vec!["x"; 65]), json!(["x", long(4096)])],
        ),
        (
            "updates.checks.web.address",
            texts(&["127.0.0.1", "fd00::1", "db.internal"]),
            texts(&["", "[::1]", "a b", "127.0.0.1:80", "http://a"]),
        ),
        (
            "updates.checks.web.url",
            texts(&["http://10.0.0.1:8080/health", "https://a.example"]),
            texts(&["10.0.0.1", "ftp://a", "http://u:p@a"]),
        ),
        // EtcHostsEntries
        (
            "network.hosts",
            vec![json!([]), json!([["10.0.0.1", ["a.example", "b"]], ["::1", []]])],
            vec![json!([["10.0.0", ["a"]]]), json!([["10.0.0.1", "a"]]), json!([["10.0.0.1", ["A B"]]]), json!({"10.0.0.1": ["a"]})],
        ),
        ("dns.name-servers", vec![json!(["10.0.0.2", "fd00::2"])], vec![json!(["a.example"]), json!(["10.0.0.2:53"]), json!("10.0.0.2")]),
    ]);
}

#[test]
fn names_of_things() {
    let (most, more) = (long(76), long(77));
    names("host-containers.*.enabled", &json!(true), &["a", "My-Container-1", &most], &["", "a_b", "a.b", "a b", "ä", &more]);
    names("pki.*.trusted", &json!(true), &["company"], &["a/b"]);
    names("kernel.modules.*.allowed", &json!(true), &["nvme_tcp", "sctp", "x-y"], &["", "a b", "a/b", &long(57)]);
    let sysctl = ["net.core.rmem_max", "net/core/somaxconn", "vm.max_map_count", "net.ipv4.conf.eth0-1.rp_filter"];
    names(
        "kernel.sysctl.*",
        &json!("1"),
        &sysctl,
        &["", ".a", "/a", "a..b", "a b", "a\n", &format!("vm.{}", long(130)), "kernel.modprobe"],
    );
    names(
        "boot.kernel.*",
        &json!(["x"]),
        &["console", "usbcore.quirks", "a-b_c"],
        &["", "a b", "a=b", "a..b", ".a", "\"", "init", "root", "dm-mod.create"],
    );
    names("boot.init-parameters.*", &json!([]), &["log-level", "splash"], &["", "a b"]);
    let labels = ["a", "example.com/role", "kubernetes.io/os", "A.b_c-d", "x-y.example/Z"];
    names(
        "kubernetes.node-labels.*",
        &json!("v"),
        &labels,
        &["", "-a", "a-", "a/b/c", "/a", "a/", "a b", "a_b/c", &long(64), &format!("{}/a", long(254))],
    );
    names(
        "kubernetes.eviction-hard.*",
        &json!("5%"),
        &["memory.available", "nodefs.inodesFree", "pid.available"],
        &["memory", "cpu.available", ""],
    );
    names("kubernetes.kube-reserved.*", &json!("1"), &["cpu", "memory", "ephemeral-storage", "pid"], &["gpu", "Memory", ""]);
    names("kubernetes.memory-manager-reserved-memory.*.enabled", &json!(true), &["0", "1", "15"], &["a", "-1", ""]);
    names("kubernetes.credential-providers.a.environment.*", &json!("v"), &["AWS_PROFILE", "HOME"], &["", "A=B", "A B"]);
    names("kubernetes.credential-providers.*.environment.A", &json!("v"), &["ecr-credential-provider"], &["", "a_b", "a.b"]);
    names("ecs.instance-attributes.*", &json!("v"), &["stack", "my.org/owner", "a_b-c"], &["", "a b", "a@b", &long(129)]);
    names("oci-defaults.capabilities.*", &json!(true), &["net-raw", "sys-chroot", "bpf"], &["", "cap-net-raw", "NET_RAW", "everything"]);
    names("oci-defaults.resource-limits.*.soft-limit", &json!(1), &["max-open-files", "max-cpu-time"], &["open-files", ""]);
    names("kernel.hugepages.static.*.count", &json!("1"), &["2Mi", "1Gi", "64Ki"], &["essential", "2M", "3Mi", "0Mi", "Mi", "2mi"]);
    names("image-verifier-plugins.*.trustpolicy", &json!(""), &["notation", "digestion"], &["enabled", "a b", ""]);
}

#[test]
fn the_kernel_and_its_boot() {
    hold(vec![
        ("kernel.lockdown", texts(&["none", "integrity", "confidentiality"]), texts(&["", "None", "full"])),
        (
            "boot.kernel.console",
            vec![json!([]), json!(["tty0", "ttyS1,115200n8"]), json!(["it's"])],
            vec![json!("tty0"), json!(["a\"b"]), json!(["ä"]), json!([1])],
        ),
        ("boot.reboot-to-reconcile", vec![json!(true)], vec![json!("true"), json!(1)]),
        (
            "kernel.hugepages.static.2Mi.count",
            vec![json!("512"), json!(512), json!("0:1,1:3")],
            vec![json!(""), json!("-1"), json!(-1), json!("0:"), json!("a")],
        ),
        ("kernel.hugepages.transparent.enabled", texts(&["always", "madvise", "never"]), texts(&["", "yes"])),
        ("kernel.hugepages.transparent.defrag", texts(&["defer+madvise", "defer"]), texts(&["sometimes"])),
    ]);
}

#[test]
fn containers_of_the_host() {
    let certificate = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkFBQUEKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=";
    hold(vec![
        ("bootstrap-containers.x.mode", texts(&["off", "once", "always"]), texts(&["", "Once", "never"])),
        (
            "bootstrap-commands.x.commands",
            vec![json!([]), json!([["apiclient"]]), json!([["apiclient", "set", "motd=a"], ["apiclient", "reboot"]])],
            vec![json!([[]]), json!([["sh", "-c", "x"]]), json!(["apiclient"]), json!([["/usr/bin/apiclient"]]), json!("apiclient")],
        ),
        ("pki.x.data", texts(&["", certificate]), texts(&["AAAA", "-----BEGIN CERTIFICATE-----", "%"])),
        ("host-containers.x.command", vec![json!(["/bin/x", "-v"])], vec![json!("/bin/x")]),
        ("container-runtime.snapshotter", texts(&["overlayfs", "soci"]), texts(&["native", ""])),
        (
            "container-runtime.concurrent-download-chunk-size",
            vec![json!(1024), json!("8mib"), json!("32mb"), json!("1KB"), json!("2gb"), json!("512")],
            vec![json!(0), json!(-1), json!("8 apples"), json!(""), json!("mib"), json!("99999999999gib")],
        ),
        ("container-runtime-plugins.soci-snapshotter.pull-mode", texts(&["parallel-pull-unpack"]), texts(&["fast"])),
        (
            "oci-defaults.resource-limits.max-open-files.hard-limit",
            vec![json!(0), json!(i64::MAX), json!(-1), json!("unlimited")],
            vec![json!(-2), json!("5"), json!("infinite"), json!(1.5), json!(u64::MAX)],
        ),
    ]);
}

#[test]
fn kubernetes_types() {
    hold(vec![
        (
            "kubernetes.cluster-name",
            [texts(&["a", "my-cluster", "My_Cluster.1"]), vec![json!(long(100))]].concat(),
            [texts(&["", "-a", "a b", "a/b", ".hi"]), vec![json!(long(101))]].concat(),
        ),
        ("kubernetes.authentication-mode", texts(&["aws", "tls"]), texts(&["", "AWS"])),
        (
            "kubernetes.bootstrap-token",
            texts(&["abcdef.0123456789abcdef"]),
            texts(&["", "ABCDEF.0123456789abcdef", "abcdef.short", "secret", "abcdef0123456789abcdef", "abcdef.0123456789abcdef."]),
        ),
        ("kubernetes.cloud-provider", texts(&["", "aws", "external"]), texts(&["gcp"])),
        (
            "kubernetes.node-labels.x",
            texts(&["", "a", "A-b_c.d", "1"]),
            [texts(&["-a", "a-", "a b", "a/b"]), vec![json!(long(64)), json!(true)]].concat(),
        ),
        (
            "kubernetes.node-taints.x",
            vec![json!("true:NoSchedule"), json!([":NoExecute"]), json!(["a:NoSchedule", "b:NoExecute"]), json!([])],
            vec![json!(""), json!("NoSchedule"), json!("a:"), json!(["a:b:c"]), json!("a b:NoSchedule"), json!(1), json!({"a": "b"})],
        ),
        (
            r#"kubernetes.eviction-hard."memory.available""#,
            texts(&["10%", "0%", "99.9%", "100Mi", "1.5Gi", "500"]),
            texts(&["", "100%", "-1%", "%", "a%", "10 %", "inf%", "NaN%", "100mb", "10%%"]),
        ),
        (
            r#"kubernetes.eviction-soft-grace-period."memory.available""#,
            texts(&["30s", "1m30s", "2h", "500ms", "1.5h", "1h2m3s4ms"]),
            texts(&["", "30", "s", "1m1h", "1d", "-1s", "1s1s", "1.s", ".5s"]),
        ),
        (
            "kubernetes.kube-reserved.memory",
            texts(&["100Mi", "1", "0.5", "10m", "1e3", "1E-3", "+1Gi", "1Ei", "128974848", "12E"]),
            texts(&["", "Mi", "1mb", "1 Gi", "1KB", "1ee3", "1.2.3", "-", "1e"]),
        ),
        (
            "kubernetes.cluster-domain",
            texts(&["cluster.local", "a", "my-domain.example.com", "Cluster.Local"]),
            texts(&["", ".cluster.local", "10.0.0.1", "a b", "a..b", "-a.b", "1.2.3"]),
        ),
        (
            "kubernetes.cluster-dns-ip",
            vec![json!("10.100.0.10"), json!("fd00::a"), json!(["10.0.0.1", "fd00::1"])],
            vec![json!(""), json!("dns.example"), json!(["a"]), json!(10)],
        ),
        ("kubernetes.node-ip", texts(&["10.0.0.1", "fd00::1"]), texts(&["", "10.0.0", "10.0.0.1/24"])),
        ("kubernetes.hostname-override", texts(&["node-1.example"]), texts(&["", "Node"])),
        ("kubernetes.hostname-override-source", texts(&["private-dns-name", "instance-id"]), texts(&["", "dns"])),
        ("kubernetes.cpu-manager-policy", texts(&["none", "static"]), texts(&["", "Static"])),
        (
            "kubernetes.cpu-manager-policy-options",
            vec![json!(["full-pcpus-only"]), json!([])],
            vec![json!("full-pcpus-only"), json!(["A B"]), json!([""])],
        ),
        ("kubernetes.topology-manager-scope", texts(&["container", "pod"]), texts(&["node"])),
        ("kubernetes.topology-manager-policy", texts(&["none", "restricted", "best-effort", "single-numa-node"]), texts(&["best"])),
        ("kubernetes.memory-manager-policy", texts(&["None", "Static"]), texts(&["none", "static"])),
        ("kubernetes.memory-swap-behavior", texts(&["NoSwap", "LimitedSwap"]), texts(&["UnlimitedSwap"])),
        ("kubernetes.reserved-cpus", texts(&["0", "0-3", "0-3,8", "1,2,3"]), texts(&["", "a", "3-1", "0-", ",", "1,", "0-3-5", "+1"])),
        (
            "kubernetes.image-gc-high-threshold-percent",
            vec![json!(0), json!(100), json!("85"), json!(85)],
            vec![json!(101), json!(-1), json!("101"), json!("85%"), json!(""), json!(85.5), json!("a")],
        ),
        ("kubernetes.eviction-max-pod-grace-period", vec![json!(0), json!(600)], vec![json!(-1), json!("60")]),
        ("kubernetes.memory-throttling-factor", vec![json!(0), json!(0.9), json!(1)], vec![json!(1.1), json!(-0.1), json!("0.9")]),
        ("kubernetes.pod-pids-limit", vec![json!(-1), json!(1_048_576)], vec![json!("1")]),
        ("kubernetes.log-level", vec![json!(0), json!(255)], vec![json!(256), json!(-1)]),
        ("kubernetes.provider-id", texts(&["aws:///eu-west-1a/i-0123456789abcdef0", "vsphere://42"]), texts(&[""])),
        ("kubernetes.server-key", texts(&["", "LS0t"]), texts(&["-----BEGIN PRIVATE KEY-----"])),
    ]);
}

#[test]
fn ecs_and_devices() {
    hold(vec![
        ("ecs.loglevel", texts(&["debug", "info", "warn", "error", "crit"]), texts(&["", "warning"])),
        ("ecs.image-pull-behavior", texts(&["default", "always", "once", "prefer-cached"]), texts(&["never"])),
        ("ecs.container-stop-timeout", texts(&["30s", "1h30m", "100us", "5µs", "1m1h", "1.5h"]), texts(&["", "30", "1 s", "s", "1d"])),
        (
            "ecs.instance-attributes.stack",
            [texts(&["a", "Team A", "a.b@c:d_e/f\\g-h"]), vec![json!(long(128))]].concat(),
            [texts(&["", " a", "a ", "a\tb", "ä", "a!"]), vec![json!(long(129)), json!(1)]].concat(),
        ),
        ("ecs.reserved-memory", vec![json!(0), json!(65_535)], vec![json!(65_536), json!(-1)]),
        (
            "kubelet-device-plugins.nvidia.device-list-strategy",
            vec![json!("envvar"), json!(["volume-mounts", "cdi-cri"])],
            vec![json!("x"), json!(["x"])],
        ),
        ("kubelet-device-plugins.nvidia.time-slicing.replicas", vec![json!(2)], vec![json!(1), json!(0)]),
        ("kubelet-device-plugins.nvidia.mps.replicas", vec![json!(2), json!(48)], vec![json!(1), json!(49)]),
        (
            "measurement.excluded-settings",
            vec![json!(["network.hostname"]), json!(["settings.kubernetes"])],
            vec![json!([""]), json!(["settings"]), json!(["kubernetes.*"]), json!(["measurement.excluded-settings"]), json!("motd")],
        ),
    ]);
}

/// A check that runs a command in `db`, and a workload.
fn in_workload(name: &str, more: &str) -> String {
    format!(
        "[settings.workloads.{name}]\nimage = \"a\"\n{more}[settings.updates.checks.a]\nkind = \"command\"\nworkload = \"db\"\ncommand = [\"/bin/true\"]\n"
    )
}

/// What single values cannot show.
#[test]
fn rules_between_settings() {
    let together = |text: &str| {
        let chosen = Fragment::from_toml(&Model::complete(), text).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
        Settings::new(&Fragment::default(), &chosen).err().unwrap_or_default().iter().map(|e| e.key.clone()).collect::<Vec<_>>()
    };
    for (text, keys) in [
        ("[settings.host-containers.a]\nenabled = true\n", vec!["host-containers.a.source", "host-containers.a.superpowered"]),
        ("[settings.bootstrap-containers.a]\nmode = \"once\"\n", vec!["bootstrap-containers.a.source"]),
        ("[settings.bootstrap-containers.a]\nmode = \"off\"\n", vec![]),
        ("[settings.bootstrap-commands.a]\nmode = \"always\"\n", vec!["bootstrap-commands.a.commands"]),
        ("[settings.kubernetes.static-pods.a]\nenabled = true\n", vec!["kubernetes.static-pods.a.manifest"]),
        ("[settings.kubernetes.static-pods.a]\nenabled = false\n", vec![]),
        ("[settings.kubernetes.credential-providers.a]\nenabled = true\n", vec!["kubernetes.credential-providers.a.image-patterns"]),
        (
            "[settings.kubernetes.eviction-soft]\n\"pid.available\" = \"5%\"\n",
            vec!["kubernetes.eviction-soft-grace-period.\"pid.available\""],
        ),
        (
            "[settings.kubernetes]\nimage-gc-low-threshold-percent = 90\nimage-gc-high-threshold-percent = \"85\"\n",
            vec!["kubernetes.image-gc-low-threshold-percent"],
        ),
        ("[settings.kubernetes]\nids-per-pod = 1000\n", vec!["kubernetes.ids-per-pod"]),
        (
            "[settings.oci-defaults.resource-limits.max-processes]\nsoft-limit = 1\n",
            vec!["oci-defaults.resource-limits.max-processes.hard-limit"],
        ),
        (
            "[settings.oci-defaults.resource-limits.max-processes]\nhard-limit = 1\n",
            vec!["oci-defaults.resource-limits.max-processes.soft-limit"],
        ),
        (
            "[settings.oci-defaults.resource-limits.max-processes]\nsoft-limit = \"unlimited\"\nhard-limit = 5\n",
            vec!["oci-defaults.resource-limits.max-processes.soft-limit"],
        ),
        ("[settings.kernel.modules.a]\nautoload = true\n", vec!["kernel.modules.a.autoload"]),
        (
            "[settings.kernel.sysctl]\n\"kernel.perf_event_paranoid\" = \"1\"\n\"kernel/panic_on_oops\" = \"1\"\n",
            vec!["kernel.sysctl.\"kernel.perf_event_paranoid\""],
        ),
        ("[settings.kernel.sysctl]\n\"kernel.perf_event_paranoid\" = \"4\"\n", vec![]),
        ("[settings.updates.checks.a]\ntimeout = \"1s\"\n", vec!["updates.checks.a.kind"]),
        ("[settings.updates.checks.a]\nkind = \"http\"\nport = 80\n", vec!["updates.checks.a.url", "updates.checks.a.port"]),
        ("[settings.updates.checks.a]\nkind = \"tcp\"\nport = 80\n", vec!["updates.checks.a.address"]),
        ("[settings.updates.checks.a]\nkind = \"tcp\"\naddress = \"::1\"\nport = 80\n", vec![]),
        (
            "[settings.updates.checks.a]\nkind = \"command\"\nport = 80\n",
            vec!["updates.checks.a.port", "updates.checks.a.workload", "updates.checks.a.command"],
        ),
        ("[settings.updates.checks.a]\nkind = \"http\"\nurl = \"http://a\"\nworkload = \"db\"\n", vec!["updates.checks.a.workload"]),
        (&in_workload("other", ""), vec!["updates.checks.a.workload"]),
        (&in_workload("db", "enabled = false\n"), vec!["updates.checks.a.workload"]),
        (&in_workload("db", ""), vec![]),
        (
            "[settings.updates]\nhealth-timeout = \"30s\"\n[settings.updates.checks.a]\nkind = \"http\"\nurl = \"http://a\"\ntimeout = \"31s\"\n",
            vec!["updates.checks.a.timeout"],
        ),
        ("[settings.measurement]\nexcluded-settings = [\"kubernetes.nonsense\"]\n", vec!["measurement.excluded-settings"]),
        (
            "[settings.kubelet-device-plugins.nvidia]\ndevice-partitioning-strategy = \"mig\"\ndevice-sharing-strategy = \"mps\"\n",
            vec!["kubelet-device-plugins.nvidia.device-sharing-strategy"],
        ),
    ] {
        assert_eq!(together(text), keys, "{text}");
    }
}

/// Bottlerocket's longer and earlier names lead to one setting.
#[test]
fn other_spellings_lead_to_their_setting() {
    for (written, key, value) in [
        ("boot.kernel-parameters.console", "boot.kernel.console", json!(["tty0"])),
        ("boot.init-parameters.splash", "boot.init.splash", json!([])),
        ("container-runtime.concurrent-layer-fetch-buffer", "container-runtime.concurrent-download-chunk-size", json!("8mib")),
        ("container-registry.creds", "container-registry.credentials", json!([{ "registry": "a.example", "username": "u" }])),
    ] {
        let chosen = take(written, &value).expect(written);
        assert_eq!(chosen.keys().collect::<Vec<_>>(), [key]);
        assert!(Settings::new(&Fragment::default(), &chosen).is_ok(), "{written}");
    }
}
