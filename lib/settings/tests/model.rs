//! What the model accepts, refuses and says.

use ampoule_settings::{Fragment, Model, Settings, UserDataError, parse_user_data};
use proptest::prelude::*;
use serde_json::json;
use std::io::Write;

fn fragment(text: &str) -> Result<Fragment, Vec<String>> {
    Fragment::from_toml(&Model::complete(), text).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

fn settings(text: &str) -> Result<Settings, Vec<String>> {
    let chosen = fragment(text)?;
    Settings::new(&Fragment::default(), &chosen).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

const WHOLE: &str = r#"
[settings]
motd = "hello"
[settings.network]
hostname = "node-1.example"
[settings.container-registry]
plain-http = ["10.0.2.2:5000"]
creds = [{ registry = "ghcr.io", username = "u", password = "p" }]
[settings.container-registry.mirrors."docker.io"]
endpoint = ["https://mirror.example"]
[settings.workloads.web]
image = "docker.io/library/nginx:1.27"
publish = ["8080:80"]
volumes = ["data:/var/lib/data"]
memory = "64MiB"
cpus = 0.5
env = { "A" = "b" }
"#;

#[test]
fn the_whole_model_is_accepted_and_comes_back() {
    let chosen = fragment(WHOLE).expect("valid");
    let settings = Settings::new(&Fragment::default(), &chosen).expect("fits together");
    assert_eq!(settings.workloads.values().next().and_then(|w| w.resolve().memory), Some(64 << 20));
    assert_eq!(settings.container_registry.mirrors.len(), 1);
    assert_eq!(Fragment::from_json(&Model::complete(), &chosen.to_json()), Ok(chosen));
}

#[test]
fn every_wrong_key_is_named_at_once_with_its_place() {
    let errors = fragment("[settings]\nmtod = \"x\"\n[settings.network]\nhostname = \"Not A Name\"\n").expect_err("wrong");
    assert_eq!(errors.len(), 2);
    assert!(errors[0].contains("line 2, column 1") && errors[0].contains("did you mean `motd`"), "{errors:?}");
    assert!(errors[1].contains("line 4, column 1") && errors[1].contains("settings.network.hostname"), "{errors:?}");
}

#[test]
fn what_is_not_settings_toml_gets_its_own_words() {
    for (text, says) in [
        ("#!/bin/sh\necho hi\n", "script"),
        ("#cloud-config\npackages: [x]\n", "cloud-init"),
        ("MIME-Version: 1.0\n", "MIME"),
        ("motd = \"x\"\n", "belong"),
        ("", "[settings]"),
    ] {
        let errors = fragment(text).expect_err("wrong");
        assert!(errors[0].contains(says), "{text:?}: {errors:?}");
    }
}

#[test]
fn what_does_not_fit_together_is_refused() {
    for (text, says) in [
        ("[settings.api.remote]\nenabled = true\n", "api.remote.key"),
        ("[settings.workloads.a]\nmemory = \"1MiB\"\n", "needs an image"),
        (
            "[settings.workloads.a]\nimage = \"x\"\npublish = [\"80:80\"]\n[settings.workloads.b]\nimage = \"x\"\npublish = [\"80:81\"]\n",
            "published twice",
        ),
        (
            "[settings.workloads.a]\nimage = \"x\"\nvolumes = [\"v:/v:shared\"]\n[settings.workloads.b]\nimage = \"x\"\nvolumes = [\"v:/w\"]\n",
            "not both say that they share it",
        ),
        ("[settings.workloads.\"a/b\"]\nimage = \"x\"\n", "a/b"),
        (&format!("[settings.dns]\nname-servers = [{}]\n", "\"1.1.1.1\", ".repeat(65)), "these are 65 entries"),
        ("[settings.motd]\nx = 1\n", "motd"),
        ("[settings.workloads.a.b]\nc = 1\n", "no such setting"),
    ] {
        let errors = settings(text).expect_err(text);
        assert!(errors.iter().any(|e| e.contains(says)), "{text:?}: {errors:?}");
    }
}

#[test]
fn one_port_for_tcp_and_udp_and_for_a_disabled_workload_is_fine() {
    let text = "[settings.workloads.a]\nimage = \"x\"\npublish = [\"53:53/udp\", \"53:53\"]\n[settings.workloads.b]\nimage = \"x\"\nenabled = false\npublish = [\"53:53\"]\n";
    assert!(settings(text).is_ok(), "{:?}", settings(text));
}

#[test]
fn a_volume_that_both_share_or_that_is_named_twice_by_one_is_fine() {
    let both = "[settings.workloads.a]\nimage = \"x\"\nvolumes = [\"v:/v:shared\"]\n[settings.workloads.b]\nimage = \"x\"\nvolumes = [\"v:/w:ro,shared\"]\n";
    assert!(settings(both).is_ok(), "{:?}", settings(both));
    let one = "[settings.workloads.a]\nimage = \"x\"\nvolumes = [\"v:/v\", \"v:/w:ro\"]\n";
    assert!(settings(one).is_ok(), "{:?}", settings(one));
}

#[test]
fn a_namespace_the_image_lacks_is_refused() {
    let model = Model::new(["motd".to_owned()]);
    assert!(Fragment::from_json(&model, &json!({ "network": { "hostname": "a" } })).is_err());
}

#[test]
fn secrets_never_reach_an_error() {
    let errors = fragment("[settings.container-registry]\ncredentials = [{ registry = 7, password = \"hunter2\" }]\n").expect_err("wrong");
    assert!(!errors[0].contains("hunter2"), "{errors:?}");
}

#[test]
fn gzip_is_unpacked_and_a_bomb_is_refused() {
    let packed = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).expect("write");
        encoder.finish().expect("finish")
    };
    let model = Model::complete();
    assert!(parse_user_data(&model, &packed(b"[settings]\nmotd = \"x\"\n")).is_ok());
    assert!(matches!(parse_user_data(&model, &packed(&vec![b'#'; 8 << 20])), Err(UserDataError::TooLong { .. })));
    assert!(matches!(parse_user_data(&model, &[0x1f, 0x8b, 0]), Err(UserDataError::Gzip(_))));
}

fn some() -> impl Strategy<Value = Fragment> {
    let values = (prop::option::of("[a-z]{0,5}"), prop::option::of("[a-z]{1,8}"), prop::option::of(any::<bool>()));
    values.prop_map(|(motd, name, enabled)| {
        let mut tree = serde_json::Map::new();
        motd.map(|m| tree.insert("motd".into(), json!(m)));
        name.map(|n| tree.insert("network".into(), json!({ "hostname": n })));
        enabled.map(|e| tree.insert("api".into(), json!({ "remote": { "enabled": e } })));
        Fragment::from_json(&Model::complete(), &tree.into()).expect("valid")
    })
}

proptest! {
    #[test]
    fn merging_is_associative_and_the_later_wins(a in some(), b in some(), c in some()) {
        prop_assert_eq!(a.clone().merge(b.clone()).merge(c.clone()), a.clone().merge(b.clone().merge(c)));
        let merged = a.merge(b.clone());
        for key in b.keys() {
            prop_assert_eq!(merged.get(key), b.get(key));
        }
    }

    #[test]
    fn any_bytes_are_settings_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse_user_data(&Model::complete(), &bytes);
    }

    #[test]
    fn any_text_below_settings_is_settings_or_an_error(text in "(\\[settings[.a-z\"*]{0,12}\\]\n|[a-z.-]{1,9} = [\\[\\]{}a-z0-9\" ,=-]{0,12}\n){0,6}") {
        let _ = fragment(&text);
    }
}
