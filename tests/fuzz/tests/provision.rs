//! Targets for what carries user data and for what generated values are made of.

use ampoule_fuzz::run;
use ampoule_provision::{MAX_USER_DATA, dns, host_name, identity, imds, ovf, volume};

#[test]
fn fuzz_ovf_environment() {
    run("ovf-environment", |bytes| {
        if let Ok(Some(data)) = ovf::user_data(bytes) {
            assert!(data.len() <= MAX_USER_DATA && data.len() < bytes.len(), "more came out than went in");
        }
    });
}

#[test]
fn fuzz_volume_head() {
    run("volume-head", |bytes| {
        if let Some(volume) = volume::identify(bytes) {
            assert!(volume.label.len() <= 32 && volume.label.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{volume:?}");
        }
    });
}

#[test]
fn fuzz_dns_answer() {
    let address = "10.0.2.15".parse().expect("an address");
    run("dns-answer", |bytes| {
        if let Ok(name) = dns::answer(0x1234, address, bytes) {
            assert!(host_name::usable(name.as_str()) == Some(name), "a name that is none");
        }
    });
}

#[test]
fn fuzz_metadata() {
    run("metadata", |bytes| {
        if let Ok(region) = identity::region(bytes) {
            assert!(region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{region:?}");
        }
        if let Some(token) = imds::token(bytes) {
            assert!(token.bytes().all(|byte| byte.is_ascii_graphic()), "{token:?}");
        }
        let text = String::from_utf8_lossy(bytes);
        let _ = (host_name::from_metadata(&text), imds::Endpoint::parse(&text));
    });
}

/// What `provision` leaves is what `apid` reads: one limit.
#[test]
fn the_limit_of_user_data_is_the_same_for_finder_and_reader() {
    assert_eq!(MAX_USER_DATA, ampoule_settings::MAX_USER_DATA);
}
