//! `measurement`: what of the settings a TPM is told.

use crate::checked_text::{checked_text, must};
use crate::{SettingError, namespace::namespace, path};

namespace! {
    /// What of the settings a TPM is told, so that another machine can see by what the node goes.
    Measurement "measurement"
    keys {
        /// Settings that are left out, and all below them: those that differ from node to node.
        excluded_settings "excluded-settings": Vec<ExcludedSetting>, r#"["network.hostname", "kubernetes.node-labels"]"#;
    }
}

checked_text! {
    /// A key, or what is above keys.
    ExcludedSetting = check_excluded, "a key like \"network.hostname\", or what is above keys, like \"kubernetes.node-labels\"";
}

fn check_excluded(text: &str) -> Result<(), String> {
    let key = path::canonical(text.trim());
    must(!text.trim().is_empty() && key != "settings", "this would leave out everything")?;
    must(!key.contains('*'), "a `*` has no meaning here: a key stands for all below it")?;
    must(!path::covers("measurement", &key), "what is left out cannot leave itself out")
}

/// A key that names nothing leaves out nothing, which its writer did not mean.
pub(crate) fn check_together(measurement: &Measurement, errors: &mut Vec<SettingError>) {
    let model = crate::Model::complete();
    for excluded in measurement.excluded_settings.iter().flatten() {
        let segments = path::split(&path::canonical(excluded.as_str().trim()));
        if model.find_segments(&segments).is_none() && !model.is_table(&segments) {
            let reason = format!("there is no setting `{}`", path::join(&segments));
            errors.push(SettingError::value("measurement.excluded-settings", reason, "name a key, or what is above keys"));
        }
    }
}
