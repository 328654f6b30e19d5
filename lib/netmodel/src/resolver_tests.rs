use super::*;
use proptest::prelude::*;

fn server(address: &str) -> NameServer {
    NameServer { address: address.parse().expect("address"), link: "eth0".into() }
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

#[test]
fn a_forged_domain_is_left_out() {
    let chosen = Resolver::choose(&Settings::default(), &[server("10.0.2.3")], &words(&["x\nnameserver 6.6.6.6", "a b", "ok.example"]));
    let text = chosen.render();
    assert_eq!(text.matches("nameserver").count(), 1, "{text}");
    assert!(text.contains("\nsearch ok.example\n"), "{text}");
}

#[test]
fn each_part_that_is_not_chosen_comes_from_the_network() {
    let (servers, domains) = ([server("10.0.2.3"), server("fe80::1"), server("10.0.2.3")], words(&["lan"]));
    let choose = |text: &str| Resolver::choose(&Settings::parse(text.as_bytes()).expect(text), &servers, &domains).render();
    let head = "# Made by netd from the settings and from what the network says.\n";
    assert_eq!(choose("{}"), format!("{head}search lan\nnameserver 10.0.2.3\nnameserver fe80::1%eth0\n"));
    assert_eq!(choose(r#"{"name-servers":["1.2.3.4"]}"#), format!("{head}search lan\nnameserver 1.2.3.4\n"));
    let both = r#"{"name-servers":["2001:db8::5"],"search-list":["example.com","b.example"]}"#;
    assert_eq!(choose(both), format!("{head}search example.com b.example\nnameserver 2001:db8::5\n"));
    assert_eq!(choose(r#"{"search-list":[]}"#), format!("{head}nameserver 10.0.2.3\nnameserver fe80::1%eth0\n"));
}

#[test]
fn limits_of_the_resolver_are_kept() {
    let many = r#"{"name-servers":["1.1.1.1","1.1.1.2","1.1.1.3","1.1.1.4"],"search-list":["a","b","c","d","e","f","g"]}"#;
    let chosen = Resolver::choose(&Settings::parse(many.as_bytes()).expect("valid"), &[], &[]);
    assert_eq!(chosen.name_servers.len(), 3);
    assert_eq!(chosen.search_list, words(&["a", "b", "c", "d", "e", "f"]));
    let long = words(&[&"a".repeat(200), &"b".repeat(54), "c"]);
    assert_eq!(Resolver::choose(&Settings::default(), &[], &long).search_list, long[..2], "255 characters fit, no more");
}

#[test]
fn a_bad_file_is_refused_with_its_reason() {
    let cases = [
        (r#"{"name-servers":["ns.example"]}"#.to_owned(), "name-servers (addresses)"),
        (r#"{"name-server":[]}"#.to_owned(), "name-servers (addresses)"),
        (r#"{"search-list":["a\nnameserver 6.6.6.6"]}"#.to_owned(), "no domain name"),
        (r#"{"search-list":["a b"]}"#.to_owned(), "no domain name"),
        (format!(r#"{{"search-list":[{}]}}"#, vec!["\"a\""; 65].join(",")), "more than 64"),
        (format!("{{}}{}", " ".repeat(MAX_SETTINGS)), "bytes"),
        (String::new(), "not an object"),
    ];
    for (text, reason) in cases {
        let error = Settings::parse(text.as_bytes()).expect_err(&text).to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }
}

proptest! {
    #[test]
    fn every_line_is_one_of_ours(servers in prop::collection::vec(any::<IpAddr>(), 0..9), domains in prop::collection::vec(".{0,300}", 0..9)) {
        let servers: Vec<_> = servers.into_iter().map(|address| NameServer { address, link: "eth0".into() }).collect();
        let text = Resolver::choose(&Settings::default(), &servers, &domains).render();
        prop_assert!(text.lines().all(|l| l.starts_with("# ") || l.starts_with("nameserver ") || l.starts_with("search ")));
        prop_assert!(text.lines().filter(|l| l.starts_with("nameserver ")).count() <= 3);
        prop_assert!(text.lines().filter(|l| l.starts_with("search ")).all(|l| l.len() <= "search ".len() + 255));
    }
}
