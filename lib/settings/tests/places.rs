//! Errors say where in the user data their key stands, also those found after it was read.

use ampoule_settings::{Fragment, Location, Model, SettingError, Settings, parse_user_data};

const TEXT: &str = "[settings]\nmotd = \"x\"\n\n[settings.api.remote]\n  enabled = true\n";

#[test]
fn errors_between_settings_get_the_place_of_the_nearest_table() {
    let chosen = parse_user_data(&Model::complete(), TEXT.as_bytes()).expect("each value is right");
    let errors = Settings::new(&Fragment::default(), &chosen).expect_err("a listener needs certificates");
    let error = errors.into_iter().find(|e| e.key == "api.remote.key").expect("the key is missing").located_in(TEXT.as_bytes());
    assert_eq!(error.location, Some(Location { line: 4, column: 15 }));
}

#[test]
fn what_is_not_in_the_text_has_no_place() {
    let error = SettingError::value("network.hostname", "x", "y");
    assert_eq!(error.clone().located_in(TEXT.as_bytes()), error);
    assert_eq!(error.clone().located_in(b"not toml ["), error);
}
