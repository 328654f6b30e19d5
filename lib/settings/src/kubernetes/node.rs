//! Groups of settings of a node of a cluster that have a name each.

use super::types::{NumaNode, Quantity};
use crate::SettingError;
use crate::namespace::namespace;
use crate::types::{Base64, KubernetesDuration};
use ampoule_base::{EnvironmentName, Identifier, Secret, SingleLine};

namespace! {
    /// A pod that kubelet runs from the node's settings.
    StaticPod "kubernetes.static-pods.*" named Identifier = "proxy"
    keys {
        /// Whether it runs.
        enabled "enabled": bool, "true";
        /// Its manifest, in base64.
        manifest "manifest": Base64, r#""YXBpVmVyc2lvbjogdjEKa2luZDogUG9kCg==""#;
    }
}

namespace! {
    /// A program that gets credentials for registries of images.
    CredentialProvider "kubernetes.credential-providers.*" named Identifier = "ecr-credential-provider"
    keys {
        /// Whether kubelet asks it.
        enabled "enabled": bool, "true";
        /// Images that it is asked for.
        image_patterns "image-patterns": Vec<SingleLine>, r#"["*.dkr.ecr.eu-west-1.amazonaws.com"]"#;
        /// How long its answers are kept.
        cache_duration "cache-duration": KubernetesDuration, r#""12h""#;
    }
    secret_maps {
        /// A variable of its environment.
        environment "environment": EnvironmentName => Secret, "AWS_PROFILE" = r#""default""#;
    }
}

namespace! {
    /// Memory of a NUMA node that pods with memory of their own do not get.
    ReservedMemory "kubernetes.memory-manager-reserved-memory.*" named NumaNode = "0"
    keys {
        /// Whether this entry counts.
        enabled "enabled": bool, "true";
        /// Memory in pages of the usual size.
        memory "memory": Quantity, r#""1124Mi""#;
        /// Memory in pages of 1 GiB.
        hugepages_1gi "hugepages-1Gi": Quantity, r#""1Gi""#;
        /// Memory in pages of 2 MiB.
        hugepages_2mi "hugepages-2Mi": Quantity, r#""512Mi""#;
    }
}

/// What runs needs a manifest; who is asked needs to know for what.
pub(super) fn check_together(kubernetes: &super::Kubernetes, errors: &mut Vec<SettingError>) {
    for (name, pod) in kubernetes.static_pods.iter().filter(|(_, pod)| pod.enabled == Some(true)) {
        if pod.manifest.as_ref().is_none_or(|manifest| manifest.bytes().is_empty()) {
            let key = format!("kubernetes.static-pods.{name}.manifest");
            errors.push(SettingError::value(&key, "a static pod that runs needs a manifest", "set it, or `enabled = false`"));
        }
    }
    for (name, provider) in kubernetes.credential_providers.iter().filter(|(_, p)| p.enabled == Some(true)) {
        if provider.image_patterns.as_ref().is_none_or(Vec::is_empty) {
            let key = format!("kubernetes.credential-providers.{name}.image-patterns");
            errors.push(SettingError::value(&key, "kubelet asks a provider only for images it names", "set it, or `enabled = false`"));
        }
    }
}
