//! Trees laid over one another.

use serde_json::Value;

/// Objects join member by member; of anything else the later wins.
pub(crate) fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// Takes out every value whose dotted path begins with one of `prefixes`, and the objects that are empty then. Whether
/// this one is.
pub(crate) fn remove(tree: &mut Value, above: &str, prefixes: &[String]) -> bool {
    let Value::Object(members) = tree else { return false };
    members.retain(|name, value| {
        let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        !prefixes.iter().any(|prefix| path.starts_with(prefix)) && !remove(value, &path, prefixes)
    });
    members.is_empty()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_join_member_by_member() {
        let mut merged = json!({"os": {"arch": "x86_64"}, "settings": {"a": {"x": 1}}});
        merge(&mut merged, json!({"settings": {"a": {"y": 2}, "b": [3]}}));
        assert_eq!(merged, json!({"os": {"arch": "x86_64"}, "settings": {"a": {"x": 1, "y": 2}, "b": [3]}}));
    }

    #[test]
    fn excluded_prefixes_go_with_what_they_leave_empty() {
        let tree = json!({"settings": {"motd": "m", "network": {"hostname": "n"}, "network-x": {"a": 1}}});
        let without = |prefix: &str| {
            let mut tree = tree.clone();
            remove(&mut tree, "", &[prefix.to_owned()]);
            tree
        };
        assert_eq!(without("settings.network."), json!({"settings": {"motd": "m", "network-x": {"a": 1}}}));
        assert_eq!(without("settings.network"), json!({"settings": {"motd": "m"}}));
        assert_eq!(without("settings.motd."), tree);
        assert_eq!(without("settings"), json!({}));
    }
}
