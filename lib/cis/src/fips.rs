//! FIPS 140: what there would be to check, said honestly for an image that makes no such claim.

use crate::{Benchmark, Check, Metadata, Probe};

const NO_MODULE: &str = "this image has no cryptographic module that was validated; its programs use rustls and Go's own cryptography";

/// The three checks of Bottlerocket's report. The first reads the kernel; the others cannot pass on an image without a validated module.
pub const FIPS: Benchmark = Benchmark {
    metadata: Metadata { name: "FIPS 140-3", version: "v1.0.0", url: "https://csrc.nist.gov/pubs/fips/140-3/final" },
    checks: &[
        Check {
            name: "fips01000000",
            id: "1.0",
            level: 1,
            title: "FIPS mode is enabled.",
            probe: Probe::Values(&[("/proc/sys/crypto/fips_enabled", &["1"])]),
        },
        Check { name: "fips01010000", id: "1.1", level: 1, title: "FIPS module is validated.", probe: Probe::NotDone(NO_MODULE) },
        Check { name: "fips01020000", id: "1.2", level: 1, title: "FIPS self-tests passed.", probe: Probe::NotDone(NO_MODULE) },
    ],
};
