//! Commands of our own.

use serde_json::{Value, json};

use super::{fails, node, prints, type_with, typed};
use crate::{
    certificates::{Authority, remote_settings},
    harness::{Place, eventually},
    neighbours,
};

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}

#[test]
fn a_plan_is_shown_and_nothing_changes() {
    let (_place, _init, apid) = node();
    let client = apid.client();
    let shown = typed(&client, "set --dry-run network.hostname=n3");
    let lines: Vec<&str> = shown.out.lines().collect();
    assert!(lines[0].starts_with("plan "), "{shown:?}");
    for wanted in ["settings:", "  network.hostname: (none) → \"n3\"", "files:", "  created /etc/hostname", "services:"] {
        assert!(lines.contains(&wanted), "no {wanted:?} in {shown:?}");
    }
    let file = "[settings.network]\nhostname = \"n3\"\n";
    assert_eq!(type_with(&client, "apply --dry-run", file).out, shown.out);
    assert_eq!(type_with(&client, "plan -", file).out, shown.out);
    let plan = parsed(&type_with(&client, "plan - -o json", file).out);
    assert_eq!(
        (&plan["keys"][0]["key"], lines[0]),
        (&json!("network.hostname"), format!("plan {}", plan["id"].as_str().unwrap_or_default()).as_str())
    );
    assert_eq!(typed(&client, "set --dry-run motd=x --output json").code, 0);
    assert_eq!(typed(&client, "unset --dry-run network.hostname"), prints("Nothing would change.\n"));
    assert_eq!(apid.settings()["network"]["hostname"], Value::Null);
    assert_eq!(typed(&client, "get /tx/list"), prints("[]\n"), "no transaction lingers");
}

#[test]
fn a_plan_that_moved_is_not_carried_out() {
    let (_place, _init, apid) = node();
    let client = apid.client();
    let plan = parsed(&typed(&client, "set --dry-run motd=a -o json").out);
    typed(&client, "set motd=b");
    let refused = typed(&client, &format!("set motd=a --plan {}", plan["id"].as_str().expect("an id")));
    assert_eq!((refused.code, &apid.settings()["motd"]), (1, &json!("b")));
    assert!(refused.err.contains("status 409"), "{refused:?}");
}

#[test]
fn a_change_is_confirmed_or_taken_back() {
    let (_place, _init, apid) = node();
    let client = apid.client();
    let made = typed(&client, "set motd=a --confirm 5m --message why");
    assert_eq!(made, prints("generation 2: in-effect\nit is taken back in 300 s unless you say: ampctl confirm 2\n"));
    assert_eq!(typed(&client, "confirm 7").code, 1);
    assert_eq!(typed(&client, "confirm"), prints("generation 2 is confirmed\n"));
    assert_eq!(typed(&client, "confirm"), fails("no generation is on trial: there is nothing to confirm"));
    typed(&client, "set motd=b --confirm 5m");
    assert_eq!(typed(&client, "rollback"), prints("generation 4 is in force\n"));
    assert_eq!(apid.settings()["motd"], "a");
    assert_eq!(typed(&client, "rollback").code, 1);
}

#[test]
fn history_is_shown_compared_and_restored() {
    let (_place, _init, apid) = node();
    let client = apid.client();
    typed(&client, "set motd=a --message first --confirm 5m");
    typed(&client, "confirm 2");
    typed(&client, "set motd=b --message second --confirm 5m");
    let history = typed(&client, "history");
    let lines: Vec<&str> = history.out.lines().collect();
    assert!(lines[0].starts_with("NUMBER  STANDING"), "{history:?}");
    assert!(lines[2].starts_with("2       confirmed") && lines[2].ends_with("first"), "{history:?}");
    assert!(lines[3].starts_with("3       in force, on trial") && lines[3].ends_with("second"), "{history:?}");
    assert_eq!(parsed(&typed(&client, "history -o json").out)["in-force"], 3);
    assert_eq!(typed(&client, "diff"), prints("motd: \"a\" → \"b\"\n"));
    assert_eq!(typed(&client, "diff 1 2"), prints("motd: \"by default\" → \"a\"\n"));
    assert_eq!(typed(&client, "diff 2 2"), prints("Generations 2 and 2 are the same.\n"));
    typed(&client, "confirm");
    assert_eq!(
        typed(&client, "restore 2 --confirm 60"),
        prints("generation 4: in-effect\nit is taken back in 60 s unless you say: ampctl confirm 4\n")
    );
    assert_eq!(apid.settings()["motd"], "a");
    assert_eq!(typed(&client, "restore 99").code, 1);
}

#[test]
fn unset_goes_back_to_the_default() {
    let (_place, _init, apid) = node();
    let client = apid.client();
    typed(&client, "set motd=a");
    assert_eq!(typed(&client, "unset motd"), prints(""));
    assert_eq!(apid.settings()["motd"], "by default");
    let wrong = typed(&client, "unset nothing.here");
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("settings.nothing.here: there is no such setting"), "{wrong:?}");
}

#[test]
fn settings_have_their_source() {
    let (_place, _init, apid) = node();
    let client = apid.client();
    typed(&client, "set network.hostname=n4");
    assert_eq!(
        typed(&client, "settings network"),
        prints("KEY                        SOURCE  VALUE\nsettings.network.hostname  chosen  \"n4\"\n")
    );
    assert_eq!(parsed(&typed(&client, "settings motd -o json").out)["settings"][0]["source"], "default");
}

#[test]
fn explain_asks_the_node_for_what_its_image_has() {
    let apid = Place::new().start_once();
    let client = apid.client();
    let explained = typed(&client, "explain settings.network.hostname");
    assert!(
        explained.out.starts_with("settings.network.hostname\n  ") && explained.out.contains("  example  \"node-1.example\"\n"),
        "{explained:?}"
    );
    assert!(typed(&client, "explain workloads").out.contains("workloads.NAME.image\n"));
    assert_eq!(
        typed(&client, "explain ntp"),
        fails("there is no setting ntp (`settings` has: api, container-registry, motd, network, workloads)")
    );
}

#[test]
fn services_boot_and_logs_are_tables_for_people() {
    let (place, _init, apid) = node();
    let client = apid.client();
    let services = typed(&client, "services");
    assert_eq!(services.out.lines().next(), Some("NAME   STATE    PID  RESTARTS  SINCE    READY"), "{services:?}");
    assert!(services.out.lines().any(|line| line == "netd   running  42   1         0.900 s  0.950 s"), "{services:?}");
    assert!(parsed(&typed(&client, "services -o json").out)["services"].is_array());
    assert!(typed(&client, "boot").out.contains("settings generation 1\n"));
    let record = "{\"seq\":1,\"time_ms\":1,\"monotonic_ms\":1500,\"source\":\"apid\",\"level\":3,\"text\":\"one\"}\n";
    neighbours::logs(&place.path("run/logd/query.sock"), record);
    assert_eq!(typed(&client, "logs apid -n 5"), prints("    1.500 apid: ERROR one\n"));
    assert_eq!(typed(&client, "logs -o json"), prints(record));
}

#[test]
fn watch_tells_what_happens_as_it_happens() {
    let (_place, _init, apid) = node();
    let client = apid.client();
    // The command never ends by itself: what it prints is read here from the same stream.
    let mut events = client.events().expect("events");
    typed(&client, "set motd=w");
    let mut kinds = Vec::new();
    eventually("the change is told", || {
        while let Ok(Some(line)) = events.next_within(std::time::Duration::from_millis(100)) {
            kinds.extend(line.strip_prefix("data:").map(|data| parsed(data.trim())["kind"].clone()));
        }
        kinds.contains(&json!("committed")) && kinds.contains(&json!("apply"))
    });
}

#[test]
fn it_is_the_same_from_afar() {
    let (authority, port) = (Authority::new(), crate::remote::free_port());
    let apid = Place::new().start_once();
    apid.change(&remote_settings(port, &authority.server(), &authority));
    let far = crate::remote::connect(port, &authority, &authority.client("operator"));
    for line in ["get settings.motd", "settings motd", "explain motd", "report cis-k8s", "raw -u /os", "diff 1 2", "set motd"] {
        assert_eq!(typed(&far, line), typed(&apid.client(), line), "{line}");
    }
    // All but the line that says when it was made.
    let report =
        |client| typed(client, "report cis").out.lines().filter(|line| !line.starts_with("Start time:")).collect::<Vec<_>>().join("\n");
    assert!(report(&far).contains("Compliance check result:"));
    assert_eq!(report(&far), report(&apid.client()));
    assert_eq!(typed(&far, "set motd=far"), prints(""));
    assert_eq!(apid.settings()["motd"], "far");
    let reader = crate::remote::connect(port, &authority, &authority.client("reader"));
    let refused = typed(&reader, "set motd=r");
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("status 403") && refused.err.contains("use one with the role operator or admin"), "{refused:?}");
}

#[test]
fn changed_user_data_is_shown_and_taken() {
    let (place, _init, apid) = node();
    let client = apid.client();
    assert_eq!(typed(&client, "user-data"), prints("The user data is what the node took.\n"));
    std::fs::write(place.path("user-data"), "[settings]\nmotd = \"new\"\n").expect("written");
    let shown = typed(&client, "user-data").out;
    assert!(shown.starts_with("The user data has changed and has no effect yet") && shown.contains("motd"), "{shown}");
    assert_eq!(parsed(&typed(&client, "user-data -o json").out)["state"], "changed");
    assert_eq!(typed(&client, "user-data --apply").code, 0);
    assert_eq!(apid.settings()["motd"], "new");
}

#[test]
fn denials_are_shown_with_the_rule_that_would_allow_them() {
    let (place, _init, apid) = node();
    neighbours::status(
        &place.path("run/logd/status"),
        r#"{"denials":[{"count":3,"first-ms":1,"last-ms":2000,"pid":7,"process":"s\u001b[2Jh","domain":"container_t","level":"s0:c1,c2",
            "target":"passwd","target-type":"etc_t","class":"file","permissions":["read","write"],
            "rule":"(allow container_t etc_t (file (read write)))"},
            {"kind":"call-refused","call":"mount","count":1,"first-ms":1,"last-ms":1000,"pid":8,"process":"sh","domain":"container_t","level":"s0:c1,c2",
            "class":"system_call","permissions":["165"],"rule":"none: workloads may not call mount so"},
            {"kind":"process-ended","count":1,"first-ms":1,"last-ms":1000,"pid":9,"process":"netd","domain":"netd_t","level":"s0",
            "class":"system_call","permissions":["101"],"rule":"system call 101"}],"left-out":9}"#,
    );
    let shown = typed(&apid.client(), "denials");
    let lines: Vec<&str> = shown.out.lines().collect();
    let expected = "1970-01-01 00:00:02Z  3      s?[2Jh   7    container_t  -         passwd  file read write    SELinux         (allow container_t etc_t (file (read write)))";
    assert_eq!(lines[1], expected);
    assert!(
        lines[2].contains("system_call mount") && lines[2].contains("  seccomp  ") && lines[2].ends_with("may not call mount so"),
        "{shown:?}"
    );
    assert!(lines[3].contains("system_call 101") && lines[3].contains("  seccomp, ended  "), "{shown:?}");
    assert!(lines[4].starts_with("9 more are not listed"), "{shown:?}");
    assert_eq!(parsed(&typed(&apid.client(), "denials -o json").out)["denials"][0]["count"], 3);
}

#[test]
fn a_plan_says_where_a_workload_is_less_apart() {
    let (_place, _init, apid) = node();
    let file = "[settings.workloads.web]\nimage = \"x\"\nuser-namespace = false\n";
    let shown = type_with(&apid.client(), "plan -", file);
    let wanted = "  started web; uid 0 inside is uid 0 on the node";
    assert!(shown.out.lines().any(|line| line == wanted), "{shown:?}");
}
