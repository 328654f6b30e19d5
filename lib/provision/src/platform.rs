//! Which kind of machine this is, from what its firmware says.

/// Words of the firmware (SMBIOS, as in `/sys/class/dmi/id`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dmi {
    /// `sys_vendor`.
    pub sys_vendor: String,
    /// `board_vendor`.
    pub board_vendor: String,
}

/// A kind of machine that is treated apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// An EC2 instance: it has a metadata service.
    Ec2,
    /// Anything else.
    Other,
}

impl Platform {
    /// What the firmware's words say. EC2 writes its name into both fields, whichever hypervisor or bare metal it is.
    #[must_use]
    pub fn of(dmi: &Dmi) -> Self {
        let is_ec2 = |text: &str| text.trim() == "Amazon EC2";
        if is_ec2(&dmi.sys_vendor) || is_ec2(&dmi.board_vendor) { Self::Ec2 } else { Self::Other }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sys: &str, board: &str) -> Platform {
        Platform::of(&Dmi { sys_vendor: sys.into(), board_vendor: board.into() })
    }

    #[test]
    fn only_the_exact_name_counts() {
        assert_eq!(of("Amazon EC2\n", "Amazon EC2\n"), Platform::Ec2);
        assert_eq!(of("Xen", "Amazon EC2"), Platform::Ec2);
        for other in ["", "QEMU", "amazon ec2", "Amazon EC2 look-alike", "Amazon"] {
            assert_eq!(of(other, ""), Platform::Other, "{other}");
        }
    }
}
