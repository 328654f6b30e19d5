//! Content of generations: from what was stored to settings of this image, and to what may be shown.

use crate::migration;
use ampoule_api_types::v1::{GenerationDetail, GenerationOrigin, GenerationSummary, SettingProblem, StandingInfo, TrialInfo};
use ampoule_confirm::{Kind, Standing};
use ampoule_migrate::{Content, Problem};
use ampoule_settings::{Fragment, Model, is_secret};
use ampoule_store::{Generation, Origin, Summary};
use serde_json::Value;

/// What a stored tree chose. Keys that this image does not know (an older or newer image wrote them) are left out, and named.
pub(crate) fn readable(model: &Model, mut tree: Value) -> Fragment {
    let errors = match Fragment::from_json(model, &tree) {
        Ok(chosen) => return chosen,
        Err(errors) => errors,
    };
    for error in errors {
        log::error!("Stored settings: {error}");
        crate::tree::remove(&mut tree, &error.key);
    }
    Fragment::from_json(model, &tree).unwrap_or_default()
}

/// A generation without its content, as the API shows it.
pub(crate) fn summary(s: Summary) -> GenerationSummary {
    let Summary { number, parent, author, time_ms, message, digest, .. } = s;
    GenerationSummary { number, parent, author, time_ms, message, digest, origin: origin(s.origin) }
}

fn origin(origin: Origin) -> GenerationOrigin {
    match origin {
        Origin::UserData => GenerationOrigin::UserData,
        Origin::Api => GenerationOrigin::Api,
        Origin::Generated => GenerationOrigin::Generated,
        Origin::Restore { of } => GenerationOrigin::Restore { of },
        Origin::Rollback { of, to, reason } => GenerationOrigin::Rollback { of, to, reason: reason.to_string() },
        Origin::Migration { of } => GenerationOrigin::Migration { of },
        Origin::Unknown => GenerationOrigin::Unknown,
    }
}

/// What could not be carried over, as the API shows it.
pub(crate) fn problem(problem: &Problem) -> SettingProblem {
    let Problem { key, reason, remedy } = problem.clone();
    SettingProblem { key, reason, remedy }
}

/// A generation with its content in this image's form, without secrets. What this image does not know is not shown: nothing says whether it is a secret.
pub(crate) fn detail(model: &Model, generation: &Generation, content: Content) -> GenerationDetail {
    let chosen = readable(model, content.chosen);
    let secret_keys = chosen.keys().filter(|k| is_secret(k)).map(str::to_owned).collect();
    let worked_out: Value = migration::values(&content.generated)
        .iter()
        .filter(|(k, _)| !is_secret(k))
        .map(|(k, g)| (k.clone(), g.value.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let generated = if worked_out == Value::Object(serde_json::Map::new()) { Value::Null } else { worked_out };
    let settings = crate::tree::without_secrets(&chosen).to_json();
    GenerationDetail { summary: summary(Summary::from(generation)), settings, generated, secret_keys }
}

/// Which generation counts, as the API shows it.
pub(crate) fn standing(in_force: u64, standing: &Standing, now_ms: u64) -> StandingInfo {
    StandingInfo { in_force, confirmed: standing.confirmed, trial: trial(standing, now_ms) }
}

/// What confirms the generation on trial.
pub(crate) fn trial(standing: &Standing, now_ms: u64) -> Option<TrialInfo> {
    let open = standing.open.as_ref()?;
    let kind = match open.trial.kind {
        Kind::Probation => "probation",
        Kind::Confirm => "confirm",
    };
    let (generation, confirmed, window_ms) = (open.generation, standing.confirmed, open.trial.window_ms);
    Some(TrialInfo { kind: kind.to_owned(), generation, confirmed, window_ms, left_ms: open.left_ms(now_ms) })
}
