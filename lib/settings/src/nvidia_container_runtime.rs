//! `nvidia-container-runtime`: how containers get at GPUs of NVIDIA.

use crate::namespace::namespace;

namespace! {
    /// How containers get at GPUs of NVIDIA.
    NvidiaContainerRuntime "nvidia-container-runtime"
    keys {
        /// Whether a container may ask for GPUs by mounts.
        visible_devices_as_volume_mounts "visible-devices-as-volume-mounts": bool, "true";
        /// Whether a container without privileges may ask for GPUs by a variable of its environment.
        visible_devices_envvar_when_unprivileged "visible-devices-envvar-when-unprivileged": bool, "false";
    }
}
