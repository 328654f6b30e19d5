use super::*;
use proptest::prelude::*;

fn list(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

/// The sources of a rendered file, each in one line.
fn sources(servers: &[&str], options: &[&str]) -> Vec<String> {
    let text = render(&list(servers), &list(options));
    let sources = text.split("\n[[source]]\n").skip(1);
    sources.map(|source| source.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")).collect()
}

const IDLE: &str = r#"# Made from settings.ntp.
[synchronization]
minimum-agreeing-sources = 1
startup-step-panic-threshold = "inf"
single-step-panic-threshold = 1000

[synchronization.algorithm]
step-threshold = 0.128

[observability]
observation-path = "/run/ampoule/ntpd/observe"
observation-permissions = 384
"#;

#[test]
fn no_server_is_a_file_without_a_source() {
    assert_eq!(render(&[], &[]), IDLE);
}

#[test]
fn the_defaults_of_bottlerocket() {
    let text = render(&list(&["169.254.169.123", "2.amazon.pool.ntp.org"]), &list(&["iburst"]));
    let (first, rest) = IDLE.split_once('\n').expect("lines");
    let wanted = format!(
        "{first}\n# Options without effect: \"iburst\".\n{rest}\n[[source]]\nmode = \"server\"\naddress = \"169.254.169.123\"\n\n\
         [[source]]\nmode = \"pool\"\naddress = \"2.amazon.pool.ntp.org\"\n"
    );
    assert_eq!(text, wanted);
}

#[test]
fn each_option_with_a_counterpart_has_its_effect() {
    assert_eq!(
        sources(&["time.example"], &["minpoll 3", "maxpoll", "6", "port 1234"]),
        [r#"mode = "server" address = "time.example:1234" initial-poll-interval = 3 [source.poll-interval-limits] min = 3 max = 6"#]
    );
    assert_eq!(sources(&["pool.ntp.org."], &["maxsources 2"]), [r#"mode = "pool" address = "pool.ntp.org." count = 2"#]);
    assert_eq!(sources(&["pool.ntp.org"], &["nts", "ntsport 4461"]), [r#"mode = "nts" address = "pool.ntp.org:4461""#]);
}

#[test]
fn a_port_of_ones_own_wins_and_addresses_of_each_kind_are_written_as_the_daemon_reads_them() {
    let servers = ["a.example:5", "10.0.2.2:12300", "10.0.2.2", "fd00::1", "[fd00::1]", "[fd00::1]:5"];
    let addresses: Vec<_> = sources(&servers, &[]).iter().map(|s| s.split('"').nth(3).unwrap_or_default().to_owned()).collect();
    assert_eq!(addresses, ["a.example:5", "10.0.2.2:12300", "10.0.2.2", "fd00::1", "fd00::1", "[fd00::1]:5"]);
    assert!(sources(&["fd00::1"], &["port 7"])[0].contains("[fd00::1]:7"));
    assert!(sources(&["a.example:5"], &["port 7"])[0].contains("a.example:5"));
}

#[test]
fn a_source_begins_within_its_limits() {
    let start = |options: &[&str]| sources(&["a"], options)[0].split("initial-poll-interval = ").nth(1).map(|rest| rest[..1].to_owned());
    assert_eq!((start(&[]), start(&["maxpoll 8"])), (None, None));
    assert_eq!(start(&["minpoll 6"]).as_deref(), Some("6"));
    assert_eq!(start(&["maxpoll 2"]).as_deref(), Some("2"));
}

#[test]
fn poll_limits_stay_in_range_and_in_order() {
    let limits = |options: &[&str]| sources(&["a"], options)[0].split_once("limits] ").map(|(_, l)| l.to_owned()).unwrap_or_default();
    assert_eq!(limits(&["minpoll -6"]), "min = 0");
    assert_eq!(limits(&["maxpoll 24"]), "max = 17");
    assert_eq!(limits(&["minpoll 8", "maxpoll 4"]), "min = 8 max = 8");
    assert_eq!(limits(&["minpoll 12"]), "min = 12 max = 12", "above the daemon's own largest");
}

#[test]
fn what_is_not_understood_is_named_and_the_rest_counts() {
    let text = render(&list(&["host:99999", "a:b:c", ":5", "good"]), &list(&["minpoll x", "prefer", "a\nb = 1"]));
    assert!(text.contains("# Options without effect: \"minpoll\", \"x\", \"prefer\", \"a\", \"b\", \"=\", \"1\".\n"), "{text}");
    assert!(text.contains("# Not a server: \"host:99999\", \"a:b:c\", \":5\".\n"), "{text}");
    assert_eq!(sources(&["host:99999", "good"], &["minpoll x"]), [r#"mode = "server" address = "good""#]);
}

proptest! {
    /// Whatever the words, the file is TOML with at most one source for each server, and nothing beside what it always has.
    #[test]
    fn no_word_breaks_the_file(servers in prop::collection::vec(".{0,20}", 0..5), options in prop::collection::vec(".{0,20}|(min|max)poll -?[0-9]{1,4}", 0..5)) {
        let file: toml::Table = render(&servers, &options).parse().expect("TOML");
        let sources = file.get("source").and_then(toml::Value::as_array).map_or(0, Vec::len);
        prop_assert!(sources <= servers.len());
        prop_assert!(file.keys().all(|key| ["synchronization", "observability", "source"].contains(&key.as_str())));
    }
}
