//! User data against the settings model and the defaults of a variant.

use std::{error::Error, path::Path};

use ampoule_plan::{Image, Plan, State};
use ampoule_settings::{Fragment, Model, SettingError, Settings, UserDataError, Variant, parse_user_data};
use anyhow::{Context, Result, anyhow};

/// What a node of a variant begins with.
pub(crate) struct Defaults {
    model: Model,
    image: Image,
    state: State,
}

impl Defaults {
    /// Those of a variant of the checkout `repo`, with all that it extends.
    pub(crate) fn of_variant(repo: &Path, name: &str) -> Result<Self> {
        Self::read(&ampoule_builder::variant_text(repo, name)?).with_context(|| format!("the defaults of variant {name} are wrong"))
    }

    fn read(text: &str) -> Result<Self> {
        let variant = Variant::parse(text)?;
        let (model, defaults) = variant.model()?;
        let state = together(&defaults, Fragment::default()).map_err(|errors| all(&errors))?;
        // The authorities an image trusts are in its package, which need not be built; they are content of a file, never a reason.
        Ok(Self { model, image: Image { services: variant.services.into_iter().collect(), certificates: Vec::new() }, state })
    }

    /// Of an image of which nothing is known: every setting there is, none with a value.
    pub(crate) fn unknown() -> Self {
        let image = Image { services: Default::default(), certificates: Vec::new() };
        Self { model: Model::complete(), image, state: State::default() }
    }

    /// What `bytes` choose; else all that is wrong with single keys, by place.
    pub(crate) fn parse(&self, bytes: &[u8]) -> Result<Fragment, Vec<SettingError>> {
        parse_user_data(&self.model, bytes).map_err(as_setting_errors).map_err(in_order)
    }

    /// What a node would do with `bytes` at its first boot; else all that is wrong, by place.
    pub(crate) fn plan(&self, bytes: &[u8]) -> Result<Plan, Vec<SettingError>> {
        let placed = |errors: Vec<SettingError>| in_order(errors.into_iter().map(|error| error.located_in(bytes)).collect());
        let state = together(&self.state.whole, self.parse(bytes)?).map_err(placed)?;
        Ok(Plan::between(&self.image, Some(&self.state), &state))
    }
}

/// In one line.
pub(crate) fn all(errors: &[SettingError]) -> anyhow::Error {
    anyhow!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

fn together(defaults: &Fragment, chosen: Fragment) -> Result<State, Vec<SettingError>> {
    let settings = Settings::new(defaults, &chosen)?;
    ampoule_tls::check(&settings.api.remote).map_err(|error| vec![error])?;
    Ok(State { whole: defaults.clone().merge(chosen), settings })
}

/// What is wrong with the document as a whole has no key.
fn as_setting_errors(error: UserDataError) -> Vec<SettingError> {
    let remedy = match &error {
        UserDataError::Settings(errors) => return errors.clone(),
        UserDataError::TooLong { .. } => "leave out what is not settings, or compress it with gzip",
        UserDataError::Gzip(_) => "compress it again with `gzip`, or give the text itself",
        UserDataError::NotText => "save it as UTF-8",
    };
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    vec![SettingError::value("", format!("{error}{cause}"), remedy)]
}

fn in_order(mut errors: Vec<SettingError>) -> Vec<SettingError> {
    errors.sort_by_key(|error| error.location.map_or((0, 0), |place| (place.line, place.column)));
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    const VARIANT: &str = "name = \"test\"\nservices = [\"netd\", \"hostd\"]\n\
        namespaces = [\"motd\", \"network\", \"workloads\", \"container-registry\", \"api\"]\n[settings]\nmotd = \"default\"\n";

    fn of(text: &str) -> Result<Plan, Vec<SettingError>> {
        Defaults::read(VARIANT).unwrap().plan(text.as_bytes())
    }

    #[test]
    fn right_user_data_gives_the_plan_against_the_defaults() {
        let plan = of("[settings]\nmotd = \"mine\"\n").unwrap();
        assert_eq!(plan.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["/etc/motd"]);
        assert!(of("[settings]\nmotd = \"default\"\n").unwrap().is_empty());
    }

    #[test]
    fn everything_wrong_is_told_at_once_by_place() {
        let errors = of("[settings.workloads.web]\nimage = 1\n[settings.network]\nhostnam = \"a\"\n[settings]\nmotd = 5\n").unwrap_err();
        let told: Vec<_> = errors.iter().map(|e| (e.location.map(|l| l.line), e.key.as_str())).collect();
        assert_eq!(told, [(Some(2), "workloads.web.image"), (Some(4), "network.hostnam"), (Some(6), "motd")]);
    }

    #[test]
    fn what_does_not_fit_together_has_a_place_too() {
        let errors = of("[settings]\n[settings.workloads.web]\nenv = { A = \"b\" }\n").unwrap_err();
        assert_eq!(errors[0].key, "workloads.web.image");
        assert_eq!(errors[0].location.map(|place| place.line), Some(2));
    }

    #[test]
    fn what_is_no_text_at_all_is_told_like_the_rest() {
        let defaults = Defaults::read(VARIANT).unwrap();
        for bytes in [&[0xff, 0xfe][..], &[0x1f, 0x8b, 0], &[b'#'; 64 * 1024 + 1]] {
            let errors = defaults.plan(bytes).unwrap_err();
            assert!(errors.len() == 1 && !errors[0].hint.is_empty(), "{errors:?}");
        }
    }

    /// A key that belongs to another certificate is refused by the node; so it is here.
    #[test]
    fn a_key_of_another_certificate_is_told_without_a_node() {
        let dir = tempfile::tempdir().unwrap();
        let identity = |name: &str| ampoule_machine::LocalIdentity::create(&dir.path().join(name)).unwrap();
        let text = |name: &str| String::from_utf8(identity(name).user_data("").unwrap()).unwrap();
        let (one, other) = (text("one"), text("other"));
        let key = |text: &str| text.lines().find(|line| line.trim_start().starts_with("key = ")).unwrap().to_owned();
        of(&one).unwrap();
        let errors = of(&one.replace(&key(&one), &key(&other))).unwrap_err();
        assert!(errors.len() == 1 && errors[0].to_string().contains("do not make a TLS server"), "{errors:?}");
    }

    #[test]
    fn the_variants_of_the_checkout_have_defaults_that_fit() {
        let repo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for entry in std::fs::read_dir(repo.join("variants")).unwrap().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|end| end == "toml") {
                let name = path.file_stem().unwrap().to_string_lossy().into_owned();
                Defaults::of_variant(&repo, &name).unwrap();
            }
        }
        assert!(Defaults::of_variant(&repo, "missing").is_err());
    }
}
