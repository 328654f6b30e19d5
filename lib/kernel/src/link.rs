//! Sysctls of one network link, which come and go with it.

/// Kinds of entries that the kernel has for each link, below `/proc/sys/net/` (`Documentation/networking/ip-sysctl.rst`).
const PER_LINK: [(&str, &str); 5] = [("ipv4", "conf"), ("ipv4", "neigh"), ("ipv6", "conf"), ("ipv6", "neigh"), ("mpls", "conf")];
/// Names there that are no link's.
const OF_NO_LINK: [&str; 2] = ["all", "default"];

/// The link that a path below `/proc/sys` is about, if it is about one.
#[must_use]
pub fn link_of(path: &str) -> Option<&str> {
    let mut parts = path.split('/');
    let (net, family, kind, link) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_per_link = net == "net" && PER_LINK.contains(&(family, kind)) && !OF_NO_LINK.contains(&link);
    (is_per_link && parts.next().is_some()).then_some(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_told_from_all_else() {
        for (path, link) in [
            ("net/ipv4/conf/eth0/rp_filter", Some("eth0")),
            ("net/ipv6/neigh/eth0.5/ucast_solicit", Some("eth0.5")),
            ("net/ipv4/conf/all/rp_filter", None),
            ("net/ipv6/conf/default/accept_ra", None),
            ("net/ipv4/ip_forward", None),
            ("net/ipv4/conf/eth0", None),
            ("net/core/conf/eth0/x", None),
            ("vm/swappiness", None),
        ] {
            assert_eq!(link_of(path), link, "{path}");
        }
    }
}
