//! On a link in a network namespace of its own. Needs root; says so and passes without, unless AMPOULE_REQUIRE_KERNEL is set.

use super::*;
use crate::testkit::{between, ip};

#[test]
fn addresses_and_routes_of_both_families_are_the_kernels() {
    between(|node, router| async move {
        for arguments in [
            "addr add 192.0.2.5/24 dev node",
            "addr add 2001:db8::5/64 dev node nodad",
            "addr add fec0::5/64 dev node nodad",
            "route add default via 192.0.2.1 metric 1024",
            "-6 route add default via fe80::1 dev node metric 1024",
        ] {
            ip(arguments);
        }
        let kernel = Kernel::open().expect("opens");
        let seen = kernel.seen().await.expect("seen");
        let mut addresses = seen[&node].addresses.clone();
        addresses.sort();
        assert_eq!(addresses, ["192.0.2.5/24", "2001:db8::5/64", "fec0::5/64"], "and none of the link alone");
        let route = |to: &str, gateway: Option<&str>, metric| Route { destination: to.into(), gateway: gateway.map(Into::into), metric };
        for expected in [
            route("0.0.0.0/0", Some("192.0.2.1"), Some(1024)),
            route("192.0.2.0/24", None, None),
            route("::/0", Some("fe80::1"), Some(1024)),
            route("2001:db8::/64", None, Some(256)),
        ] {
            assert!(seen[&node].routes.contains(&expected), "{expected:?} is not in {seen:#?}");
        }
        assert!(!seen[&node].routes.iter().any(|r| r.destination.starts_with("fe80") || r.destination.starts_with("ff00")), "{seen:#?}");
        assert!(seen.get(&router).is_none_or(|s| s.addresses.is_empty()), "{seen:#?}");
    });
}
