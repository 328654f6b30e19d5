//! What a plan says, and the laws it keeps.

use ampoule_plan::{Action, Change, Files, Image, Plan, State, When, WorkloadFate, effects, effects_of, render};
use ampoule_settings::{Fragment, Layers, Model, all_keys, path};
use ampoule_update::config::{Check, Config};
use proptest::prelude::*;
use std::collections::BTreeSet;

const SERVICES: &[&str] =
    &["apid", "boot-parameters", "containerd", "hostd", "kernel-settings", "metricd", "modload", "netd", "ntpd", "updated"];

fn image() -> Image {
    Image { services: SERVICES.iter().map(|s| (*s).to_owned()).collect(), certificates: b"image\n".to_vec() }
}

fn state(text: &str) -> State {
    let chosen = Fragment::from_toml(&Model::complete(), &format!("[settings]\n{text}")).expect("valid");
    of(chosen)
}

fn of(chosen: Fragment) -> State {
    let layers = Layers { chosen, ..Layers::default() };
    State { whole: layers.whole(), settings: layers.settings().expect("fits together") }
}

fn plan(old: &State, new: &State) -> Plan {
    Plan::between(&image(), Some(old), new)
}

fn apply(files: &mut Files, plan: &Plan) {
    for change in &plan.files {
        match &change.file {
            Some(file) => drop(files.insert(change.path.clone(), file.clone())),
            None => drop(files.remove(&change.path)),
        }
    }
}

fn content(state: &State, path: &str) -> String {
    String::from_utf8(render(&image(), &state.settings)[path].content.clone()).expect("text")
}

#[test]
fn a_name_reaches_netd_and_nobody_else() {
    let plan = plan(&state(""), &state("network.hostname = \"a\"\n"));
    let paths: Vec<_> = plan.files.iter().map(|f| (f.path.as_str(), f.change)).collect();
    assert_eq!(paths, [("/etc/hostname", Change::Created), ("/etc/hosts", Change::Changed)]);
    assert_eq!(plan.services.iter().map(|s| s.reader.service).collect::<Vec<_>>(), ["netd"]);
    assert!(plan.files[1].diff.as_deref().is_some_and(|d| d.contains("+127.0.0.1 localhost a")), "{plan}");
}

#[test]
fn a_file_that_goes_is_removed_and_its_reader_told() {
    let plan = plan(&state("network.hostname = \"a\"\n"), &state(""));
    assert_eq!(plan.files[0].change, Change::Removed);
    assert_eq!(plan.services[0].reader.service, "netd");
}

#[test]
fn only_registries_named_for_it_are_spoken_to_without_tls() {
    let s = state(
        "container-registry.plain-http = [\"10.0.2.2:5000\"]\ncontainer-registry.mirrors = [{ registry = \"docker.io\", endpoint = [\"https://z.example\", \"https://a.example/v2/x\"] }]\n",
    );
    assert!(content(&s, "/etc/containerd/certs.d/10.0.2.2:5000/hosts.toml").contains("server = \"http://10.0.2.2:5000\""));
    let docker = content(&s, "/etc/containerd/certs.d/docker.io/hosts.toml");
    assert!(docker.contains("server = \"https://registry-1.docker.io\""), "{docker}");
    let place = |what: &str| docker.find(what).unwrap_or_else(|| panic!("{what} in {docker}"));
    assert!(place("z.example") < place("a.example"), "first to last: {docker}");
}

#[test]
fn with_mirrors_only_the_registry_itself_is_never_asked() {
    let s = state(
        "container-registry.mirrors-only = true\ncontainer-registry.mirrors = [{ registry = \"docker.io\", endpoint = [\"https://one.example\", \"https://two.example/v2/x\"] }]\n",
    );
    let docker = content(&s, "/etc/containerd/certs.d/docker.io/hosts.toml");
    assert!(!docker.contains("registry-1.docker.io"), "{docker}");
    assert!(docker.contains("server = \"https://two.example/v2/x\"") && docker.contains("override_path = true"), "{docker}");
    assert!(docker.contains("[host.\"https://one.example\"]") && !docker.contains("[host.\"https://two"), "{docker}");
}

#[test]
fn workloads_reach_hostd_resolved_and_unreadable_for_others() {
    let s = state("[settings.workloads.web]\nimage = \"x\"\nmemory = \"1MiB\"\n");
    assert_eq!(render(&image(), &s.settings)["/etc/ampoule/workloads.json"].mode, 0o600);
    assert!(content(&s, "/etc/ampoule/workloads.json").contains("\"memory\":1048576"));
    let plan = plan(&state(""), &s);
    assert_eq!(serde_json::to_value(&plan.workloads).expect("json"), serde_json::json!([{ "name": "web", "change": "started" }]));
}

#[test]
fn a_plan_says_where_a_workload_is_less_apart() {
    let notes = |text: &str| {
        let plan = Plan::between(&image(), Some(&state("")), &state(text));
        plan.workloads.into_iter().map(|w| w.notes).collect::<Vec<_>>().concat()
    };
    let of = |line: &str| notes(&format!("[settings.workloads.web]\nimage = \"x\"\n{line}\n"));
    assert!(of("").is_empty());
    assert_eq!(of("user-namespace = false"), ["uid 0 inside is uid 0 on the node"]);
    assert!(of("enabled = false\nuser-namespace = false").is_empty(), "what does not run is as apart as can be");
    let both = "[settings.workloads.a]\nimage = \"x\"\nvolumes = [\"v:/v:shared\"]\n[settings.workloads.b]\nimage = \"x\"\nvolumes = [\"v:/w:shared\"]\n";
    assert_eq!(notes(both), ["shares the volume v with b", "shares the volume v with a"]);
}

#[test]
fn a_plan_says_that_a_limit_of_the_disk_changes_and_that_the_process_lives_on() {
    let with = |line: &str| state(&format!("[settings.workloads.web]\nimage = \"x\"\n{line}\n"));
    let change = |old: &str, new: &str| {
        let mut all = Plan::between(&image(), Some(&with(old)), &with(new)).workloads;
        let web = all.remove(0);
        (web.change, web.notes)
    };
    let (fate, notes) = change("", "disk = \"10GiB\"\ninodes = 5000");
    assert_eq!(
        (fate, &notes[..]),
        (
            WorkloadFate::Adjusted,
            &["may write 10GiB (before: 50%)".to_owned(), "may have 5000 inodes (before: a share of all)".to_owned()][..]
        )
    );
    assert_eq!(change("disk = \"50%\"", "").1, Vec::<String>::new(), "the default by another name");
    assert_eq!(change("", "publish = [\"80:80\"]").0, WorkloadFate::Adjusted);
    assert_eq!(change("", "disk = \"1GiB\"\nargs = [\"x\"]").0, WorkloadFate::Replaced);
}

#[test]
fn no_secret_shows_in_a_plan() {
    let text = "container-registry.credentials = [{ registry = \"r.example\", username = \"u\", password = \"hunter2\" }]\nnetwork.https-proxy = \"http://u:hunter2@p:1\"\nworkloads.w = { image = \"x\", env = { P = \"hunter2\" } }\n";
    let s = state(text);
    for plan in [Plan::between(&image(), None, &s), plan(&s, &state("")), plan(&state(""), &s)] {
        let json = serde_json::to_string(&plan).expect("json");
        assert!(!format!("{plan:?} {plan} {json}").contains("hunter2"), "{json}");
    }
    assert!(content(&s, "/etc/ampoule/registry-credentials.json").contains("hunter2"));
}

#[test]
fn hosts_and_proxies_are_written_for_those_who_read_them() {
    let s = state(
        "[settings.network]\nhostname = \"n\"\nhosts = [[\"10.0.0.5\", [\"r.example\", \"r\"]]]\nhttps-proxy = \"proxy:3128\"\nno-proxy = [\".internal\"]\n",
    );
    assert_eq!(content(&s, "/etc/hosts"), "127.0.0.1 localhost n\n::1 localhost ip6-localhost n\n10.0.0.5 r.example r\n");
    let proxy = "HTTPS_PROXY=http://proxy:3128\nhttps_proxy=http://proxy:3128\nNO_PROXY=.internal,localhost,127.0.0.1\nno_proxy=.internal,localhost,127.0.0.1\n";
    assert_eq!(content(&s, "/etc/ampoule/proxy.env"), proxy);
    let services: Vec<_> = plan(&state(""), &s).services.into_iter().map(|s| serde_json::to_value(s.reader).expect("json")).collect();
    assert!(services.contains(&serde_json::json!({ "service": "containerd", "action": "restart" })), "{services:?}");
}

#[test]
fn trusted_bundles_follow_the_images_authorities_and_the_engine_starts_anew() {
    let example = all_keys().find(|k| k.pattern == "pki.*.data").expect("a key").example;
    let text = |trusted: bool| format!("[settings.pki.company]\ndata = {example}\ntrusted = {trusted}\n");
    let path = "/etc/ssl/certs/ca-certificates.crt";
    assert_eq!(content(&state(&text(false)), path), "image\n");
    let trusted = state(&text(true));
    let all = content(&trusted, path);
    assert!(all.starts_with("image\n") && all.contains("settings.pki.company\n-----BEGIN CERTIFICATE-----"), "{all}");
    let plan = plan(&trusted, &state(""));
    assert_eq!((plan.files[0].change, plan.services[0].reader.service), (Change::Changed, "containerd"));
}

#[test]
fn nothing_is_reported_unless_there_is_an_address_and_it_is_turned_on() {
    let path = "/etc/ampoule/metrics.json";
    for off in ["", "metrics.metrics-url = \"https://m.example\"\n", "metrics.send-metrics = true\n"] {
        assert!(!render(&image(), &state(off).settings).contains_key(path), "{off}");
    }
    let on = state("metrics = { metrics-url = \"https://m.example\", send-metrics = true }\nupdates.seed = 7\n");
    assert!(content(&on, path).contains("\"seed\":7"));
    assert_eq!(plan(&state(""), &on).services[0].reader.service, "metricd");
}

#[test]
fn limits_and_capabilities_are_there_for_the_next_workload_and_nobody_is_restarted() {
    let s = state(
        "[settings.oci-defaults.capabilities]\nnet-raw = false\n[settings.oci-defaults.resource-limits.max-open-files]\nsoft-limit = 10\nhard-limit = \"unlimited\"\n",
    );
    let text = content(&s, "/etc/ampoule/oci-defaults.json");
    assert_eq!(text, r#"{"capabilities":{"net-raw":false},"resource-limits":{"max-open-files":{"soft":10,"hard":null}}}"#);
    assert!(plan(&state(""), &s).services.is_empty());
}

#[test]
fn the_updater_gets_all_it_goes_by_and_what_nobody_set_has_its_default() {
    let nothing = content(&state(""), "/etc/ampoule/updates.json");
    assert_eq!(Config::parse(nothing.as_bytes()).expect("the updater reads it"), Config::default());
    let s = state(
        "network.https-proxy = \"p:3128\"\nnetwork.no-proxy = [\".internal\"]\n[settings.updates]\nmetadata-base-url = \"u.example/m\"\nautomatic = true\nseed = 4294967295\nwindows = [\"Sat 02:00-05:00\"]\nhealth-timeout = \"2m\"\npoll-interval = \"1h\"\n[settings.updates.checks.web]\nkind = \"http\"\nurl = \"http://a/x\"\n[settings.updates.checks.db]\nkind = \"tcp\"\naddress = \"::1\"\nport = 1\ntimeout = \"9s\"\n",
    );
    let config = Config::parse(content(&s, "/etc/ampoule/updates.json").as_bytes()).expect("the updater reads it");
    assert_eq!(config.metadata_base_url.as_deref(), Some("http://u.example/m"));
    assert_eq!((config.automatic, config.seed, config.health_timeout, config.poll_interval), (true, Some(u32::MAX), 120, 3600));
    assert_eq!(
        (config.windows[0].as_str(), config.proxy.as_deref(), config.no_proxy.as_slice()),
        ("Sat 02:00-05:00", Some("http://p:3128"), &[".internal".to_owned()][..])
    );
    assert_eq!(config.checks["web"], Check::Http { url: "http://a/x".into(), timeout_seconds: 5 });
    assert_eq!(config.checks["db"], Check::Tcp { address: "::1".into(), port: 1, timeout_seconds: 9 });
    assert_eq!(render(&image(), &s.settings)["/etc/ampoule/updates.json"].mode, 0o600);
    let told = plan(&state(""), &state("updates.automatic = true\n"));
    assert_eq!(told.services.iter().map(|s| (s.reader.service, s.reader.action)).collect::<Vec<_>>(), [("updated", Action::Reload)]);
}

#[test]
fn the_updater_knows_the_names_of_commands_and_hostd_what_they_are() {
    let path = "/etc/ampoule/workload-checks.json";
    let s = state(
        "[settings.workloads.db]\nimage = \"a\"\n[settings.updates.checks.sql]\nkind = \"command\"\nworkload = \"db\"\ncommand = [\"/bin/ask\", \"me\"]\ntimeout = \"9s\"\n",
    );
    assert_eq!(content(&s, path), r#"{"sql":{"workload":"db","command":["/bin/ask","me"],"timeout-seconds":9}}"#);
    assert!(render(&image(), &s.settings)[path].is_secret(), "a command may hold a password");
    let config = Config::parse(content(&s, "/etc/ampoule/updates.json").as_bytes()).expect("the updater reads it");
    assert_eq!(config.checks["sql"], Check::Command { workload: "db".into(), timeout_seconds: 9 });
    let others = state("[settings.updates.checks.web]\nkind = \"http\"\nurl = \"http://a/x\"\n");
    assert!(!render(&image(), &others.settings).contains_key(path));
}

#[test]
fn boot_parameters_wait_for_a_reboot() {
    let s = state("[settings.boot.kernel-parameters]\nconsole = [\"tty0\", \"ttyS0\"]\n");
    let text = content(&s, "/etc/ampoule/boot.json");
    assert_eq!(text, r#"{"kernel-parameters":{"console":["tty0","ttyS0"]},"init-parameters":{},"reboot-to-reconcile":false}"#);
    let plan = plan(&state(""), &s);
    assert_eq!((plan.reboot[0].key.as_str(), plan.services[0].reader.service), ("boot.kernel.console", "boot-parameters"));
}

#[test]
fn what_needs_a_reboot_or_may_cut_the_caller_off_is_said() {
    let down = plan(&state("kernel.lockdown = \"confidentiality\"\n"), &state("kernel.lockdown = \"integrity\"\n"));
    assert_eq!(down.reboot.iter().map(|r| r.key.as_str()).collect::<Vec<_>>(), ["kernel.lockdown"]);
    let up = plan(&state(""), &state("kernel.lockdown = \"confidentiality\"\n"));
    assert!(up.reboot.is_empty(), "{up}");
    let net = plan(&state(""), &state("kernel.sysctl.\"net.ipv4.ip_forward\" = \"0\"\n"));
    assert_eq!(net.access.len(), 1, "{net}");
}

#[test]
fn on_an_image_without_the_reader_a_setting_has_no_effect() {
    let bare = Image { services: BTreeSet::from(["netd".to_owned()]), ..Image::default() };
    let plan = Plan::between(&bare, Some(&state("")), &state("[settings.workloads.web]\nimage = \"x\"\n"));
    assert_eq!(plan.without_effect, ["workloads.web.image"]);
    assert!(plan.is_empty() && plan.to_string().contains("no effect on this image"), "{plan}");
}

#[test]
fn a_plan_of_another_start_or_end_has_another_id() {
    let ids: BTreeSet<_> = [("", "motd = \"a\"\n"), ("", "motd = \"b\"\n"), ("motd = \"b\"\n", "motd = \"a\"\n")]
        .map(|(old, new)| plan(&state(old), &state(new)).id)
        .into();
    assert_eq!(ids.len(), 3);
}

/// The list of effects and the files that are really made say the same: for every setting there is.
#[test]
fn every_setting_changes_just_the_files_and_services_that_its_effects_name() {
    for key in all_keys() {
        let text = format!("[settings]\n{} = {}\n", key.example_key(), key.example);
        let chosen = Fragment::from_toml(&Model::complete(), &text).expect("an example");
        let layers = Layers { chosen, ..Layers::default() };
        let Ok(settings) = layers.settings() else { continue };
        let new = State { whole: layers.whole(), settings };
        let plan = plan(&state(""), &new);
        let named = new.whole.keys().next().expect("a key").to_owned();
        let files: Vec<&str> = effects_of(&named).flat_map(|e| e.files).copied().collect();
        let told: Vec<_> = effects_of(&named).filter_map(|e| e.reader).collect();
        for change in &plan.files {
            let covered = files.iter().any(|f| f == &change.path || matches(f, &change.path));
            assert!(covered, "{named} changes {} and its effects do not say so", change.path);
        }
        for service in &plan.services {
            assert!(told.iter().any(|t| t.service == service.reader.service), "{named} tells {:?}", service.reader);
        }
        assert_eq!(plan.keys.iter().any(|k| k.effect == When::Never), effects_of(&named).next().is_none(), "{named}");
    }
}

fn matches(pattern: &str, path: &str) -> bool {
    pattern.split_once('*').is_some_and(|(head, tail)| path.starts_with(head) && path.ends_with(tail))
}

#[test]
fn every_effect_is_of_a_setting_that_exists() {
    for effect in effects() {
        let below = |key: &str| path::covers(effect.settings, &key.replace(".*", ".NAME"));
        assert!(all_keys().any(|k| below(k.pattern)), "{}", effect.settings);
    }
}

fn any_state() -> impl Strategy<Value = State> {
    let parts = (prop::option::of("[a-z]{1,6}"), "[a-z]{0,6}", prop::collection::btree_map("[a-z]{1,4}", 1u32..99, 0..3), any::<bool>());
    parts.prop_map(|(name, motd, workloads, proxy)| {
        let name = name.map(|n| format!("network.hostname = \"{n}\"\n")).unwrap_or_default();
        let proxy = if proxy { "network.https-proxy = \"p:1\"\ndns.name-servers = [\"1.1.1.1\"]\n" } else { "" };
        let workloads: String =
            workloads.iter().map(|(n, m)| format!("workloads.{n} = {{ image = \"x\", memory = \"{m}MiB\" }}\n")).collect();
        state(&format!("motd = \"{motd}\"\n{name}{proxy}{workloads}"))
    })
}

proptest! {
    #[test]
    fn a_plan_leads_to_the_new_files_and_its_inverse_back(a in any_state(), b in any_state()) {
        let mut files = render(&image(), &a.settings);
        apply(&mut files, &plan(&a, &b));
        prop_assert_eq!(&files, &render(&image(), &b.settings));
        apply(&mut files, &plan(&b, &a));
        prop_assert_eq!(&files, &render(&image(), &a.settings));
    }

    #[test]
    fn nothing_changes_between_equals(a in any_state()) {
        prop_assert!(plan(&a, &a).is_empty());
    }

    #[test]
    fn the_order_of_independent_changes_does_not_matter(name in "[a-z]{1,6}", motd in "[a-z]{1,6}") {
        let (x, y) = (format!("network.hostname = \"{name}\"\n"), format!("motd = \"{motd}\"\n"));
        let end = render(&image(), &state(&format!("{x}{y}")).settings);
        for first in [&x, &y] {
            let mut files = render(&image(), &state("").settings);
            apply(&mut files, &plan(&state(""), &state(first)));
            apply(&mut files, &plan(&state(first), &state(&format!("{x}{y}"))));
            prop_assert_eq!(&files, &end);
        }
    }
}
