//! What a check found, for people and for programs.

use ampoule_plan::{Action, Change, KeyChange, Plan, WorkloadFate};
use ampoule_settings::SettingError;
use serde::Serialize;
use serde_json::Value;

use crate::{cli::UserDataArgs, figures::wrap};

/// Columns of a message; 80 is what every terminal has.
const WIDTH: usize = 78;

/// The result of one check.
#[derive(Serialize)]
pub(crate) struct Report {
    /// The file as it was named.
    pub(crate) file: String,
    /// The variant it was checked against.
    pub(crate) variant: String,
    /// Whether a node would take it.
    pub(crate) valid: bool,
    /// All that is wrong, by place.
    pub(crate) errors: Vec<Wrong>,
    /// What the node would do, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<Plan>,
}

/// One thing that is wrong.
#[derive(Serialize)]
pub(crate) struct Wrong {
    /// Counts from 1; absent if it is about the whole file.
    line: Option<usize>,
    /// In characters, from 1.
    column: Option<usize>,
    /// With `settings.` in front; empty if it is about the whole file.
    key: String,
    /// What is wrong.
    reason: String,
    /// What is allowed, or what to do.
    remedy: String,
    /// The key is not there at all (rather than its value being wrong).
    unknown: bool,
}

impl From<&SettingError> for Wrong {
    fn from(error: &SettingError) -> Self {
        Self {
            line: error.location.map(|place| place.line),
            column: error.location.map(|place| place.column),
            key: if error.key.is_empty() { String::new() } else { format!("settings.{}", error.key) },
            reason: error.reason.clone(),
            remedy: error.hint.clone(),
            unknown: error.unknown,
        }
    }
}

impl Report {
    pub(crate) fn new(args: &UserDataArgs, result: &Result<Plan, Vec<SettingError>>) -> Self {
        Self {
            file: if args.file.as_os_str() == "-" { "standard input".to_owned() } else { args.file.display().to_string() },
            variant: args.variant.clone(),
            valid: result.is_ok(),
            errors: result.as_ref().err().into_iter().flatten().map(Wrong::from).collect(),
            plan: result.as_ref().ok().filter(|_| args.plan).cloned(),
        }
    }

    /// For a person.
    pub(crate) fn text(&self) -> String {
        let mut text: String = self.errors.iter().map(|error| self.one(error)).collect();
        text.push_str(&match self.errors.len() {
            0 => format!("{}: a node of variant {} takes this.\n", self.file, self.variant),
            1 => "1 error. A node would take nothing of this file and run with its defaults.\n".to_owned(),
            many => format!("{many} errors. A node would take nothing of this file and run with its defaults.\n"),
        });
        text.extend(self.plan.as_ref().map(|plan| self.planned(plan)));
        text
    }

    /// `FILE:LINE:COLUMN: KEY`, as editors understand it, and below it why and what to do.
    fn one(&self, error: &Wrong) -> String {
        let place = match (error.line, error.column) {
            (Some(line), Some(column)) => format!("{}:{line}:{column}", self.file),
            _ => self.file.clone(),
        };
        let key = if error.key.is_empty() { String::new() } else { format!(": {}", error.key) };
        format!("{place}{key}\n{}{}\n", wrap(&error.reason, "  ", WIDTH), wrap(&error.remedy, "    → ", WIDTH))
    }

    fn planned(&self, plan: &Plan) -> String {
        if plan.keys.is_empty() {
            return format!("\nPlan: nothing; all of it is as the defaults of {} are.\n", self.variant);
        }
        let rows = [
            plan.keys.iter().map(setting).collect(),
            plan.files.iter().map(|file| row(verb(file.change), &file.path)).collect(),
            plan.services.iter().map(|told| row(doing(told.reader.action), told.reader.service)).collect(),
            plan.workloads.iter().map(|one| row(fate(one.change), &format!("workload {}", one.name))).collect(),
            if plan.remote_api { vec![row("apply", "remote API")] } else { Vec::new() },
            plan.reboot.iter().map(|reason| row("reboot", &format!("for {}: {}", reason.key, reason.why))).collect(),
            plan.without_effect.iter().map(|key| row("note", &format!("nothing on this image reads {key}"))).collect(),
        ];
        format!("\nPlan, from the defaults of {}:\n{}", self.variant, rows.concat().concat())
    }
}

fn row(verb: &str, what: &str) -> String {
    wrap(what, &format!("  {verb:8} "), WIDTH)
}

/// A long value is cut: it stands in the file.
fn setting(change: &KeyChange) -> String {
    let value = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), |value| cut(&value.to_string(), 32));
    row("set", &format!("{}: {} → {}", change.key, value(&change.old), value(&change.new)))
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.to_owned() } else { text.chars().take(most - 1).chain(['…']).collect() }
}

fn verb(change: Change) -> &'static str {
    match change {
        Change::Created => "create",
        Change::Changed => "change",
        Change::Removed => "remove",
    }
}

fn doing(action: Action) -> &'static str {
    match action {
        Action::Reload => "reload",
        Action::Restart => "restart",
    }
}

fn fate(change: WorkloadFate) -> &'static str {
    match change {
        WorkloadFate::Started => "start",
        WorkloadFate::Replaced => "replace",
        WorkloadFate::Adjusted => "adjust",
        WorkloadFate::Stopped => "stop",
        WorkloadFate::Stored => "store",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ampoule_api_cli::OutputFormat;
    use ampoule_settings::Location;

    fn report(result: &Result<Plan, Vec<SettingError>>) -> Report {
        let args = UserDataArgs { file: "n.toml".into(), variant: "v".into(), output: OutputFormat::Table, plan: true };
        Report::new(&args, result)
    }

    #[test]
    fn an_error_says_where_what_and_what_to_do() {
        let error = SettingError {
            location: Some(Location { line: 4, column: 1 }),
            ..SettingError::value("motd", "this is a number", "write text")
        };
        let report = report(&Err(vec![error]));
        assert!(
            report.text().starts_with("n.toml:4:1: settings.motd\n  this is a number\n    → write text\n\n1 error. "),
            "{}",
            report.text()
        );
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!((&json["valid"], &json["errors"][0]["line"]), (&false.into(), &4.into()));
        assert_eq!(json["errors"][0]["key"], "settings.motd");
    }

    #[test]
    fn a_plan_names_settings_files_and_who_is_told() {
        use ampoule_plan::{Image, State};
        use ampoule_settings::{Fragment, Model, Settings};
        let whole = Fragment::from_toml(&Model::complete(), "[settings]\nmotd = \"x\"\nnetwork.hostname = \"n1\"\n").unwrap();
        let settings = Settings::new(&Fragment::default(), &whole).unwrap();
        let new = State { whole, settings };
        let image = Image { services: ["netd".to_owned()].into(), certificates: Vec::new() };
        let text = report(&Ok(Plan::between(&image, Some(&State::default()), &new))).text();
        for line in ["  set      network.hostname: nothing → \"n1\"\n", "  create   /etc/hostname\n", "  reload   netd\n"] {
            assert!(text.contains(line), "{line}{text}");
        }
        let none = report(&Ok(Plan::between(&image, Some(&new), &new))).text();
        assert!(none.contains("Plan: nothing"), "{none}");
    }

    #[test]
    fn long_values_are_cut() {
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("äöü", 3), "äöü");
    }
}
