//! `ecs`: the node as part of an ECS cluster.

use crate::checked_text::{checked_text, must};
use crate::choice::choice;
use crate::namespace::namespace;
use crate::number::bounded_number;
use crate::types::GoDuration;
use ampoule_base::SingleLine;

namespace! {
    /// The node as part of an ECS cluster: what its agent is told.
    Ecs "ecs"
    keys {
        /// The cluster.
        cluster "cluster": SingleLine, r#""production""#;
        /// Whether tasks may have privileged containers.
        allow_privileged_containers "allow-privileged-containers": bool, "false";
        /// Ways of logging that tasks may choose.
        logging_drivers "logging-drivers": Vec<SingleLine>, r#"["json-file", "awslogs", "none"]"#;
        /// How much the agent says.
        loglevel "loglevel": LogLevel, r#""info""#;
        /// Whether a Spot instance takes no more tasks when it is about to be taken away.
        enable_spot_instance_draining "enable-spot-instance-draining": bool, "true";
        /// When images are fetched again.
        image_pull_behavior "image-pull-behavior": ImagePullBehavior, r#""once""#;
        /// How long a container has to end.
        container_stop_timeout "container-stop-timeout": GoDuration, r#""30s""#;
        /// How long a task's containers are kept after it has ended.
        task_cleanup_wait "task-cleanup-wait": GoDuration, r#""3h""#;
        /// Requests to the task metadata service in a second.
        metadata_service_rps "metadata-service-rps": Rate, "50";
        /// Requests to it at once before that counts.
        metadata_service_burst "metadata-service-burst": Rate, "75";
        /// Memory that tasks do not get, in MiB.
        reserved_memory "reserved-memory": u16, "256";
        /// How often unused images are looked for.
        image_cleanup_wait "image-cleanup-wait": GoDuration, r#""30m""#;
        /// How many are removed each time.
        image_cleanup_delete_per_cycle "image-cleanup-delete-per-cycle": Rate, "5";
        /// Whether unused images are removed.
        image_cleanup_enabled "image-cleanup-enabled": bool, "true";
        /// How long an image is kept after it was fetched, at least.
        image_cleanup_age "image-cleanup-age": GoDuration, r#""1h""#;
        /// Where the service is, in place of its usual address.
        backend_host "backend-host": SingleLine, r#""https://ecs.eu-west-1.amazonaws.com""#;
        /// Whether tasks with a network interface of their own are kept from the instance's metadata.
        awsvpc_block_imds "awsvpc-block-imds": bool, "true";
        /// Whether a container finds a file with what the agent knows about it.
        enable_container_metadata "enable-container-metadata": bool, "true";
    }
    maps {
        /// An attribute by which tasks choose this node.
        instance_attributes "instance-attributes": AttributeKey => AttributeValue, "stack" = r#""production""#;
    }
}

choice! {
    /// How much the agent says.
    LogLevel { Debug = "debug", Info = "info", Warn = "warn", Error = "error", Crit = "crit" }
    /// When images are fetched again.
    ImagePullBehavior { Default = "default", Always = "always", Once = "once", PreferCached = "prefer-cached" }
}

checked_text! {
    /// The key of an attribute.
    AttributeKey = check_attribute_key, "1 to 128 letters, digits and `. _ / -`";
    /// The value of an attribute.
    AttributeValue = check_attribute_value, "1 to 128 letters, digits, `. @ : _ / \\ -` and blanks, no blank at its ends";
}

bounded_number! {
    /// How many.
    Rate = 0, i64::MAX, "a whole number, 0 or more";
}

fn check_attribute_key(text: &str) -> Result<(), String> {
    let right = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._/-".contains(&b));
    must(right && (1..=128).contains(&text.len()), "this is not the key of an attribute")
}

fn check_attribute_value(text: &str) -> Result<(), String> {
    let right = text.bytes().all(|b| b.is_ascii_alphanumeric() || b".@:_/\\- ".contains(&b));
    must(right && (1..=128).contains(&text.len()) && text.trim() == text, "this is not the value of an attribute")
}
