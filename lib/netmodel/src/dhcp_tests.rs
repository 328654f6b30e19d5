use super::*;
use dhcproto::v4::OptionCode;
use proptest::prelude::*;

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);

fn reply(kind: MessageType, transaction: u32, mac: [u8; 6]) -> Vec<u8> {
    let zero = Ipv4Addr::UNSPECIFIED;
    let mut m = Message::new_with_id(transaction, zero, OURS, SERVER, zero, &mac);
    m.set_opcode(Opcode::BootReply);
    for option in [
        DhcpOption::MessageType(kind),
        DhcpOption::ServerIdentifier(SERVER),
        DhcpOption::AddressLeaseTime(3600),
        DhcpOption::SubnetMask(Ipv4Addr::new(255, 255, 255, 0)),
        DhcpOption::Router(vec![SERVER]),
    ] {
        m.opts_mut().insert(option);
    }
    m.to_vec().expect("encodes")
}

fn bound() -> Client {
    let mut client = Client::new(MAC, 7, 0);
    client.wake(0);
    client.packet(1, &reply(MessageType::Offer, 7, MAC));
    assert!(matches!(client.packet(2, &reply(MessageType::Ack, 7, MAC))[..], [Action::Configure(_)]));
    client
}

#[test]
fn an_offer_is_asked_for_and_its_acknowledgement_configures() {
    let client = bound();
    let lease = client.lease().expect("a lease");
    assert_eq!((lease.address, lease.prefix, lease.router), (OURS, 24, Some(SERVER)));
    assert_eq!(client.next_wake(), 2 + 1_800_000);
}

#[test]
fn answers_to_others_do_nothing() {
    let mut client = Client::new(MAC, 7, 0);
    client.wake(0);
    assert!(client.packet(1, &reply(MessageType::Offer, 8, MAC)).is_empty());
    assert!(client.packet(1, &reply(MessageType::Offer, 7, [2, 0, 0, 0, 0, 9])).is_empty());
    assert!(client.packet(1, &reply(MessageType::Ack, 7, MAC)).is_empty(), "an acknowledgement of nothing");
    assert_eq!(client.lease(), None);
}

#[test]
fn without_answers_tries_come_ever_less_often() {
    let mut client = Client::new(MAC, 7, 0);
    let mut waits = Vec::new();
    let mut now = 0;
    for _ in 0..6 {
        assert!(matches!(client.wake(now)[..], [Action::Send(_, Ipv4Addr::BROADCAST)]));
        waits.push(client.next_wake() - now);
        now = client.next_wake();
    }
    assert_eq!(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 16_000]);
}

#[test]
fn a_lease_is_renewed_then_rebound_then_given_up() {
    let mut client = bound();
    assert!(matches!(client.wake(client.next_wake())[..], [Action::Send(_, SERVER)]));
    let mut rebound = false;
    let given_up = loop {
        let now = client.next_wake();
        match &client.wake(now)[..] {
            [Action::Send(_, Ipv4Addr::BROADCAST)] => rebound = true,
            [Action::Unconfigure(lease)] => break (now, lease.address),
            _ => {}
        }
    };
    assert!(rebound);
    assert_eq!(given_up, (2 + 3_600_000, OURS));
}

#[test]
fn a_renewal_keeps_the_address_and_a_refusal_takes_it() {
    let mut client = bound();
    client.wake(client.next_wake());
    assert!(matches!(client.packet(2_000_000, &reply(MessageType::Ack, 7, MAC))[..], [Action::Configure(_)]));
    client.wake(client.next_wake());
    assert!(matches!(client.packet(4_000_000, &reply(MessageType::Nak, 7, MAC))[..], [Action::Unconfigure(_)]));
    assert_eq!(client.lease(), None);
}

#[test]
fn a_returned_carrier_asks_again_and_keeps_the_address_meanwhile() {
    let mut client = bound();
    client.carrier_returned(9);
    assert!(client.lease().is_some());
    assert!(matches!(client.wake(9)[..], [Action::Send(_, Ipv4Addr::BROADCAST)]));
}

/// A client that comes back `after` milliseconds.
fn resumed(after: Millis) -> Client {
    Client::resume(MAC, 8, bound().held().cloned(), after)
}

#[test]
fn a_lease_of_an_earlier_life_is_asked_for_by_name_and_stays_meanwhile() {
    let mut client = resumed(600_002);
    assert_eq!(client.lease().map(|l| l.address), Some(OURS));
    let actions = client.wake(600_002);
    let [Action::Configure(lease), Action::Send(bytes, Ipv4Addr::BROADCAST)] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!((lease.address, lease.seconds), (OURS, 3_000), "what is left of an hour after ten minutes");
    let message = Message::from_bytes(bytes).expect("decodes");
    assert_eq!(message.opts().msg_type(), Some(MessageType::Request));
    assert_eq!(message.opts().get(OptionCode::RequestedIpAddress), Some(&DhcpOption::RequestedIpAddress(OURS)));
    assert_eq!(message.opts().get(OptionCode::ServerIdentifier), None);
    assert_eq!(message.ciaddr(), Ipv4Addr::UNSPECIFIED);

    let bound = client.packet(600_100, &reply(MessageType::Ack, 8, MAC));
    assert!(matches!(&bound[..], [Action::Configure(l)] if l.seconds == 3600), "{bound:?}");
    assert_eq!((client.word(), client.next_wake()), ("bound", 600_100 + 1_800_000));
}

#[test]
fn a_refused_lease_of_an_earlier_life_is_given_up() {
    let mut client = resumed(600_002);
    client.wake(600_002);
    assert!(matches!(&client.packet(600_003, &reply(MessageType::Nak, 8, MAC))[..], [Action::Unconfigure(l)] if l.address == OURS));
    assert_eq!(client.lease(), None);
}

#[test]
fn without_an_answer_a_lease_of_an_earlier_life_is_used_to_its_end() {
    let mut client = resumed(600_002);
    while client.word() == "rebooting" {
        let now = client.next_wake();
        client.wake(now);
    }
    assert_eq!((client.word(), client.next_wake()), ("bound", 2 + 1_800_000), "renewed when it would have been");
    let mut late = resumed(2_000_000);
    while late.word() == "rebooting" {
        let now = late.next_wake();
        late.wake(now);
    }
    assert!(late.next_wake() < 2_020_000, "that time is over: asked at once");
}

#[test]
fn a_lease_that_ended_meanwhile_is_as_none() {
    assert_eq!(resumed(3_600_002).word(), "selecting");
    let mut client = resumed(3_599_000);
    client.wake(3_599_000);
    assert!(matches!(client.wake(3_600_500)[..], [Action::Unconfigure(_)]), "it ended while asking");
}

proptest! {
    #[test]
    fn any_bytes_are_survived_and_configure_nothing(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 0..8)) {
        let mut client = Client::new(MAC, 7, 0);
        client.wake(0);
        for packet in packets {
            prop_assert!(client.packet(1, &packet).is_empty());
        }
        prop_assert_eq!(client.lease(), None);
    }

    #[test]
    fn a_damaged_answer_never_panics_and_time_never_stands_still(at in 0usize..300, byte: u8, steps in 1usize..40, again: bool) {
        let mut client = if again { resumed(9) } else { bound() };
        let mut packet = reply(MessageType::Ack, if again { 8 } else { 7 }, MAC);
        let at = at % packet.len();
        packet[at] = byte;
        for _ in 0..steps {
            let now = client.next_wake();
            client.wake(now);
            prop_assert!(client.next_wake() > now);
            client.packet(now, &packet);
        }
    }
}

#[test]
fn an_address_of_an_earlier_boot_is_asked_for_and_used_only_when_granted() {
    let mut client = Client::remembering(MAC, 7, OURS, 0);
    let actions = client.wake(0);
    let [Action::Send(bytes, Ipv4Addr::BROADCAST)] = &actions[..] else { panic!("{actions:?}") };
    let asked = Message::from_bytes(bytes).expect("decodes");
    assert_eq!(asked.opts().msg_type(), Some(MessageType::Request));
    assert_eq!(asked.opts().get(OptionCode::RequestedIpAddress), Some(&DhcpOption::RequestedIpAddress(OURS)));
    assert_eq!((asked.ciaddr(), asked.opts().get(OptionCode::ServerIdentifier)), (Ipv4Addr::UNSPECIFIED, None), "RFC 2131, 4.3.2");
    assert_eq!((client.lease(), client.word()), (None, "rebooting"));
    assert!(client.packet(1, &reply(MessageType::Offer, 7, MAC)).is_empty());
    assert!(matches!(client.packet(2, &reply(MessageType::Ack, 7, MAC))[..], [Action::Configure(_)]));
    assert_eq!(client.lease().map(|l| l.address), Some(OURS));
}

#[test]
fn an_address_of_an_earlier_boot_that_is_refused_or_unknown_is_forgotten() {
    let mut client = Client::remembering(MAC, 7, OURS, 0);
    client.wake(0);
    assert!(client.packet(1, &reply(MessageType::Nak, 7, MAC)).is_empty());
    assert_eq!(client.word(), "selecting");

    let mut client = Client::remembering(MAC, 7, OURS, 0);
    while client.word() == "rebooting" {
        client.wake(client.next_wake());
    }
    assert_eq!((client.word(), client.next_wake()), ("selecting", 1_000 + 2_000 + 1_000));

    let mut client = Client::remembering(MAC, 7, Ipv4Addr::new(10, 0, 2, 99), 0);
    client.wake(0);
    assert!(client.packet(1, &reply(MessageType::Ack, 7, MAC)).is_empty(), "another address was granted than asked for");
}
