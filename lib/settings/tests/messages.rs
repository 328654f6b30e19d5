//! What people get wrong most often, and what they are told.

use ampoule_settings::{Model, UserDataError, parse_user_data};

fn told(bytes: &[u8]) -> Vec<String> {
    match parse_user_data(&Model::complete(), bytes) {
        Ok(_) => Vec::new(),
        Err(UserDataError::Settings(errors)) => errors.iter().map(ToString::to_string).collect(),
        Err(other) => vec![other.to_string()],
    }
}

/// The text gives exactly one error, with all of these words.
fn says(text: &str, words: &[&str]) {
    let errors = told(text.as_bytes());
    assert_eq!(errors.len(), 1, "{text:?}: {errors:#?}");
    words.iter().for_each(|word| assert!(errors[0].contains(word), "{text:?}: {word:?} is not in {}", errors[0]));
}

#[test]
fn what_is_there_twice() {
    says("[settings]\nmotd = \"a\"\nmotd = \"b\"\n", &["line 3, column 1", "`motd` is there twice", "keep one"]);
    says(
        "[settings.network]\nhostname = \"a\"\n[settings.ntp]\n[settings.network]\nno-proxy = []\n",
        &["line 4", "`network` is there twice", "below one head"],
    );
    says(
        "[settings.boot.kernel]\nconsole = [\"tty0\"]\n[settings.boot.kernel-parameters]\nconsole = [\"tty1\"]\n",
        &["settings.boot.kernel-parameters.console", "set twice", "boot.kernel.console"],
    );
}

#[test]
fn wrong_nesting() {
    says("[settings.motd]\ntext = \"a\"\n", &["settings.motd", "this is a table"]);
    says("[settings]\nnetwork = \"a\"\n", &["settings.network", "a group of settings"]);
    says("[settings]\nkubernetes.node-labels = \"a=b\"\n", &["settings.kubernetes.node-labels", "a group of settings"]);
    says("[settings.kubernetes.node-labels]\nexample.com/role = \"gpu\"\n", &["not TOML"]);
    says(
        "[settings.kubernetes.eviction-hard]\nmemory.available = \"15%\"\n",
        &["settings.kubernetes.eviction-hard.memory", "in quotes: kubernetes.eviction-hard.\"memory.available\""],
    );
    says("[settings.kernel.sysctl]\nnet.core.rmem_max = \"1\"\n", &["settings.kernel.sysctl.net", "kernel.sysctl.\"net.core.rmem_max\""]);
    says("[settings.kubernetes.node-labels.a]\nb = \"c\"\n", &["settings.kubernetes.node-labels.a", "this is a table"]);
}

#[test]
fn domains_that_no_workload_gets() {
    for domain in ["control", "super"] {
        let text = format!("[settings.workloads.w]\nimage = \"x\"\nselinux = \"{domain}\"\n");
        says(&text, &["settings.workloads.w.selinux", "host and bootstrap containers alone", "remote API with a certificate"]);
    }
    says("[settings.workloads.w]\nimage = \"x\"\nselinux = \"init_t\"\n", &["settings.workloads.w.selinux", "no domain of workloads"]);
}

#[test]
fn limits_of_the_disk_that_limit_nothing() {
    let disk = |value: &str| format!("[settings.workloads.w]\nimage = \"x\"\ndisk = {value}\n");
    says(&disk("\"0\""), &["settings.workloads.w.disk", "too little for any container", "25%"]);
    says(&disk("\"150%\""), &["settings.workloads.w.disk", "from 1% to 100%"]);
    says(&disk("10"), &["settings.workloads.w.disk", "put it in quotes"]);
    says("[settings.workloads.w]\nimage = \"x\"\ninodes = 5\n", &["settings.workloads.w.inodes", "128"]);
}

#[test]
fn values_of_another_kind() {
    says("[settings.kubernetes]\nmax-pods = \"110\"\n", &["line 2, column 1", "settings.kubernetes.max-pods", "without quotes: 110"]);
    says("[settings.kubernetes]\nstandalone-mode = \"true\"\n", &["without quotes: true"]);
    says("[settings.kernel.sysctl]\n\"vm.max_map_count\" = 262144\n", &["put it in quotes: \"262144\""]);
    says("[settings.ntp]\ntime-servers = \"a.example\"\n", &["a list stands in brackets: [\"a.example\"]"]);
    says("[settings]\nmotd = [\"a\"]\n", &["this is a list; the setting has one value"]);
    says("[settings.kubernetes]\nauthentication-mode = \"iam\"\n", &["one of \"aws\", \"tls\""]);
}

#[test]
fn keys_that_are_not_there() {
    says("[settings.kubernetes]\nmax-pod = 1\n", &["no such setting", "did you mean `kubernetes.max-pods`?"]);
    says("[settings.kubernetes]\nsomething-else = 1\n", &["docs/reference/settings/kubernetes.md"]);
    says("[settings]\nnonsense-of-mine = 1\n", &["namespaces"]);
}

#[test]
fn what_is_not_below_settings_is_told_with_the_rest() {
    let errors = told(b"motd = \"a\"\n[network]\nhostname = \"a\"\n[settings]\nmotd = 5\n");
    assert_eq!(errors.len(), 3, "{errors:#?}");
    assert!(errors[0].contains("line 1") && errors[0].contains("settings.motd"), "{errors:#?}");
    assert!(errors[1].contains("line 2") && errors[1].contains("[settings.network]"), "{errors:#?}");
    assert!(errors[2].contains("line 5"), "{errors:#?}");
}

#[test]
fn other_formats_are_named() {
    for (text, word) in [
        ("#!/bin/bash\nset -e\n", "script"),
        ("#!/bin/bash\n", "script"),
        ("#cloud-config\npackages: [x]\n", "cloud-init"),
        ("MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"//\"\n", "MIME"),
        ("Content-Type: multipart/mixed\n", "MIME"),
        ("{\"settings\": {\"motd\": \"a\"}}", "JSON"),
        ("settings:\n  motd: a\n", "YAML"),
        ("---\nsettings:\n  motd: a\n", "YAML"),
        ("apiVersion: v1\nkind: X\n", "YAML"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n", "PEM"),
        ("W3NldHRpbmdzXQptb3RkID0gImhlbGxvIgo=\n", "base64"),
        ("", "no [settings] table"),
        ("\n\n# nothing\n", "no [settings] table"),
    ] {
        says(text, &[word]);
    }
}

#[test]
fn a_comment_that_looks_like_something_else_is_a_comment() {
    for first in ["#!ours", "#cloud-config is not used here", "#include nothing"] {
        assert_eq!(told(format!("{first}\n[settings]\nmotd = \"a\"\n").as_bytes()), [] as [String; 0]);
    }
}

#[test]
fn encodings() {
    let text = "[settings]\r\nmotd = \"a\"\r\n[settings.network]\r\nhostname = \"a\"\r\n";
    assert_eq!(told(text.as_bytes()), [] as [String; 0], "Windows line ends");
    assert_eq!(told(format!("\u{feff}{text}").as_bytes()), [] as [String; 0], "byte order mark");
    let wide = |order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    for bytes in [wide(u16::to_le_bytes), wide(u16::to_be_bytes), [vec![0xff, 0xfe], wide(u16::to_le_bytes)].concat()] {
        let errors = told(&bytes);
        assert!(errors.len() == 1 && errors[0].contains("UTF-16") && errors[0].contains("UTF-8"), "{errors:?}");
    }
    assert!(told(&[b'[', 0xc3, 0x28])[0].contains("not UTF-8"));
    says("[settings]\r\nmotd = 5\r\n", &["line 2, column 1"]);
}

#[test]
fn the_place_of_a_key_in_quotes_is_its_own() {
    says("[settings.kernel.sysctl]\n\"kernel.pid_max\" = \"1\"\n\"net.core.rmem_max\" = 7\n", &["line 3, column 1"]);
}
