//! `settings`: the live settings by key, and who gave each value.

use std::io::Write;

use ampoule_api_client::Client;
use ampoule_api_types::v1::{SettingValue, ValueSource};
use clap::Args;

use crate::{CliError, OutputFormat, Shown, output};

/// Which settings.
#[derive(Args, Clone, Debug)]
pub struct SettingsArgs {
    /// Only keys that begin with this
    #[arg(value_name = "PREFIX")]
    pub prefix: Option<String>,
    /// How they are shown.
    #[command(flatten)]
    pub shown: Shown,
}

pub(crate) fn run(client: &Client, args: &SettingsArgs, out: &mut dyn Write) -> Result<(), CliError> {
    let list = client.setting_list(args.prefix.as_deref())?;
    if args.shown.output == OutputFormat::Json {
        return output::json(out, &list);
    }
    let rows: Vec<Vec<String>> = list.settings.iter().map(row).collect();
    output::table(out, &["KEY", "SOURCE", "VALUE"], &rows)
}

fn row(setting: &SettingValue) -> Vec<String> {
    let source = match setting.source {
        Some(ValueSource::Default) => "default",
        Some(ValueSource::Generated) => "generated",
        Some(ValueSource::Chosen) => "chosen",
        Some(ValueSource::Unknown) | None => "-",
    };
    let value = match &setting.value {
        _ if setting.secret => "(secret)".to_owned(),
        Some(value) => value.to_string(),
        None => "-".to_owned(),
    };
    vec![setting.key.clone(), source.to_owned(), value]
}
