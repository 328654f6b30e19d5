//! The settings in force and their generations. No request, no socket, no other program: what an apply decides and writes is done here.

use crate::clock::Clock;
use crate::fitting::{first_that_fits, leave_out_misfits, state_of};
use crate::generated::{self, Found, Values};
use crate::migration::{self, Carried, Kept, Started};
use crate::transactions::{ChangeError, MAX_SETTINGS, Transactions};
use ampoule_confirm::{Reason, Standing, Trial};
use ampoule_migrate::{Content, Problem, Steps};
use ampoule_plan::{Image, State};
use ampoule_settings::{Change, Fragment, Layers, Model, SettingError};
use ampoule_store::{ConfirmError, Draft, Generation, Origin, RollBackError, Store, StoreError};

/// The settings of the node and what is pending.
pub(crate) struct Core {
    /// Which settings there are.
    pub(crate) model: Model,
    /// What the image has.
    pub(crate) image: Image,
    /// What is pending.
    pub(crate) transactions: Transactions,
    /// Reads the present moment.
    pub(crate) clock: Clock,
    layers: Layers,
    /// Generated values of this boot alone; part of the layer of generated ones.
    weak: Fragment,
    /// Generated values that generations keep; over the weak ones.
    kept: Values,
    /// The steps between forms of settings that this image knows.
    steps: Steps,
    /// What is kept aside for other forms.
    aside: Kept,
    /// What could not be carried over from another form, and was not set anew since.
    problems: Vec<Problem>,
    /// This image is good: what is committed can be carried back.
    is_proven: bool,
    state: State,
    /// `None`: it could not be opened; the node runs, and nothing can be changed.
    store: Option<Store>,
    /// Why settings were taken back, for as long as that is not on disk.
    owed: Option<Reason>,
}

/// What [`Core::new`] starts from.
pub(crate) struct Parts {
    /// Which settings there are.
    pub(crate) model: Model,
    /// What the image has.
    pub(crate) image: Image,
    /// What the image says.
    pub(crate) defaults: Fragment,
    /// Generated values of this boot alone.
    pub(crate) weak: Fragment,
    /// What was stored, or what the first boot makes.
    pub(crate) started: Started,
    /// The steps between forms of settings that this image knows.
    pub(crate) steps: Steps,
    /// The generations, if they can be kept.
    pub(crate) store: Option<Store>,
    /// Reads the present moment.
    pub(crate) clock: Clock,
}

/// Settings that may be committed: they are valid and fit together.
pub(crate) struct Prepared {
    layers: Layers,
    weak: Fragment,
    kept: Values,
    aside: Kept,
    /// What would be in force.
    pub(crate) state: State,
}

/// What a commit says beside the settings.
pub(crate) struct About {
    /// Who.
    pub(crate) author: String,
    /// What for.
    pub(crate) message: String,
    /// Where it comes from.
    pub(crate) origin: Origin,
    /// How it is confirmed.
    pub(crate) trial: Trial,
}

/// Why something was not kept. Nothing changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    /// The store was not opened at start.
    #[error("Settings cannot be stored: their folder could not be opened when apid started; its log says why")]
    NoStore,
    /// The disk.
    #[error("The new settings could not be stored")]
    Store(#[source] StoreError),
}

impl Core {
    /// Starts from what was stored. What does not fit together has no effect and is named.
    ///
    /// # Errors
    /// Defaults alone do not make settings: the image is broken.
    pub(crate) fn new(parts: Parts) -> Result<Self, Vec<SettingError>> {
        let Parts { model, image, defaults, weak, started, steps, store, clock } = parts;
        let Started { chosen, kept, aside, problems } = started;
        let generated = weak.clone().merge(generated::fragment(&model, &kept));
        let (layers, state) = first_that_fits(Layers { defaults, generated, chosen })?;
        let owed = store.as_ref().filter(|s| s.owes_roll_back()).and_then(|s| s.start().rolled_back.clone()).map(|(_, reason)| reason);
        let is_proven = steps.form() == 0 || store.as_ref().and_then(Store::in_force).is_some_and(|g| !g.form.earlier.is_empty());
        let transactions = Transactions::default();
        Ok(Self { model, image, transactions, clock, layers, weak, kept, steps, aside, problems, is_proven, state, store, owed })
    }

    /// What is in force.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Who gave which value.
    pub(crate) fn layers(&self) -> &Layers {
        &self.layers
    }

    /// Number of the generation in force.
    pub(crate) fn generation(&self) -> u64 {
        self.store.as_ref().and_then(Store::in_force).map_or(0, |g| g.number)
    }

    /// The generations above `number` that were taken back.
    pub(crate) fn taken_back_since(&self, number: u64) -> Vec<Generation> {
        let Some(store) = self.store.as_ref() else { return Vec::new() };
        let get = |number| store.get(number).ok().flatten();
        let origins = (number + 1..=self.generation()).filter_map(get).map(|generation| generation.origin);
        origins.filter_map(|origin| if let Origin::Rollback { of, .. } = origin { get(of) } else { None }).collect()
    }

    /// The generations, if they are kept.
    pub(crate) fn store(&mut self) -> Option<&mut Store> {
        self.store.as_mut()
    }

    /// What is confirmed and what is on trial.
    pub(crate) fn standing(&self) -> Standing {
        self.store.as_ref().map(|s| s.standing().clone()).unwrap_or_default()
    }

    /// Whether settings were taken back and that is not on disk yet.
    pub(crate) fn owes_roll_back(&self) -> bool {
        self.store.as_ref().is_some_and(Store::owes_roll_back)
    }

    /// What `change` on top of what is in force would be.
    ///
    /// # Errors
    /// It does not fit together, or is too much.
    pub(crate) fn prepare(&self, change: &Change) -> Result<Prepared, ChangeError> {
        self.prepare_whole(change.apply_to(&self.layers.chosen), self.aside.clone())
    }

    /// What exactly this chosen would be, with what is kept aside for other forms.
    ///
    /// # Errors
    /// As [`Core::prepare`].
    pub(crate) fn prepare_whole(&self, chosen: Fragment, aside: Kept) -> Result<Prepared, ChangeError> {
        let prepared = self.prepared(self.layers.with_chosen(chosen), self.weak.clone(), self.kept.clone())?;
        Ok(Prepared { aside, ..prepared })
    }

    /// Whether these generated values are in force or kept out by others.
    pub(crate) fn has(&self, found: &Found) -> bool {
        self.weak == found.weak && self.kept == generated::kept(&self.kept, &found.strong, &self.layers.chosen)
    }

    /// What is in force with values that the node made since.
    ///
    /// # Errors
    /// As [`Core::prepare`].
    pub(crate) fn prepare_generated(&self, found: &Found) -> Result<Prepared, ChangeError> {
        let kept = generated::kept(&self.kept, &found.strong, &self.layers.chosen);
        let generated = found.weak.clone().merge(generated::fragment(&self.model, &kept));
        self.prepared(Layers { generated, ..self.layers.clone() }, found.weak.clone(), kept)
    }

    fn prepared(&self, layers: Layers, weak: Fragment, kept: Values) -> Result<Prepared, ChangeError> {
        let state = state_of(&layers).map_err(ChangeError::Settings)?;
        ampoule_tls::check(&state.settings.api.remote).map_err(|e| ChangeError::Settings(vec![e]))?;
        if layers.chosen.to_json().to_string().len() > MAX_SETTINGS {
            return Err(ChangeError::TooLarge);
        }
        Ok(Prepared { layers, weak, kept, aside: self.aside.clone(), state })
    }

    /// Whether committing this would make a generation like the one in force.
    pub(crate) fn is_in_force(&self, prepared: &Prepared) -> bool {
        prepared.layers.chosen == self.layers.chosen && prepared.kept == self.kept
    }

    /// Makes it the newest generation, on trial and in force.
    ///
    /// # Errors
    /// It could not be stored; nothing changed.
    pub(crate) fn commit(&mut self, prepared: Prepared, about: About) -> Result<u64, KeepError> {
        let About { author, message, origin, trial } = about;
        let (chosen, generated) = (prepared.layers.chosen.to_json(), prepared.kept.clone());
        let problems = migration::unsolved(&self.problems, &prepared.layers.chosen);
        let form = migration::form(&self.steps, &prepared.layers.chosen, &generated, &prepared.aside, &problems, self.is_proven);
        let draft = Draft { author, message, origin, trial: Some(trial), chosen, generated, form };
        let now = self.clock.now();
        let store = self.store.as_mut().ok_or(KeepError::NoStore)?;
        let number = store.commit(draft, &now).map_err(KeepError::Store)?.number;
        self.problems = problems;
        self.adopt(prepared);
        Ok(number)
    }

    /// Whether what is in force can be carried back to the versions before.
    pub(crate) fn is_proven(&self) -> bool {
        self.is_proven
    }

    /// What could not be carried over from another form of settings, and was not set anew since.
    pub(crate) fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The steps between forms of settings that this image knows.
    pub(crate) fn steps(&self) -> &Steps {
        &self.steps
    }

    /// The form of this image's settings.
    pub(crate) fn form(&self) -> u32 {
        self.steps.form()
    }

    /// This image is good: from now on images before it find all that is set in a form that they know. The generation that says so, if there is one.
    ///
    /// # Errors
    /// It could not be stored; it is as it was.
    pub(crate) fn prove(&mut self) -> Result<Option<u64>, StoreError> {
        let Some(store) = self.store.as_mut() else {
            self.is_proven = true;
            return Ok(None);
        };
        // What is on trial is confirmed by nobody but those who shall.
        if self.is_proven || store.standing().open.is_some() || store.owes_roll_back() {
            return Ok(None);
        }
        let Some(of) = store.in_force().map(|g| g.number) else { return Ok(None) };
        let form = migration::form(&self.steps, &self.layers.chosen, &self.kept, &self.aside, &self.problems, true);
        let (author, message) =
            ("node".to_owned(), "This version is good: the same settings, with what versions before it need".to_owned());
        let (chosen, generated) = (self.layers.chosen.to_json(), self.kept.clone());
        let draft = Draft { author, message, origin: Origin::Migration { of }, trial: None, chosen, generated, form };
        let number = store.commit(draft, &self.clock.now())?.number;
        self.is_proven = true;
        Ok(Some(number))
    }

    /// What a generation is in the form of this image; `None`: it is of a newer image that left nothing for this one.
    pub(crate) fn carried(&self, generation: &Generation) -> Option<Carried> {
        migration::carried(&self.steps, generation)
    }

    /// Puts in force what differs in nothing that a generation keeps.
    pub(crate) fn adopt(&mut self, prepared: Prepared) {
        let Prepared { layers, weak, kept, aside, state } = prepared;
        (self.layers, self.weak, self.kept, self.aside, self.state) = (layers, weak, kept, aside, state);
    }

    /// The generation on trial has taken effect. That it could not be written down is named; the window has begun all the same.
    pub(crate) fn in_effect(&mut self) {
        let now = self.clock.now();
        if let Some(Err(error)) = self.store.as_mut().map(|s| s.in_effect(&now)) {
            log::error!("{}", ampoule_report::chain(&error));
        }
    }

    /// A generation is good.
    ///
    /// # Errors
    /// It is not on trial, or this could not be written down.
    pub(crate) fn confirm(&mut self, number: u64) -> Result<(), ConfirmError> {
        match self.store.as_mut() {
            Some(store) => store.confirm(number),
            None => Err(ampoule_confirm::NotOpen { asked: number, open: None, confirmed: 0 }.into()),
        }
    }

    /// The last confirmed settings return and are in force; the number of the generation that says so, or why there is none yet.
    ///
    /// # Errors
    /// Nothing is on trial, or it could not be stored (then they are in force all the same).
    pub(crate) fn roll_back(&mut self, reason: Reason) -> Result<u64, RollBackError> {
        let now = self.clock.now();
        let Some(store) = self.store.as_mut() else { return Err(RollBackError::NothingOpen { confirmed: 0 }) };
        let done = store.roll_back(reason.clone(), &now).map(|g| g.number);
        self.owed = matches!(done, Err(RollBackError::Store(_))).then_some(reason);
        if !matches!(done, Err(RollBackError::NothingOpen { .. })) {
            self.adopt_in_force();
        }
        done
    }

    /// Stores a return that could not be stored before; its generation if it now is.
    pub(crate) fn pay_roll_back(&mut self) -> Option<u64> {
        let reason = self.owed.clone()?;
        self.roll_back(reason).ok()
    }

    fn adopt_in_force(&mut self) {
        let Some(generation) = self.store.as_ref().and_then(Store::in_force) else { return };
        let Carried { content, problems } = self.carried(generation).unwrap_or_default();
        let (kept, aside) = (migration::values(&content.generated), content.aside.clone());
        let mut layers = self.layers_of(content);
        leave_out_misfits(&mut layers).iter().for_each(|e| log::error!("Some of the confirmed settings have no effect: {e}"));
        match state_of(&layers) {
            Ok(state) => {
                (self.layers, self.kept, self.state) = (layers, kept, state);
                (self.aside, self.problems) = (aside, problems);
            }
            // They were in force once; only another image in between can have made them so.
            Err(errors) => errors.iter().for_each(|e| log::error!("The confirmed settings do not fit this image: {e}")),
        }
    }

    /// What a generation would be on this image; `None` if it does not fit together.
    pub(crate) fn state_of(&self, generation: &Generation) -> Option<State> {
        state_of(&self.layers_of(self.carried(generation)?.content)).ok()
    }

    fn layers_of(&self, content: Content) -> Layers {
        let generated = self.weak.clone().merge(generated::fragment(&self.model, &migration::values(&content.generated)));
        let chosen = crate::generation::readable(&self.model, content.chosen);
        Layers { defaults: self.layers.defaults.clone(), generated, chosen }
    }
}
