//! Laws of changes.

use ampoule_settings::{Change, Fragment, Model};
use proptest::prelude::*;

fn fragment(text: &str) -> Fragment {
    Fragment::from_toml(&Model::complete(), &format!("[settings]\n{text}")).expect("valid")
}

#[test]
fn user_data_is_followed_and_what_a_person_chose_since_is_left() {
    let before = fragment("motd = \"a\"\nnetwork.hostname = \"n\"\nntp.options = [\"iburst\"]\n");
    let after = fragment("motd = \"b\"\ndns.name-servers = [\"1.1.1.1\"]\n");
    let chosen = fragment("motd = \"a\"\nnetwork.hostname = \"by-hand\"\nntp.options = [\"iburst\"]\n");
    let change = Change::following(&before, &after, &chosen);
    assert_eq!(change.apply_to(&chosen), fragment("motd = \"b\"\nnetwork.hostname = \"by-hand\"\ndns.name-servers = [\"1.1.1.1\"]\n"));
    assert!(Change::following(&after, &after, &chosen).is_empty());
}

fn some() -> impl Strategy<Value = Fragment> {
    (prop::option::of("[a-z]{1,3}"), prop::option::of("[a-z]{1,3}")).prop_map(|(motd, name)| {
        let motd = motd.map(|m| format!("motd = \"{m}\"\n")).unwrap_or_default();
        let name = name.map(|n| format!("network.hostname = \"{n}\"\n")).unwrap_or_default();
        fragment(&format!("{motd}{name}"))
    })
}

proptest! {
    /// Where nobody chose anything else, following user data leads to it.
    #[test]
    fn following_leads_to_the_new_user_data(before in some(), after in some()) {
        prop_assert_eq!(Change::following(&before, &after, &before).apply_to(&before), after);
    }

    #[test]
    fn one_change_after_the_other_is_both(chosen in some(), a in some(), b in some()) {
        let (first, second) = (Change::following(&chosen, &a, &chosen), Change::setting(b));
        let both = first.clone().then(second.clone());
        prop_assert_eq!(both.apply_to(&chosen), second.apply_to(&first.apply_to(&chosen)));
    }

    #[test]
    fn removing_and_setting_again_is_setting(chosen in some(), a in some()) {
        let keys: Vec<String> = a.keys().map(str::to_owned).collect();
        let unset = Change::unsetting(&Model::complete(), &keys).expect("keys");
        let both = unset.then(Change::setting(a.clone()));
        prop_assert_eq!(both.apply_to(&chosen), chosen.merge(a));
    }
}
