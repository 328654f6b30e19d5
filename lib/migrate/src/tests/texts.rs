//! Steps as texts: what people and manifests read, and steps that a text adds.

use super::{moved, spans, step};
use crate::{Change, Step, Steps, StepsError};
use semver::Version;
use serde_json::json;

#[test]
fn each_change_says_what_it_does() {
    let steps = step(vec![
        Change::Added { key: "ntp.new".into() },
        Change::Removed { key: "ntp.old".into() },
        moved("workloads.*.env", "workloads.*.environment"),
        Change::Replaced { key: "kernel.lockdown".into(), from: json!("none"), to: json!("off") },
        spans("wait"),
    ]);
    let migrations = steps.migrations();
    assert_eq!((migrations.len(), &migrations[0].from, &migrations[0].to), (1, &Version::new(0, 1, 0), &Version::new(0, 2, 0)));
    assert_eq!(
        migrations[0].changes,
        [
            "add settings.ntp.new",
            "remove settings.ntp.old",
            "move settings.workloads.*.env to settings.workloads.*.environment",
            "in settings.kernel.lockdown replace \"none\" by \"off\"",
            "convert settings.wait: seconds become a time span",
        ]
    );
}

#[test]
fn forms_and_versions_belong_together() {
    let steps = Steps::new(vec![
        Step { version: Version::new(0, 2, 0), changes: vec![] },
        Step { version: Version::new(0, 4, 1), changes: vec![] },
    ]);
    let steps = steps.expect("right steps");
    let of = |text: &str| steps.form_of(&text.parse().expect("a version"));
    assert_eq!([of("0.1.0"), of("0.1.9"), of("0.2.0"), of("0.4.0"), of("0.4.1"), of("9.0.0")], [0, 0, 1, 1, 2, 2]);
    let versions: Vec<_> = (0..4).map(|form| steps.version(form).map(|version| version.to_string())).collect();
    assert_eq!(versions, [Some("0.1.0".into()), Some("0.2.0".into()), Some("0.4.1".into()), None]);
}

#[test]
fn steps_that_cannot_be_taken_are_refused() {
    let at = |version: &str| Step { version: version.parse().expect("a version"), changes: vec![] };
    assert!(matches!(Steps::new(vec![at("0.1.0")]), Err(StepsError::Order(_))), "the first version has no step");
    assert!(matches!(Steps::new(vec![at("0.3.0"), at("0.2.0")]), Err(StepsError::Order(_))));
    for (change, says) in [
        (moved("a", "a"), "stays where it is"),
        (moved("a.*", "b"), "as many names"),
        (moved("a..b", "b"), "no empty part"),
        (Change::Replaced { key: "a".into(), from: json!(1), to: json!(1) }, "stays as it is"),
    ] {
        let refused = Steps::new(vec![Step { version: Version::new(0, 2, 0), changes: vec![change] }]).expect_err("refused");
        assert!(refused.to_string().contains(says), "{refused}");
    }
}

#[test]
fn a_text_adds_steps_behind_those_that_are_there() {
    let text = r#"
        [[step]]
        version = "0.3.0"
        changes = [
            { moved = { from = "motd", to = "message.text" } },
            { replaced = { key = "a.*", from = 1, to = "one" } },
            { added = { key = "settings.b" } },
            { removed = { key = "c" } },
        ]
    "#;
    let steps = step(vec![]).with_text(text).expect("right steps");
    assert_eq!((steps.form(), steps.migrations()[1].changes.len()), (2, 4));
    assert_eq!(step(vec![]).with_text("").expect("no steps").form(), 1);
    for wrong in ["step = 1", "[[step]]\nversion = \"0.3.0\"", "[[step]]\nversion = \"0.2.0\"\nchanges = []", "[[steps]]\n"] {
        assert!(step(vec![]).with_text(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_compiled_steps_can_be_taken() {
    let all: Vec<_> = Steps::compiled().iter().cloned().collect();
    Steps::new(all).expect("right steps");
}
