//! A plan for a person.

use crate::{Action, Change, Plan, When, WorkloadFate};
use serde_json::Value;
use std::fmt;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.keys.is_empty() && self.is_empty() {
            return writeln!(f, "Nothing changes.");
        }
        self.settings(f)?;
        self.node(f)?;
        for reason in &self.reboot {
            writeln!(f, "! needs a reboot: {} ({})", reason.key, reason.why)?;
        }
        for reason in &self.access {
            writeln!(f, "! access may be lost: {} ({}); `--confirm 5m` brings it back by itself", reason.key, reason.why)?;
        }
        writeln!(f, "Plan {}", self.id.get(..12).unwrap_or(&self.id))
    }
}

impl Plan {
    fn settings(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Settings")?;
        for change in &self.keys {
            let when = match change.effect {
                When::Now => "",
                When::AtReboot => "   (at the next boot)",
                When::Never => "   (no effect on this image)",
            };
            let (sign, value) = match (&change.old, &change.new) {
                (None, Some(new)) => ('+', short(new)),
                (Some(old), Some(new)) => ('~', format!("{} → {}", short(old), short(new))),
                (old, None) => ('-', old.as_ref().map(short).unwrap_or_default()),
            };
            writeln!(f, "  {sign} {} = {value}{when}", change.key)?;
        }
        Ok(())
    }

    fn node(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "On the node")?;
        for file in &self.files {
            let what = match file.change {
                Change::Created => "create",
                Change::Changed => "change",
                Change::Removed => "remove",
            };
            writeln!(f, "  {what:<8} {}", file.path)?;
        }
        for service in &self.services {
            let what = match service.reader.action {
                Action::Reload => "reload",
                Action::Restart => "restart",
            };
            writeln!(f, "  {what:<8} service {} (reads {})", service.reader.service, service.because.join(", "))?;
        }
        for workload in &self.workloads {
            let what = match workload.change {
                WorkloadFate::Started => "start",
                WorkloadFate::Replaced => "replace",
                WorkloadFate::Adjusted => "adjust",
                WorkloadFate::Stopped => "stop",
                WorkloadFate::Stored => "store",
            };
            writeln!(f, "  {what:<8} workload {}", workload.name)?;
        }
        if self.remote_api {
            writeln!(f, "  change   the remote API")?;
        }
        if self.is_empty() {
            writeln!(f, "  nothing")?;
        }
        Ok(())
    }
}

/// Longest value shown in a line, in characters.
const SHORT: usize = 60;

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= SHORT { text } else { text.chars().take(SHORT).chain(['…']).collect() }
}
