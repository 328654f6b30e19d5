//! The places that user data may come from.

/// A place. Of two that set the same key the one with the larger order wins, as in Bottlerocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// `/state/user-data-defaults.toml`; Bottlerocket's `/local/user-data-defaults.toml`.
    LocalDefaults,
    /// `/state/user-data.toml`; Bottlerocket's `/var/lib/bottlerocket/user-data.toml`.
    LocalUserData,
    /// A disc in an optical drive: `user-data`, or the OVF environment that VMware makes.
    Disc,
    /// A file system made for configuration, known by its label.
    Volume,
    /// QEMU's firmware configuration device.
    FirmwareConfig,
    /// EC2's instance metadata service, version 2.
    Imds,
    /// `/state/user-data-overrides.toml`; Bottlerocket's `/local/user-data-overrides.toml`.
    LocalOverrides,
}

impl Source {
    /// All, in their order.
    pub const ALL: [Self; 7] =
        [Self::LocalDefaults, Self::LocalUserData, Self::Disc, Self::Volume, Self::FirmwareConfig, Self::Imds, Self::LocalOverrides];

    /// Its number in Bottlerocket's order; ours stand between.
    #[must_use]
    pub fn order(self) -> u8 {
        match self {
            Self::LocalDefaults => 10,
            Self::LocalUserData => 20,
            Self::Disc => 30,
            Self::Volume => 31,
            Self::FirmwareConfig => 35,
            Self::Imds => 40,
            Self::LocalOverrides => 99,
        }
    }

    /// Its name in reports and file names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LocalDefaults => "local-defaults",
            Self::LocalUserData => "local-user-data",
            Self::Disc => "cd-rom",
            Self::Volume => "config-volume",
            Self::FirmwareConfig => "fw-cfg",
            Self::Imds => "ec2-imds",
            Self::LocalOverrides => "local-overrides",
        }
    }

    /// `NN-NAME`: sorting these by name gives the order.
    #[must_use]
    pub fn file_name(self) -> String {
        format!("{:02}-{}", self.order(), self.name())
    }

    /// Whether asking it needs the network.
    #[must_use]
    pub fn is_remote(self) -> bool {
        self == Self::Imds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_the_order_is() {
        let names = Source::ALL.map(Source::file_name);
        assert!(names.is_sorted(), "{names:?}");
        assert!(Source::ALL.is_sorted_by_key(|source| source.order()));
        assert_eq!(names[0], "10-local-defaults");
        assert_eq!(names[6], "99-local-overrides");
    }
}
