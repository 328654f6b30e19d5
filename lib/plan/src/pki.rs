//! `pki`: the authorities that programs of the node trust.

use crate::file::{Action, File, Files, Reader};
use crate::{Effect, Image};
use ampoule_settings::Settings;

/// Where programs in Go and OpenSSL look.
const PATH: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Programs in Go read the file once in their life, so the container engine starts anew; its containers go on.
pub(crate) const EFFECTS: &[Effect] = &[Effect::told("pki", &[PATH], "containerd", Action::Restart)];

/// The image's authorities, then those of each trusted bundle.
pub(crate) fn render(image: &Image, settings: &Settings, files: &mut Files) {
    let mut all = image.certificates.clone();
    for (name, bundle) in settings.pki.iter().filter(|(_, b)| b.trusted == Some(true)) {
        let pem = bundle.data.as_ref().map(ampoule_settings::pki::BundleData::pem).unwrap_or_default();
        if !pem.is_empty() {
            all.extend_from_slice(format!("\n# settings.pki.{name}\n{}\n", pem.trim_end()).as_bytes());
        }
    }
    files.insert(PATH.into(), File::open(all, Reader::restart("containerd")));
}
