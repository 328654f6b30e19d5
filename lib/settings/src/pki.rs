//! `pki`: authorities that the node trusts.

use crate::described::described_text;
use crate::example::CERTIFICATE;
use crate::namespace::namespace;
use ampoule_base::{Identifier, PemCertificates};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All bundles, by name.
pub type Pki = BTreeMap<Identifier, Bundle>;

/// What the namespace is for.
pub(crate) const ABOUT: &str = "Bundles of certificate authorities that the node trusts beside those of the image, each under a name.";

namespace! {
    /// A bundle of certificate authorities.
    Bundle "pki.*" named Identifier = "company"
    keys {
        /// Certificates of the authorities; an empty text takes them away.
        data "data": BundleData, CERTIFICATE;
        /// Whether they are trusted.
        trusted "trusted": bool, "true";
    }
}

/// The certificates of a bundle, or an empty text for none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BundleData(Option<PemCertificates>);

impl BundleData {
    /// The PEM text; empty for none.
    #[must_use]
    pub fn pem(&self) -> &str {
        self.0.as_ref().map_or("", PemCertificates::pem)
    }
}

impl TryFrom<String> for BundleData {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.is_empty() {
            true => Ok(Self(None)),
            false => PemCertificates::try_from(text).map(|data| Self(Some(data))).map_err(|e| e.to_string()),
        }
    }
}

impl From<BundleData> for String {
    fn from(data: BundleData) -> Self {
        data.0.map(Into::into).unwrap_or_default()
    }
}

described_text! {
    BundleData = "base64 of PEM certificates, as from `base64 -w0 FILE`, or an empty text for none";
}
