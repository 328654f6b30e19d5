//! `kubelet-device-plugins`: devices that pods may ask for.

use crate::SettingError;
use crate::checked_text::{checked_text, must};
use crate::choice::choice;
use crate::namespace::namespace;
use crate::number::bounded_number;
use crate::types::OneOrMany;
use ampoule_base::SingleLine;

namespace! {
    /// Devices that pods may ask for.
    KubeletDevicePlugins "kubelet-device-plugins"
    groups {
        nvidia "nvidia": Nvidia;
    }
}

namespace! {
    /// GPUs of NVIDIA.
    Nvidia "kubelet-device-plugins.nvidia"
    keys {
        /// Whether pods may ask for them.
        enabled "enabled": bool, "true";
        /// Whether a pod gets the device files themselves.
        pass_device_specs "pass-device-specs": bool, "true";
        /// How a GPU is named.
        device_id_strategy "device-id-strategy": DeviceIdStrategy, r#""index""#;
        /// How a pod is told which it has: one way, or a list.
        device_list_strategy "device-list-strategy": OneOrMany<DeviceListStrategy>, r#""volume-mounts""#;
        /// How several pods share a GPU.
        device_sharing_strategy "device-sharing-strategy": DeviceSharingStrategy, r#""time-slicing""#;
        /// How a GPU is divided.
        device_partitioning_strategy "device-partitioning-strategy": DevicePartitioningStrategy, r#""mig""#;
    }
    groups {
        time_slicing "time-slicing": TimeSlicing;
        mig "mig": Mig;
        mps "mps": Mps;
    }
}

namespace! {
    /// Pods that use a GPU in turn.
    TimeSlicing "kubelet-device-plugins.nvidia.time-slicing"
    keys {
        /// How many pods share a GPU.
        replicas "replicas": Replicas, "4";
        /// Whether such a GPU has a name of its own.
        rename_by_default "rename-by-default": bool, "true";
        /// Whether a pod that asks for more than one is refused: it would not get more of it.
        fail_requests_greater_than_one "fail-requests-greater-than-one": bool, "true";
    }
}

namespace! {
    /// GPUs that are divided in hardware.
    Mig "kubelet-device-plugins.nvidia.mig"
    maps {
        /// How GPUs of a model are divided.
        profile "profile": GpuModel => SingleLine, "a100.40gb" = r#""1g.5gb""#;
    }
}

namespace! {
    /// Pods that use a GPU at the same time.
    Mps "kubelet-device-plugins.nvidia.mps"
    keys {
        /// How many pods share a GPU.
        replicas "replicas": MpsReplicas, "4";
        /// Whether such a GPU has a name of its own.
        rename_by_default "rename-by-default": bool, "true";
    }
}

choice! {
    /// How a GPU is named.
    DeviceIdStrategy { Index = "index", Uuid = "uuid" }
    /// How a pod is told which GPU it has.
    DeviceListStrategy { VolumeMounts = "volume-mounts", Envvar = "envvar", CdiCri = "cdi-cri" }
    /// How several pods share a GPU.
    DeviceSharingStrategy { None = "none", TimeSlicing = "time-slicing", Mps = "mps" }
    /// How a GPU is divided.
    DevicePartitioningStrategy { None = "none", Mig = "mig" }
}

bounded_number! {
    /// How many pods share a GPU in turn.
    Replicas = 2, i32::MAX as i64, "a whole number, 2 or more";
    /// How many pods share a GPU at the same time.
    MpsReplicas = 2, 48, "a whole number from 2 to 48";
}

checked_text! {
    /// A model of GPU.
    GpuModel = check_gpu_model, "a model like \"a100.40gb\"";
}

fn check_gpu_model(text: &str) -> Result<(), String> {
    let right = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    must(right && (1..=63).contains(&text.len()), "this is not a model of GPU")
}

/// Two ways of sharing exclude each other's settings only where one is chosen; that one needs what it shares by.
pub(crate) fn check_together(plugins: &KubeletDevicePlugins, errors: &mut Vec<SettingError>) {
    let nvidia = &plugins.nvidia;
    let divided = nvidia.device_partitioning_strategy == Some(DevicePartitioningStrategy::Mig);
    if divided && nvidia.device_sharing_strategy == Some(DeviceSharingStrategy::Mps) {
        let key = "kubelet-device-plugins.nvidia.device-sharing-strategy";
        errors.push(SettingError::value(key, "a GPU that is divided cannot be shared by MPS", "choose `time-slicing` or `none`"));
    }
}
