//! Doing again what settings lead to although they are what they were: for somebody who does not trust what is there.

use crate::diff::{self, Change};
use crate::{Image, Plan, State, effects_within, render};

impl Plan {
    /// Everything that the settings in force lead to, and what is outstanding since `applied` was. With `keys` (dotted, canonical) only the files that these settings, or ones below them, are
    /// in, and their services; what is outstanding is done all the same, so that nothing is left between two states.
    #[must_use]
    pub fn again(image: &Image, applied: &State, in_force: &State, keys: Option<&[String]>) -> Self {
        let outstanding = Self::between(image, Some(applied), in_force).files;
        let mut plan = Self::between(image, None, in_force);
        plan.files.extend(outstanding.iter().filter(|file| file.change == Change::Removed).cloned());
        if let Some(keys) = keys {
            let is_outstanding = |path: &str| outstanding.iter().any(|file| file.path == path);
            plan.files.retain(|file| is_outstanding(&file.path) || keys.iter().any(|key| leads_to(key, &file.path)));
        }
        plan.services = diff::services(&plan.files, &render(image, &applied.settings));
        plan
    }
}

fn leads_to(key: &str, file: &str) -> bool {
    effects_within(key).flat_map(|effect| effect.files).any(|pattern| matches(pattern, file))
}

/// `*` stands for one part of a path.
fn matches(pattern: &str, file: &str) -> bool {
    let (mut wanted, mut there) = (pattern.split('/'), file.split('/'));
    loop {
        match (wanted.next(), there.next()) {
            (None, None) => return true,
            (Some(part), Some(name)) if part == "*" || part == name => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ampoule_settings::{Fragment, Layers, Model};
    use serde_json::{Value, json};

    fn state(tree: &Value) -> State {
        let chosen = Fragment::from_json(&Model::complete(), tree).expect("settings");
        let layers = Layers { chosen, ..Layers::default() };
        State { whole: layers.whole(), settings: layers.settings().expect("they fit") }
    }

    fn image() -> Image {
        Image { services: ["hostd", "netd", "ntpd", "containerd"].map(str::to_owned).into(), ..Image::default() }
    }

    fn done(plan: &Plan) -> (Vec<&str>, Vec<&str>) {
        (plan.files.iter().map(|f| f.path.as_str()).collect(), plan.services.iter().map(|s| s.reader.service).collect())
    }

    #[test]
    fn keys_limit_what_is_done_again() {
        let now = state(&json!({ "motd": "x", "network": { "hostname": "n" }, "ntp": { "time-servers": ["a.example"] },
            "container-registry": { "plain-http": ["r.example"] } }));
        let again = |keys: &[&str]| Plan::again(&image(), &now, &now, Some(&keys.iter().map(ToString::to_string).collect::<Vec<_>>()));
        assert_eq!(done(&again(&["motd"])), (vec!["/etc/motd"], vec![]));
        assert_eq!(done(&again(&["ntp.time-servers"])), (vec!["/etc/ntpd-rs/ntp.toml"], vec!["ntpd"]));
        assert_eq!(
            done(&again(&["container-registry"])).0,
            ["/etc/ampoule/registry-credentials.json", "/etc/containerd/certs.d/r.example/hosts.toml"]
        );
        assert_eq!(done(&again(&["api.remote.port"])), (vec![], vec![]));
        let whole = Plan::again(&image(), &now, &now, None);
        assert!(done(&whole).0.len() > 5 && done(&whole).1.contains(&"netd"), "{whole:?}");
    }

    #[test]
    fn what_is_outstanding_is_done_whatever_keys_say() {
        let before = state(&json!({ "motd": "x", "container-registry": { "plain-http": ["r.example"] } }));
        let now = state(&json!({ "motd": "x", "network": { "hostname": "n" } }));
        let plan = Plan::again(&image(), &before, &now, Some(&["motd".to_owned()]));
        let (files, services) = done(&plan);
        assert!(
            ["/etc/motd", "/etc/hostname", "/etc/containerd/certs.d/r.example/hosts.toml"].iter().all(|f| files.contains(f)),
            "{files:?}"
        );
        assert!(services.contains(&"netd") && !services.contains(&"ntpd"), "{services:?}");
    }
}
