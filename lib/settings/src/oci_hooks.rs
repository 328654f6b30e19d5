//! `oci-hooks`: programs that ran before a container started.

use crate::namespace::namespace;

namespace! {
    /// Programs that ran before a container started. None is left: the settings are accepted and have no effect.
    OciHooks "oci-hooks"
    keys {
        /// Has no effect.
        log4j_hotpatch_enabled "log4j-hotpatch-enabled": bool, "false";
    }
}
