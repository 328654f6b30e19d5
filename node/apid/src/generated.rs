//! Values that the node made for keys that nobody set: what `provision` left (docs/architecture/contracts.md, section 5).

use crate::Shared;
use crate::core::Core;
use crate::engine::{self, What, Wish};
use crate::role::Caller;
use ampoule_confirm::Kind;
use ampoule_settings::{Fragment, Model, path};
use ampoule_store::{Generated, Generation, Origin, Strength};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Longest document read, in bytes: there are four keys.
const MAX_BYTES: u64 = 64 * 1024;
/// `provision` writes again once it knows more (the node's name, what a metadata service says): within seconds or a few minutes of the boot.
const PAUSE: Duration = Duration::from_secs(2);
/// Later only somebody who restarts it makes it write.
const LONG_PAUSE: Duration = Duration::from_secs(30);
const AT_FIRST: Duration = Duration::from_secs(600);

/// By key, without `settings.`.
pub(crate) type Values = BTreeMap<String, Generated>;

/// Values by how long they stand.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Found {
    /// Like defaults of the image: of this boot, never kept.
    pub(crate) weak: Fragment,
    /// To be kept, if nothing else is.
    pub(crate) strong: Values,
}

/// Reads what was left. What this image does not know or take is left out and named; no document is no mistake.
pub(crate) fn read(path: &Path, model: &Model) -> Found {
    let mut bytes = Vec::new();
    let Ok(file) = std::fs::File::open(path) else { return Found::default() };
    let read = file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|e| e.to_string());
    let values = read.and_then(|_| serde_json::from_slice::<Values>(&bytes).map_err(|e| e.to_string()));
    let values = values.inspect_err(|e| log::error!("Generated values: {} cannot be read: {e}", path.display()));
    let fitting = values.unwrap_or_default().into_iter().filter(|(key, made)| fits(model, key, made));
    let (strong, weak): (Values, Values) = fitting.partition(|(_, made)| made.strength == Strength::Strong);
    Found { weak: fragment(model, &weak), strong }
}

fn fits(model: &Model, key: &str, made: &Generated) -> bool {
    let errors = one(model, key, made).err().unwrap_or_default();
    errors.iter().for_each(|e| log::error!("Generated value left out: {e}"));
    errors.is_empty()
}

/// Values as a layer of settings; ones that this image does not take are left out.
pub(crate) fn fragment(model: &Model, values: &Values) -> Fragment {
    values.iter().filter_map(|(key, made)| one(model, key, made).ok()).fold(Fragment::default(), Fragment::merge)
}

fn one(model: &Model, key: &str, made: &Generated) -> Result<Fragment, Vec<ampoule_settings::SettingError>> {
    Fragment::from_json(model, &crate::tree::nest(&path::split(key), made.value.clone()))
}

/// What is kept when `found` comes to what was kept before: a value stays as it was first made, and none is made for a key that somebody set.
pub(crate) fn kept(before: &Values, found: &Values, chosen: &Fragment) -> Values {
    let new = found.iter().filter(|(key, _)| chosen.get(key).is_none());
    let mut all: Values = new.map(|(key, made)| (key.clone(), made.clone())).collect();
    all.extend(before.clone());
    all
}

/// Takes over what `provision` writes later, as a change like any other; again if it went with a change of somebody else that was taken back.
pub(crate) async fn follow(node: Arc<Shared>) {
    let (mut seen, started) = ((None, node.core.lock().await.generation()), tokio::time::Instant::now());
    loop {
        let now = (written_at(&node.options.generated), node.core.lock().await.generation());
        if now.0 != seen.0 || went_with_another(&*node.core.lock().await, seen.1) {
            take_over(&node).await;
        }
        seen = now;
        tokio::time::sleep(if started.elapsed() < AT_FIRST { PAUSE } else { LONG_PAUSE }).await;
    }
}

/// Whether settings were taken back since that generation for no fault of generated values: those that did harm themselves are not tried again before they are written anew.
fn went_with_another(core: &Core, since: u64) -> bool {
    let was_alone = |one: &Generation| one.origin == Origin::Generated && one.trial.is_none_or(|trial| trial.kind == Kind::Probation);
    core.taken_back_since(since).iter().any(|generation| !was_alone(generation))
}

async fn take_over(node: &Arc<Shared>) {
    let found = {
        let core = node.core.lock().await;
        let found = read(&node.options.generated, &core.model);
        if core.has(&found) {
            return;
        }
        found
    };
    let wish = Wish::new(What::Generated(found), &Caller::node("provision"), node.options.probation());
    if let Err(refused) = engine::apply(node, Wish { origin: Origin::Generated, ..wish }).await {
        log::error!("Generated values have no effect: {}", refused.text());
    }
}

fn written_at(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|m| m.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn made(value: &str) -> Generated {
        Generated { value: json!(value), strength: Strength::Strong, why: String::new() }
    }

    #[test]
    fn a_strong_value_stays_as_it_was_first_made() {
        let (old, new) = (Values::from([("motd".into(), made("old"))]), Values::from([("motd".into(), made("new"))]));
        assert_eq!(kept(&old, &new, &Fragment::default()), old);
        assert_eq!(kept(&Values::new(), &new, &Fragment::default()), new);
        let chosen = Fragment::from_json(&Model::complete(), &json!({ "motd": "mine" })).expect("settings");
        assert_eq!(kept(&Values::new(), &new, &chosen), Values::new());
        assert_eq!(kept(&old, &new, &chosen), old);
    }

    #[test]
    fn what_this_image_does_not_take_is_left_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("generated.json");
        let text = r#"{"motd":{"value":"made","strength":"weak","why":"x"},"network.hostname":{"value":"n","strength":"strong","why":"x"},
            "nonsense":{"value":1,"strength":"weak","why":"x"},"network.https-proxy":{"value":5,"strength":"strong","why":"x"}}"#;
        std::fs::write(&path, text).expect("written");
        let found = read(&path, &Model::complete());
        assert_eq!(found.weak.to_json(), json!({ "motd": "made" }));
        assert_eq!(found.strong.keys().collect::<Vec<_>>(), ["network.hostname"]);
        for rubbish in ["", "[]", "{\"motd\":1}", &"x".repeat(100_000)] {
            std::fs::write(&path, rubbish).expect("written");
            assert_eq!(read(&path, &Model::complete()), Found::default());
        }
    }
}
