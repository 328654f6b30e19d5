//! The variant of an image, as the image itself says it.

use crate::{Fragment, Model, SettingError};
use serde::{Deserialize, Serialize};

/// `/usr/lib/ampoule/variant.toml`: written by the image builder, read at the start of the node's API and by the check of user data.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// Its name, such as `standalone`.
    pub name: String,
    /// One line for a person.
    #[serde(default)]
    pub summary: String,
    /// The packages it is made of, those of the base first.
    #[serde(default)]
    pub packages: Vec<String>,
    /// The services that are in it.
    #[serde(default)]
    pub services: Vec<String>,
    /// The namespaces of settings that exist on its nodes.
    pub namespaces: Vec<String>,
    /// Default settings, without the outer `settings`.
    #[serde(default)]
    pub settings: toml::Table,
}

/// Why the text of a variant is none. The image is broken: no setting of a person is the cause.
#[derive(Debug, thiserror::Error)]
pub enum VariantError {
    /// Not the document that is wanted.
    #[error("the variant is not TOML with a name and namespaces")]
    Text(#[from] toml::de::Error),
    /// Default settings that are none.
    #[error("the variant's default settings are wrong: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Settings(Vec<SettingError>),
}

impl Variant {
    /// Reads the file's text.
    ///
    /// # Errors
    /// [`VariantError::Text`].
    pub fn parse(text: &str) -> Result<Self, VariantError> {
        Ok(toml::from_str(text)?)
    }

    /// The file's text.
    ///
    /// # Errors
    /// A setting that TOML cannot hold.
    pub fn text(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// The settings that exist, and the defaults of those.
    ///
    /// # Errors
    /// [`VariantError::Settings`], all that is wrong.
    pub fn model(&self) -> Result<(Model, Fragment), VariantError> {
        let model = Model::new(self.namespaces.iter().cloned());
        let unwritable = |e: serde_json::Error| {
            VariantError::Settings(vec![SettingError::value("", e.to_string(), "write it as TOML and JSON have it")])
        };
        let tree = serde_json::to_value(&self.settings).map_err(unwritable)?;
        let defaults = Fragment::from_json(&model, &tree).map_err(VariantError::Settings)?;
        Ok((model, defaults))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_file_gives_its_namespaces_and_defaults() {
        let variant = Variant::parse("name = \"v\"\nnamespaces = [\"motd\"]\n[settings]\nmotd = \"hello\"\n").expect("a variant");
        let (_, defaults) = variant.model().expect("right defaults");
        assert_eq!(defaults.to_json(), serde_json::json!({ "motd": "hello" }));
        assert!(Variant::parse("name = \"v\"\n").is_err(), "an image without namespaces would take no settings at all");
    }

    #[test]
    fn defaults_outside_its_namespaces_are_refused_by_key() {
        let variant = Variant::parse("name = \"v\"\nnamespaces = []\n[settings]\nmotd = \"hello\"\n").expect("a variant");
        assert!(variant.model().expect_err("refused").to_string().contains("motd"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(name in "[a-z]{1,9}", items in prop::collection::vec("[a-z]{1,5}", 0..5), motd in "\\PC{0,20}") {
            let settings = [("motd".to_owned(), toml::Value::String(motd))].into_iter().collect();
            let variant = Variant { name: name.clone(), summary: name, packages: items.clone(), services: items.clone(), namespaces: items, settings };
            prop_assert_eq!(Variant::parse(&variant.text().expect("text")).expect("read"), variant);
        }
    }
}
