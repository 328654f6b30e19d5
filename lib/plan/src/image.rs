//! What a plan must know of the image.

use std::collections::BTreeSet;

/// The parts of an image that decide what a setting does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// Services it has.
    pub services: BTreeSet<String>,
    /// Certificates of the authorities that it trusts, as PEM.
    pub certificates: Vec<u8>,
}

impl Image {
    /// Whether it has a service.
    #[must_use]
    pub fn has(&self, service: &str) -> bool {
        self.services.contains(service)
    }
}
