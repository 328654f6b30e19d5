//! Rulesets given to a real kernel, in a network namespace of their own. Needs root and nf_tables; says so and passes where
//! either is missing, unless AMPOULE_REQUIRE_KERNEL is set.

use std::process::Command;

use ampoule_nft::{
    Action, AnswerError, BridgeNetwork, Chain, Hook, Match, Policy, PublishedPort, Rule, Ruleset, Transport, encode, encode_removal,
};
use ampoule_sys::{netns::enter_new_network_namespace, nfnetlink::exchange};

/// Runs `test` on a thread in a network namespace of its own.
fn in_own_network(test: impl FnOnce() + Send + 'static) {
    let run = move || match enter_new_network_namespace() {
        Ok(()) => test(),
        Err(why) if std::env::var_os("AMPOULE_REQUIRE_KERNEL").is_some() => {
            panic!("no network namespace: {why}")
        }
        Err(why) => eprintln!("skipped: no network namespace: {why}"),
    };
    std::thread::spawn(run).join().expect("the test's thread");
}

fn apply(ruleset: &Ruleset) -> Result<(), AnswerError> {
    let batch = encode(ruleset).expect("encodes");
    batch.check(&exchange(batch.bytes()).expect("socket"))
}

/// What `nft` reads back; `None` where it is not installed.
fn listed() -> Option<String> {
    let out = Command::new("nft").args(["list", "ruleset"]).output().ok()?;
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Some(String::from_utf8(out.stdout).expect("text"))
}

fn network(published: Vec<PublishedPort>) -> BridgeNetwork {
    let subnet = "10.88.0.0".parse().expect("address");
    BridgeNetwork { table: "ampoule".into(), links: "amp-*".into(), subnet, prefix: 16, published }
}

fn port(transport: Transport, node_port: u16) -> PublishedPort {
    let address = "10.88.0.5".parse().expect("address");
    PublishedPort { transport, node_port, address, port: 80, comment: "web".into() }
}

const EXPECTED: &str = r#"table ip ampoule {
	chain sources {
		type filter hook prerouting priority raw; policy accept;
		iifname "amp-*" fib saddr . iif oif 0 drop comment "not its own address"
	}

	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		fib daddr type local jump published comment "published ports"
	}

	chain output {
		type nat hook output priority dstnat; policy accept;
		ip daddr != 127.0.0.0/8 fib daddr type local jump published comment "published ports"
	}

	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr 10.88.0.0/16 oifname != "amp-*" masquerade comment "containers reach out"
		ip saddr 10.88.0.0/16 oifname "amp-*" ct status dnat masquerade comment "a container asks a published port of its own network"
	}

	chain forward {
		type filter hook forward priority filter; policy drop;
		iifname "amp-*" ip daddr 169.254.169.254 udp dport 53 accept comment "names"
		iifname "amp-*" ip daddr 169.254.169.254 tcp dport 53 accept comment "names"
		iifname "amp-*" ip daddr 169.254.169.254 drop comment "metadata service"
		ct state established,related accept comment "known connections"
		ct state invalid drop comment "no connection"
		iifname "amp-*" accept comment "from containers"
		oifname "amp-*" ct status dnat accept comment "published ports"
	}

	chain published {
		tcp dport 8080 dnat to 10.88.0.5:80 comment "web"
		udp dport 5353 dnat to 10.88.0.5:80 comment "web"
	}
}
"#;

#[test]
fn the_kernel_reads_what_was_meant() {
    in_own_network(|| {
        let ruleset = network(vec![port(Transport::Tcp, 8080), port(Transport::Udp, 5353)]).ruleset();
        apply(&ruleset).expect("applies");
        // Older versions write the priority of the output chain as a number.
        let Some(text) = listed() else { return };
        assert_eq!(text.replace("priority -100", "priority dstnat"), EXPECTED);
    });
}

#[test]
fn a_table_is_replaced_whole_and_removed() {
    in_own_network(|| {
        apply(&network(vec![port(Transport::Tcp, 8080)]).ruleset()).expect("applies");
        apply(&network(vec![port(Transport::Tcp, 9090)]).ruleset()).expect("applies again");
        if let Some(text) = listed() {
            assert!(text.contains("9090") && !text.contains("8080"), "{text}");
        }
        let removal = encode_removal("ampoule").expect("encodes");
        for _ in 0..2 {
            removal.check(&exchange(removal.bytes()).expect("socket")).expect("removed, or not there");
        }
        listed().inspect(|text| assert_eq!(text, ""));
    });
}

#[test]
fn a_refusal_names_the_rule_and_changes_nothing() {
    in_own_network(|| {
        apply(&network(vec![port(Transport::Tcp, 8080)]).ruleset()).expect("applies");
        let before = listed();
        let mut wrong = network(vec![]).ruleset();
        wrong.chains[4].rules.push(Rule { matches: vec![], action: Action::Masquerade, comment: "odd".into() });
        let refusal = apply(&wrong).expect_err("masquerade in a filter chain");
        assert!(refusal.to_string().contains("rule 8 of chain forward (odd)"), "{refusal}");
        assert_eq!(listed(), before);
    });
}

#[test]
fn as_many_rules_as_allowed_fit() {
    in_own_network(|| {
        let ports = (1..=990).map(|p| port(Transport::Tcp, p)).collect();
        apply(&network(ports).ruleset()).expect("applies");
    });
}

#[test]
fn every_match_and_hook_is_accepted() {
    in_own_network(|| {
        let matches = vec![
            Match::NotInputInterface("eth0".into()),
            Match::Destination("192.0.2.0".parse().expect("address"), 0),
            Match::Source("192.0.2.7".parse().expect("address"), 32),
        ];
        let rules = vec![Rule { matches, action: Action::Drop, comment: String::new() }];
        let chains = [("in", Hook::FilterInput), ("out", Hook::FilterOutput)];
        let chains = chains.map(|(name, hook)| Chain { name: name.into(), base: Some(hook.base(Policy::Accept)), rules: rules.clone() });
        apply(&Ruleset { table: "t".into(), chains: chains.to_vec() }).expect("applies");
    });
}
