//! The bill of materials: SPDX 2.3 in JSON.

use crate::hash::Facts;
use crate::licence::Component;
use crate::package::Built;
use serde_json::{Value, json};

/// The document for an image. It has no time of making other than a fixed one, so that it is the same each time.
pub(crate) fn document(name: &str, version: &str, packages: &[Built]) -> Value {
    let mut list = vec![image(name, version)];
    let mut relations = vec![relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-image")];
    let mut facts = Facts::default();
    for built in packages {
        let id = id("package", &built.package.name, &built.package.version);
        facts.add(&id, &built.package.key);
        list.push(package(&id, built));
        relations.push(relation("SPDXRef-image", "CONTAINS", &id));
        for component in &built.components {
            add_component(component, &id, &mut list, &mut relations);
        }
    }
    json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": format!("ampoule-{name}-{version}"),
        "documentNamespace": format!("https://ampoule.invalid/sbom/{name}-{version}-{}", &facts.finish()[..32]),
        "creationInfo": { "created": "2026-01-01T00:00:00Z", "creators": ["Tool: ampoule-builder"] },
        "packages": list,
        "relationships": relations,
    })
}

fn image(name: &str, version: &str) -> Value {
    entry("SPDXRef-image", &format!("ampoule-{name}"), version, "NOASSERTION", Vec::new())
}

fn package(id: &str, built: &Built) -> Value {
    let package = &built.package;
    let mut value = entry(id, &package.name, &package.version, &package.licence, Vec::new());
    value["summary"] = json!(package.summary);
    let inputs = package.inputs.iter().map(|i| format!("{} {} sha256:{}", i.name, i.version, i.sha256));
    value["sourceInfo"] = json!(inputs.collect::<Vec<_>>().join("; "));
    value
}

/// A component that two packages share is listed once.
fn add_component(component: &Component, owner: &str, list: &mut Vec<Value>, relations: &mut Vec<Value>) {
    let id = id("component", &component.name, &component.version);
    if !list.iter().any(|v| v["SPDXID"] == id) {
        let purl = json!({ "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": component.purl });
        list.push(entry(&id, &component.name, &component.version, &component.licence, vec![purl]));
    }
    relations.push(relation(owner, "STATIC_LINK", &id));
}

fn entry(id: &str, name: &str, version: &str, licence: &str, references: Vec<Value>) -> Value {
    let licence = if licence.is_empty() { "NOASSERTION" } else { licence };
    json!({
        "SPDXID": id,
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "licenseConcluded": licence,
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
        "externalRefs": references,
    })
}

fn relation(from: &str, kind: &str, to: &str) -> Value {
    json!({ "spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to })
}

/// An identifier of letters, digits, dots and dashes, as SPDX demands.
fn id(kind: &str, name: &str, version: &str) -> String {
    let text = format!("{kind}-{name}-{version}");
    let plain: String = text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    format!("SPDXRef-{plain}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Package;

    fn built(name: &str) -> Built {
        let component = Component { name: "shared".into(), version: "1".into(), licence: "MIT".into(), purl: "pkg:cargo/shared@1".into() };
        let package = Package {
            name: name.into(),
            version: "1~2".into(),
            licence: "MIT".into(),
            summary: String::new(),
            key: name.into(),
            inputs: Vec::new(),
        };
        Built { dir: "/".into(), package, components: vec![component], differs: Vec::new() }
    }

    #[test]
    fn every_relation_points_at_something_and_ids_are_unique() {
        let document = document("v", "1", &[built("a"), built("b")]);
        let ids: Vec<_> = document["packages"].as_array().expect("a list").iter().map(|p| p["SPDXID"].clone()).collect();
        let unique: std::collections::HashSet<_> = ids.iter().map(Value::to_string).collect();
        assert_eq!((ids.len(), unique.len()), (4, 4));
        for relation in document["relationships"].as_array().expect("a list") {
            assert!(ids.contains(&relation["relatedSpdxElement"]), "{relation}");
        }
    }

    #[test]
    fn identifiers_have_only_allowed_characters() {
        assert_eq!(id("package", "a/b", "1~2"), "SPDXRef-package-a-b-1-2");
    }
}
