//! Settings of another form than this image's (`lib/migrate`): carried over at the start, and prepared for the images before.

use crate::clock::Clock;
use crate::fitting::leave_out_misfits;
use crate::generated::{self, Values};
use crate::generation::readable;
use ampoule_confirm::Trial;
use ampoule_migrate::{Aside, Content, Problem, Steps};
use ampoule_report::chain;
use ampoule_settings::{Fragment, Layers, Model, SettingError, path};
use ampoule_store::{Draft, Form, Generation, Origin, Store, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Who makes generations of another form.
const AUTHOR: &str = "node";
/// Earlier forms that a generation is prepared for, the nearest first: those of about a year.
const MOST_EARLIER: usize = 16;
/// Most bytes of settings for earlier forms in one generation, a quarter of what one may have.
const MOST_EARLIER_BYTES: usize = 1024 * 1024;

/// What is kept aside for other forms, by step and change.
pub(crate) type Kept = BTreeMap<String, Aside>;

/// Settings in the form of this image.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Carried {
    /// The settings.
    #[serde(flatten)]
    pub(crate) content: Content,
    /// What could not be carried over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) problems: Vec<Problem>,
}

impl From<ampoule_migrate::Carried> for Carried {
    fn from(carried: ampoule_migrate::Carried) -> Self {
        Self { content: carried.content, problems: carried.problems }
    }
}

/// What the node starts from.
#[derive(Debug, Default)]
pub(crate) struct Started {
    /// What people chose.
    pub(crate) chosen: Fragment,
    /// Generated values that are kept.
    pub(crate) kept: Values,
    /// What is kept aside for other forms.
    pub(crate) aside: Kept,
    /// What could not be carried over.
    pub(crate) problems: Vec<Problem>,
}

/// What lies below the settings that people chose.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'a> {
    /// Which settings there are.
    pub(crate) model: &'a Model,
    /// What the image says.
    pub(crate) defaults: &'a Fragment,
    /// Generated values of this boot.
    pub(crate) weak: &'a Fragment,
    /// The steps that this image knows.
    pub(crate) steps: &'a Steps,
}

/// The settings of a generation in the form of this image; `None`: a newer image made it and left nothing for this one.
pub(crate) fn carried(steps: &Steps, generation: &Generation) -> Option<Carried> {
    let own = steps.form();
    let (form, carried) = match generation.form.number {
        form if form <= own => (form, Carried { content: content(generation), problems: problems(&generation.form) }),
        _ => {
            let (form, earlier) = generation.form.earlier.range(..=own).next_back()?;
            let read = serde_json::from_value(earlier.clone());
            (*form, read.inspect_err(|e| log::error!("Settings for form {form} in generation {}: {e}", generation.number)).ok()?)
        }
    };
    let Carried { content, mut problems } = carried;
    let up = steps.up(content, form).ok()?;
    problems.extend(up.problems);
    Some(Carried { content: up.content, problems })
}

fn content(generation: &Generation) -> Content {
    content_of(generation.chosen.clone(), &generation.generated, aside(&generation.form))
}

fn content_of(chosen: Value, generated: &Values, aside: Kept) -> Content {
    let document = |made| serde_json::to_value(made).unwrap_or_default();
    let generated = generated.iter().map(|(key, made)| (key.clone(), document(made))).collect();
    Content { chosen, generated, aside }
}

fn aside(form: &Form) -> Kept {
    if form.aside.is_null() { Kept::new() } else { serde_json::from_value(form.aside.clone()).unwrap_or_default() }
}

fn problems(form: &Form) -> Vec<Problem> {
    form.problems.iter().filter_map(|problem| serde_json::from_value(problem.clone()).ok()).collect()
}

/// Generated values as the store keeps them.
pub(crate) fn values(generated: &BTreeMap<String, Value>) -> Values {
    generated.iter().filter_map(|(key, made)| Some((key.clone(), serde_json::from_value(made.clone()).ok()?))).collect()
}

/// What the node starts from, out of the generation in force. If that is of another form, the same in this image's form becomes a new generation; the old one stays as it is.
pub(crate) fn at_start(ground: Ground, store: &mut Store, clock: &Clock) -> Option<Started> {
    let in_force = store.in_force()?.clone();
    if in_force.form.number == ground.steps.form() {
        let chosen = readable(ground.model, in_force.chosen);
        let (aside, problems) = (aside(&in_force.form), problems(&in_force.form));
        return Some(Started { chosen, kept: in_force.generated, aside, problems });
    }
    // What a person has not confirmed is no more confirmed by being carried over. What a newer image had on trial is not carried over.
    let is_older = in_force.form.number < ground.steps.form();
    let trial = store.standing().open.as_ref().filter(|_| is_older).map(|open| open.trial);
    let (source, found) = source(ground.steps, store, in_force);
    let started = fitting(ground, found);
    started.problems.iter().for_each(|problem| log::error!("Settings could not be carried over: {problem}"));
    let draft = draft(ground.steps, source.number, &started, trial);
    match store.commit(draft, &clock.now()) {
        Ok(made) => log::info!("Settings: generation {} has those of generation {} in the form of this image", made.number, source.number),
        // The next start does the same from the same.
        Err(error) => log::error!("Settings in the form of this image have effect until the next start only: {}", chain(&error)),
    }
    Some(started)
}

/// The generation that the settings come from, and what this image understands of it.
fn source(steps: &Steps, store: &mut Store, in_force: Generation) -> (Generation, Carried) {
    let is_newer = in_force.form.number > steps.form();
    let counts = match store.standing().open.is_some() && is_newer {
        // What a newer image had on trial was confirmed by nobody.
        true => found(store.get(store.standing().confirmed)),
        false => Some(in_force.clone()),
    };
    // A newer image that was not good left nothing for this one: what this one had last counts.
    let known = |g: Generation| Some((carried(steps, &g)?, g));
    match counts.and_then(known).or_else(|| found(store.newest_of_form(steps.form())).and_then(known)) {
        Some((carried, source)) => (source, carried),
        None => {
            let number = in_force.number;
            log::error!("Settings: a newer image made generation {number} and left nothing for this one; what is understood of it is used");
            let carried = Carried { content: content(&in_force), problems: Vec::new() };
            (in_force, carried)
        }
    }
}

fn found(read: Result<Option<Generation>, StoreError>) -> Option<Generation> {
    read.unwrap_or_else(|error| {
        log::error!("Settings: {}", chain(&error));
        None
    })
}

/// Without what is not valid, or does not fit together, in this image; all of it named.
fn fitting(ground: Ground, found: Carried) -> Started {
    let Carried { content, mut problems } = found;
    let Content { chosen: mut tree, generated, aside } = content;
    let named = |e: SettingError| Problem { key: e.key, reason: e.reason, remedy: e.hint };
    if let Err(errors) = Fragment::from_json(ground.model, &tree) {
        errors.iter().for_each(|error| crate::tree::remove(&mut tree, &error.key));
        problems.extend(errors.into_iter().map(named));
    }
    let kept = values(&generated);
    let made = ground.weak.clone().merge(generated::fragment(ground.model, &kept));
    let mut layers = Layers { defaults: ground.defaults.clone(), generated: made, chosen: readable(ground.model, tree) };
    problems.extend(leave_out_misfits(&mut layers).into_iter().map(named));
    Started { chosen: layers.chosen, kept, aside, problems }
}

/// The generation that holds the settings of another one in the form of this image.
fn draft(steps: &Steps, of: u64, started: &Started, trial: Option<Trial>) -> Draft {
    let Started { chosen, kept, aside, problems } = started;
    Draft {
        author: AUTHOR.to_owned(),
        message: format!("Settings of generation {of} in the form of this image"),
        origin: Origin::Migration { of },
        trial,
        chosen: chosen.to_json(),
        generated: kept.clone(),
        form: Form { number: steps.form(), aside: document(aside), earlier: BTreeMap::new(), problems: documents(problems) },
    }
}

fn document(aside: &Kept) -> Value {
    if aside.is_empty() { Value::Null } else { serde_json::to_value(aside).unwrap_or_default() }
}

fn documents(problems: &[Problem]) -> Vec<Value> {
    problems.iter().filter_map(|problem| serde_json::to_value(problem).ok()).collect()
}

/// The form of settings of this image, as a generation keeps it; with what images before need once this one has proven good.
pub(crate) fn form(steps: &Steps, chosen: &Fragment, kept: &Values, aside: &Kept, problems: &[Problem], is_proven: bool) -> Form {
    let content = content_of(chosen.to_json(), kept, aside.clone());
    let earlier = if is_proven { earlier(steps, &content) } else { BTreeMap::new() };
    Form { number: steps.form(), aside: document(aside), earlier, problems: documents(problems) }
}

/// The same settings for images before.
fn earlier(steps: &Steps, content: &Content) -> BTreeMap<u32, Value> {
    let mut bytes = 0;
    let forms = (0..steps.form()).rev().take(MOST_EARLIER);
    let carried = forms.filter_map(|form| Some((form, serde_json::to_value(Carried::from(steps.down(content.clone(), form).ok()?)).ok()?)));
    carried
        .take_while(|(_, document)| {
            bytes += document.to_string().len();
            bytes <= MOST_EARLIER_BYTES
        })
        .collect()
}

/// Those that nobody has solved by setting the key anew.
pub(crate) fn unsolved(problems: &[Problem], chosen: &Fragment) -> Vec<Problem> {
    let is_set = |problem: &Problem| chosen.keys().any(|key| path::covers(&problem.key, key));
    problems.iter().filter(|problem| !is_set(problem)).cloned().collect()
}
