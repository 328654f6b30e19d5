//! The files that carry settings from the API server to the programs that act on them (`/etc/ampoule/*.json`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Longest file read, in bytes; a node with a thousand keys needs a tenth of it.
pub const MAX_DOCUMENT: usize = 512 * 1024;

/// Why a file is refused. It was not written by this system's API server.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Larger than [`MAX_DOCUMENT`].
    #[error("larger than {MAX_DOCUMENT} bytes")]
    TooLarge,
    /// Not the JSON that belongs there.
    #[error("not what the API server writes there")]
    Json(#[from] serde_json::Error),
}

/// `/etc/ampoule/kernel.json`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct KernelDocument {
    /// `settings.kernel.lockdown`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lockdown: Option<Lockdown>,
    /// `settings.kernel.sysctl`
    pub sysctl: BTreeMap<String, String>,
}

/// What root may not do to the kernel (`security/lockdown` of the kernel), from little to much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lockdown {
    /// Root may do everything.
    None,
    /// Root may not change the running kernel.
    Integrity,
    /// Root may not read its secrets either.
    Confidentiality,
}

/// `/etc/ampoule/modules.json`, by name of the module.
pub type ModulesDocument = BTreeMap<String, ModuleDocument>;

/// What is said of one module.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ModuleDocument {
    /// `settings.kernel.modules.NAME.allowed`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<bool>,
    /// `settings.kernel.modules.NAME.autoload`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoload: Option<bool>,
}

/// `/etc/ampoule/boot.json`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct BootDocument {
    /// `settings.boot.kernel-parameters`
    pub kernel_parameters: BTreeMap<String, Vec<String>>,
    /// `settings.boot.init-parameters`
    pub init_parameters: BTreeMap<String, Vec<String>>,
    /// `settings.boot.reboot-to-reconcile`
    pub reboot_to_reconcile: bool,
}

/// Reads one of the documents.
///
/// # Errors
/// [`DocumentError`]
pub fn parse_document<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DocumentError> {
    if bytes.len() > MAX_DOCUMENT {
        return Err(DocumentError::TooLarge);
    }
    Ok(serde_json::from_slice(bytes)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_documents_of_the_contract() {
        let kernel: KernelDocument =
            parse_document(br#"{"lockdown":"confidentiality","sysctl":{"net.ipv4.ip_forward":"1"}}"#).expect("kernel");
        assert_eq!((kernel.lockdown, kernel.sysctl["net.ipv4.ip_forward"].as_str()), (Some(Lockdown::Confidentiality), "1"));
        let modules: ModulesDocument = parse_document(br#"{"nfs":{"allowed":false},"x":{}}"#).expect("modules");
        assert_eq!((modules["nfs"].allowed, modules["x"].autoload), (Some(false), None));
        let boot: BootDocument =
            parse_document(br#"{"kernel-parameters":{"console":["tty0","ttyS0"]},"reboot-to-reconcile":true}"#).expect("boot");
        assert!(boot.reboot_to_reconcile && boot.kernel_parameters["console"].len() == 2);
    }

    #[test]
    fn what_does_not_belong_there_is_refused() {
        assert!(parse_document::<KernelDocument>(br#"{"lockdown":"some"}"#).is_err());
        assert!(parse_document::<KernelDocument>(br#"{"sysctls":{}}"#).is_err());
        assert!(parse_document::<BootDocument>(b"").is_err());
        assert!(matches!(parse_document::<BootDocument>(&vec![b' '; MAX_DOCUMENT + 1]), Err(DocumentError::TooLarge)));
        let deep = "[".repeat(100_000);
        assert!(parse_document::<ModulesDocument>(deep.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (parse_document::<KernelDocument>(&bytes).is_ok(), parse_document::<BootDocument>(&bytes).is_ok());
        }
    }
}
