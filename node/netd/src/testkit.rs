//! A pair of links in a network namespace of their own, for tests: one end is the node's, at the other a router speaks. Needs root; says so and passes without,
//! unless AMPOULE_REQUIRE_KERNEL is set.

use std::process::Command;

pub(crate) fn ip(arguments: &str) {
    let done = Command::new("ip").args(arguments.split(' ')).status().expect("ip runs");
    assert!(done.success(), "ip {arguments}");
}

/// Runs `test` with the numbers of the node's and the router's link.
pub(crate) fn between<F: Future<Output = ()>>(test: impl FnOnce(u32, u32) -> F + Send + 'static) {
    let run = move || match ampoule_sys::netns::enter_new_network_namespace() {
        Ok(()) => {
            ip("link add node type veth peer name router");
            for link in ["node", "router"] {
                std::fs::write(format!("/proc/sys/net/ipv6/conf/{link}/accept_dad"), "0").expect("set");
                std::fs::write(format!("/proc/sys/net/ipv6/conf/{link}/accept_ra"), "2").expect("set");
                ip(&format!("link set {link} up"));
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(test(number("node"), number("router")));
        }
        Err(why) if std::env::var_os("AMPOULE_REQUIRE_KERNEL").is_some() => panic!("no network namespace: {why}"),
        Err(why) => eprintln!("skipped: no network namespace: {why}"),
    };
    std::thread::spawn(run).join().expect("the test's thread");
}

pub(crate) fn number(link: &str) -> u32 {
    // `/sys` may be another namespace's; `ip` asks the kernel.
    let out = Command::new("ip").args(["-o", "link", "show", link]).output().expect("ip runs");
    let text = String::from_utf8(out.stdout).expect("text");
    text.split(':').next().and_then(|n| n.parse().ok()).expect("a number")
}
