//! All files of some settings.

use crate::file::Files;
use crate::{
    Image, boot, container_registry, dns, kernel, metrics, motd, network, ntp, oci_defaults, pki, updates, workload_checks, workloads,
};
use ampoule_settings::Settings;

/// All files of some settings on a node of this image. Those that only an absent service would read are left out.
#[must_use]
pub fn render(image: &Image, settings: &Settings) -> Files {
    let mut files = Files::new();
    for part in [
        boot::render,
        container_registry::render,
        dns::render,
        kernel::render,
        metrics::render,
        motd::render,
        network::render,
        ntp::render_files,
        oci_defaults::render,
        pki::render,
        updates::render,
        workload_checks::render,
        workloads::render,
    ] {
        part(image, settings, &mut files);
    }
    files.retain(|_, file| file.reader.is_none_or(|r| image.has(r.service)));
    files
}
