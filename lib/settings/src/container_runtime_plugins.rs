//! `container-runtime-plugins`: programs that help the container engine.

use crate::choice::choice;
use crate::container_runtime::ChunkSize;
use crate::namespace::namespace;
use crate::number::bounded_number;

namespace! {
    /// Programs that help the container engine.
    ContainerRuntimePlugins "container-runtime-plugins"
    groups {
        soci_snapshotter "soci-snapshotter": SociSnapshotter;
    }
}

namespace! {
    /// The SOCI snapshotter; it works if `container-runtime.snapshotter` is `soci`.
    SociSnapshotter "container-runtime-plugins.soci-snapshotter"
    keys {
        /// How it fetches images.
        pull_mode "pull-mode": PullMode, r#""parallel-pull-unpack""#;
    }
    groups {
        parallel_pull_unpack "parallel-pull-unpack": ParallelPullUnpack;
    }
}

namespace! {
    /// Layers in parts, several of them at once.
    ParallelPullUnpack "container-runtime-plugins.soci-snapshotter.parallel-pull-unpack"
    keys {
        /// Parts fetched at once; -1 is no limit.
        max_concurrent_downloads "max-concurrent-downloads": Count, "-1";
        /// Of one image.
        max_concurrent_downloads_per_image "max-concurrent-downloads-per-image": Count, "3";
        /// Size of a part.
        concurrent_download_chunk_size "concurrent-download-chunk-size": ChunkSize, r#""16mb""#;
        /// Layers unpacked at once; -1 is no limit.
        max_concurrent_unpacks "max-concurrent-unpacks": Count, "-1";
        /// Of one image.
        max_concurrent_unpacks_per_image "max-concurrent-unpacks-per-image": Count, "1";
        /// Whether the packed form of a layer is removed once it is unpacked.
        discard_unpacked_layers "discard-unpacked-layers": bool, "true";
    }
}

choice! {
    /// How the SOCI snapshotter fetches images.
    PullMode { ParallelPullUnpack = "parallel-pull-unpack" }
}

bounded_number! {
    /// How many at once.
    Count = -1, i32::MAX as i64, "a whole number, or -1 for no limit";
}
