//! `kubelet-dra-drivers`: devices that pods claim (Dynamic Resource Allocation).

use crate::namespace::namespace;

namespace! {
    /// Devices that pods claim (Kubernetes' Dynamic Resource Allocation).
    KubeletDraDrivers "kubelet-dra-drivers"
    groups {
        nvidia "nvidia": NvidiaDra;
    }
}

namespace! {
    /// GPUs of NVIDIA.
    NvidiaDra "kubelet-dra-drivers.nvidia"
    keys {
        /// Whether pods may claim them.
        enabled "enabled": bool, "true";
    }
}
