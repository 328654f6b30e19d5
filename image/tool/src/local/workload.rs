//! What the node is to run, and the settings that say so.

use std::path::Path;

use ampoule_machine::HOST_SEEN_FROM_GUEST;
use ampoule_registry::Image;
use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::{demo, local::publish::Publish, show::Show};

/// Host name of a local node.
pub(crate) const HOST_NAME: &str = "ampoule";

/// What runs.
pub(crate) struct Workload {
    /// Its name in the settings.
    pub(crate) name: &'static str,
    /// Where the image comes from.
    pub(crate) source: Source,
    /// Its ports.
    pub(crate) publish: Vec<Publish>,
}

/// Where an image comes from.
pub(crate) enum Source {
    /// From this machine, through the registry in this program.
    Here {
        /// Name in our registry.
        name: String,
        /// The image.
        image: Image,
    },
    /// From the registry that the reference names.
    Elsewhere(String),
}

impl Workload {
    /// The demo, on the first free port from 8080 on unless ports are given.
    pub(crate) fn demo(show: &Show, publish: &[Publish]) -> Result<Self> {
        let publish = match publish {
            [] => vec![Publish { host: ampoule_machine::Loopback::free_from(8080)?, node: 8080, container: demo::PORT }],
            // The demo has one port, whatever the node's is called.
            given => given.iter().map(|publish| Publish { container: demo::PORT, ..*publish }).collect(),
        };
        let source = Source::Here { name: "demo".into(), image: demo::image(show)? };
        Ok(Self { name: "demo", source, publish })
    }

    /// What the person named: a folder or file on disk, else a reference.
    pub(crate) fn named(image: &str, publish: &[Publish]) -> Result<Self> {
        let path = Path::new(image);
        let source = if path.exists() {
            Source::Here { name: repository(path), image: Image::open(path)? }
        } else if image.starts_with(['/', '.']) || image.ends_with(".tar") {
            bail!("no image at {image}");
        } else {
            Source::Elsewhere(full_reference(image)?)
        };
        Ok(Self { name: "app", source, publish: publish.to_vec() })
    }

    /// Settings (the tree below `settings`) that make a node run this and pull it from `registry_port` of this machine.
    pub(crate) fn settings(&self, registry_port: u16) -> Value {
        let registry = format!("{HOST_SEEN_FROM_GUEST}:{registry_port}");
        let (image, plain): (String, Vec<&str>) = match &self.source {
            // By digest: the node then pulls anew exactly when the image has changed.
            Source::Here { name, image } => (format!("{registry}/{name}@{}", image.entrance), vec![&registry]),
            Source::Elsewhere(reference) => (reference.clone(), Vec::new()),
        };
        let publish: Vec<String> = self.publish.iter().map(|p| format!("{}:{}", p.node, p.container)).collect();
        let mut workload = json!({ "image": image, "publish": publish, "enabled": true });
        workload["env"] = json!({ "AMPOULE_NODE": HOST_NAME });
        let mut settings = json!({ "workloads": { self.name: workload } });
        if !plain.is_empty() {
            settings["container-registry"] = json!({ "plain-http": plain });
        }
        settings
    }

    /// The images our registry must offer.
    pub(crate) fn images(&self) -> Vec<(String, Image)> {
        match &self.source {
            Source::Here { name, image } => vec![(name.clone(), image.clone())],
            Source::Elsewhere(_) => Vec::new(),
        }
    }

    /// For a person.
    pub(crate) fn describe(&self) -> String {
        match &self.source {
            Source::Here { name, image } => {
                format!("{name} ({})", crate::figures::bytes(image.size()))
            }
            Source::Elsewhere(reference) => reference.clone(),
        }
    }
}

/// A repository name from a file name: lower case, and only what registries allow.
fn repository(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let stem = absolute.file_stem().map(|stem| stem.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "image".to_owned() } else { name.to_owned() }
}

/// References are completed as people are used to: `nginx` is `docker.io/library/nginx:latest`.
fn full_reference(text: &str) -> Result<String> {
    if text.is_empty() || text.contains(char::is_whitespace) || text.contains("://") {
        bail!("{text:?} is neither a path that exists nor an image reference (such as docker.io/library/nginx:1)");
    }
    let (host, rest) = match text.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (host, rest.to_owned()),
        Some(_) => ("docker.io", text.to_owned()),
        None => ("docker.io", format!("library/{text}")),
    };
    let last = rest.rsplit('/').next().unwrap_or_default();
    let tag = if last.contains([':', '@']) { "" } else { ":latest" };
    Ok(format!("{host}/{rest}{tag}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_completed() {
        assert_eq!(full_reference("nginx").unwrap(), "docker.io/library/nginx:latest");
        assert_eq!(full_reference("a/b:1").unwrap(), "docker.io/a/b:1");
        assert_eq!(full_reference("localhost:5000/x").unwrap(), "localhost:5000/x:latest");
        assert_eq!(full_reference("ghcr.io/a/b@sha256:0").unwrap(), "ghcr.io/a/b@sha256:0");
        assert!(full_reference("https://x/y").is_err());
    }

    #[test]
    fn file_names_become_repositories() {
        assert_eq!(repository(Path::new("/a/My_Image v2.tar")), "my-image-v2");
        assert_eq!(repository(Path::new("/a/___")), "image");
    }
}
