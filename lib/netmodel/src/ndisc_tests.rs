use super::*;
use proptest::prelude::*;

/// One message of the kernel's: header, `struct nduseroptmsg`, options, and the router's address behind them as `NDUSEROPT_SRCADDR`.
fn message(kind: u16, icmp: u8, options: &[u8]) -> Vec<u8> {
    let mut source = vec![20, 0, 1, 0];
    source.extend("fe80::2".parse::<Ipv6Addr>().expect("address").octets());
    let length = u16::try_from(options.len()).expect("short");
    let mut payload = vec![AF_INET6, 0];
    payload.extend(length.to_ne_bytes());
    payload.extend(7u32.to_ne_bytes());
    payload.extend([icmp, 0, 0, 0, 0, 0, 0, 0]);
    payload.extend(options.iter().chain(&source));
    let total = u32::try_from(MESSAGE_HEADER + payload.len()).expect("short");
    [&total.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 10], &payload].concat()
}

fn option(kind: u8, lifetime: u32, body: &[u8]) -> Vec<u8> {
    let units = u8::try_from(1 + body.len().div_ceil(8)).expect("short");
    let mut out = [&[kind, units, 0, 0][..], &lifetime.to_be_bytes(), body].concat();
    out.resize(usize::from(units) * 8, 0);
    out
}

fn address(text: &str) -> [u8; 16] {
    text.parse::<Ipv6Addr>().expect("address").octets()
}

fn content(options: &[u8]) -> Vec<Content> {
    announcements(&message(NEW_USER_OPTION, ROUTER_ADVERTISEMENT, options)).into_iter().map(|a| a.content).collect()
}

#[test]
fn servers_and_domains_come_with_link_and_lifetime() {
    let two = [address("fec0::3"), address("2001:db8::53")].concat();
    let bytes = [
        message(NEW_USER_OPTION, ROUTER_ADVERTISEMENT, &option(RECURSIVE_SERVERS, 1800, &two)),
        message(20, ROUTER_ADVERTISEMENT, &option(RECURSIVE_SERVERS, 1, &two)),
        message(NEW_USER_OPTION, ROUTER_ADVERTISEMENT, &option(SEARCH_LIST, u32::MAX, b"\x07example\x03com\0\x01b\0")),
    ]
    .concat();
    let servers = Content::Servers(vec![address("fec0::3").into(), address("2001:db8::53").into()]);
    let domains = Content::Domains(vec!["example.com".into(), "b".into()]);
    let expected =
        [Announcement { link: 7, lifetime: 1800, content: servers }, Announcement { link: 7, lifetime: u32::MAX, content: domains }];
    assert_eq!(announcements(&bytes), expected);
}

#[test]
fn malformed_options_are_passed_over() {
    let good = option(RECURSIVE_SERVERS, 9, &address("fec0::3"));
    let wrong = [
        option(RECURSIVE_SERVERS, 9, &[]),
        option(RECURSIVE_SERVERS, 9, &[1; 24]),
        option(RECURSIVE_SERVERS, 9, &address("ff02::1")),
        option(RECURSIVE_SERVERS, 9, &address("::1")),
        option(SEARCH_LIST, 9, b"\x07exa"),
        option(SEARCH_LIST, 9, b"\x03a\nb\0"),
        option(SEARCH_LIST, 9, b"\x03a b\0"),
        option(SEARCH_LIST, 9, b"\x03a.b\0"),
        option(SEARCH_LIST, 9, b"\xc0\x00\0"),
        option(SEARCH_LIST, 9, &[0; 16]),
        option(SEARCH_LIST, 9, &[[1, b'a']; 140].concat()),
        option(3, 9, &address("fec0::3")),
    ];
    for wrong in wrong {
        assert_eq!(content(&wrong), [], "{wrong:?}");
        assert_eq!(content(&[wrong, good.clone()].concat()).len(), 1, "what follows still counts");
    }
    assert_eq!(content(&[25, 0, 0, 0, 0, 0, 0, 0]), [], "a length of nothing ends");
    assert_eq!(announcements(&message(NEW_USER_OPTION, 135, &good)), [], "no router advertisement");
}

#[test]
fn one_option_brings_a_bounded_list() {
    let many: Vec<u8> = (1..=120u128).flat_map(|n| (n << 64).to_be_bytes()).collect();
    assert!(matches!(&content(&option(RECURSIVE_SERVERS, 9, &many))[..], [Content::Servers(s)] if s.len() == MAX_ENTRIES));
    assert!(matches!(&content(&option(SEARCH_LIST, 9, &b"\x01a\0".repeat(80)))[..], [Content::Domains(d)] if d.len() == MAX_ENTRIES));
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..700)) {
        let _ = announcements(&bytes);
        let _ = announcements(&message(NEW_USER_OPTION, ROUTER_ADVERTISEMENT, &bytes));
    }

    #[test]
    fn what_is_found_in_damaged_options_is_sound(at in 0usize..80, byte: u8, body in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut options = [option(SEARCH_LIST, 9, b"\x07example\x03com\0"), option(RECURSIVE_SERVERS, 9, &address("fec0::3")), option(SEARCH_LIST, 1, &body)].concat();
        let at = at % options.len();
        options[at] = byte;
        for found in content(&options) {
            match found {
                Content::Servers(servers) => prop_assert!(servers.iter().all(|s| !s.is_multicast() && !s.is_unspecified())),
                Content::Domains(domains) => prop_assert!(domains.iter().all(|d| is_domain(d))),
            }
        }
    }
}
