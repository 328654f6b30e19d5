//! Settings, transactions and commits. No request, no socket: what the routes do is done here.

use crate::clock::Clock;
use ampoule_settings::{Fragment, Model, SettingError, Settings};
use ampoule_store::{Draft, Origin, Store, StoreError};
use serde_json::Value;
use std::collections::BTreeMap;

/// Transactions open at once; each client uses one and closes it, so this many means some client forgets.
const MAX_TRANSACTIONS: usize = 64;
/// Most bytes of settings as JSON, in force or pending: what `hostd` and the store take with room to spare, and what bounds memory.
const MAX_SETTINGS: usize = 1024 * 1024;
/// Longest name of a transaction.
const MAX_NAME: usize = 128;

/// The settings of the node and what is pending.
pub(crate) struct Core {
    model: Model,
    defaults: Fragment,
    chosen: Fragment,
    settings: Settings,
    pending: BTreeMap<String, Fragment>,
    /// `None`: it could not be opened; the node runs, and nothing can be changed.
    store: Option<Store>,
    clock: Clock,
}

/// Why a change was not done. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    /// Wrong settings.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Settings(Vec<SettingError>),
    /// A transaction with nothing in it.
    #[error("Transaction `{0}` holds no changes; PATCH /settings first")]
    NothingPending(String),
    /// A name of nothing or of too much.
    #[error("A transaction's name has 1 to {MAX_NAME} characters")]
    Name,
    /// Too many transactions.
    #[error("{MAX_TRANSACTIONS} transactions are open; DELETE /tx?tx=NAME those that are not needed")]
    TooMany,
    /// More settings than a node keeps.
    #[error("These would be more than {MAX_SETTINGS} bytes of settings")]
    TooLarge,
    /// The store was not opened at start.
    #[error("Settings cannot be stored: their folder could not be opened when apid started; its log says why")]
    NoStore,
    /// The disk.
    #[error("The new settings could not be stored")]
    Store(#[source] StoreError),
}

impl Core {
    /// Starts from what was stored.
    ///
    /// # Errors
    /// Defaults alone do not make settings: the image is broken.
    pub(crate) fn new(model: Model, defaults: Fragment, chosen: Fragment, store: Option<Store>, clock: Clock) -> Result<Self, ChangeError> {
        let (chosen, settings) = match Settings::new(&defaults, &chosen) {
            Ok(settings) => (chosen, settings),
            Err(errors) => {
                errors.iter().for_each(|e| log::error!("Stored settings have no effect: {e}"));
                (Fragment::default(), Settings::new(&defaults, &Fragment::default()).map_err(ChangeError::Settings)?)
            }
        };
        Ok(Self { model, defaults, chosen, settings, pending: BTreeMap::new(), store, clock })
    }

    /// What is in force.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Number of the generation in force.
    pub(crate) fn generation(&self) -> u64 {
        self.store.as_ref().and_then(Store::newest).map_or(0, |g| g.number)
    }

    /// What is in force, key by key.
    pub(crate) fn live(&self) -> Fragment {
        self.defaults.clone().merge(self.chosen.clone())
    }

    /// What is pending in a transaction.
    pub(crate) fn pending(&self, transaction: &str) -> Fragment {
        self.pending.get(transaction).cloned().unwrap_or_default()
    }

    /// Names of the transactions that hold something.
    pub(crate) fn transactions(&self) -> Vec<String> {
        self.pending.keys().cloned().collect()
    }

    /// Adds changes to a transaction.
    ///
    /// # Errors
    /// A wrong key or value, each named; or too many transactions.
    pub(crate) fn patch(&mut self, transaction: &str, tree: &Value) -> Result<(), ChangeError> {
        if transaction.is_empty() || transaction.len() > MAX_NAME {
            return Err(ChangeError::Name);
        }
        let change = Fragment::from_json(&self.model, tree).map_err(ChangeError::Settings)?;
        if !self.pending.contains_key(transaction) && self.pending.len() >= MAX_TRANSACTIONS {
            return Err(ChangeError::TooMany);
        }
        let merged = self.pending(transaction).merge(change);
        let others = self.pending.iter().filter(|(name, _)| *name != transaction).map(|(_, f)| size(f));
        if others.sum::<usize>() + size(&merged) > MAX_SETTINGS {
            return Err(ChangeError::TooLarge);
        }
        self.pending.insert(transaction.to_owned(), merged);
        Ok(())
    }

    /// Adds `a.b=v` changes to a transaction; a value is taken as the type its setting wants.
    ///
    /// # Errors
    /// As [`Core::patch`].
    pub(crate) fn patch_pairs(&mut self, transaction: &str, pairs: &[String]) -> Result<(), ChangeError> {
        let mut all = Fragment::default();
        for pair in pairs {
            all = all.merge(self.pair(pair).map_err(|e| ChangeError::Settings(vec![e]))?);
        }
        self.patch(transaction, &all.to_json())
    }

    fn pair(&self, pair: &str) -> Result<Fragment, SettingError> {
        let (key, text) =
            pair.split_once('=').ok_or_else(|| SettingError::value(pair, "this is not KEY=VALUE", "write for example motd=hello"))?;
        let key = key.strip_prefix("settings.").unwrap_or(key);
        let mut first = None;
        for value in guesses(text) {
            match Fragment::from_json(&self.model, &crate::tree::nest(key, value)) {
                Ok(fragment) => return Ok(fragment),
                Err(errors) => first = errors.into_iter().next(),
            }
        }
        Err(first.unwrap_or_else(|| SettingError::unknown(key, "")))
    }

    /// Drops a transaction; returns the keys it held.
    pub(crate) fn discard(&mut self, transaction: &str) -> Vec<String> {
        self.pending.remove(transaction).map(|f| prefixed(f.keys())).unwrap_or_default()
    }

    /// Makes a transaction the settings in force: validated whole, then stored as a new generation. Returns its keys with `settings.` in front, as Bottlerocket lists them.
    ///
    /// # Errors
    /// Then nothing changed and the transaction is still there.
    pub(crate) fn commit(&mut self, transaction: &str, author: &str) -> Result<Vec<String>, ChangeError> {
        let change = self.pending.get(transaction).filter(|f| !f.is_empty());
        let change = change.ok_or_else(|| ChangeError::NothingPending(transaction.to_owned()))?.clone();
        let chosen = self.chosen.clone().merge(change.clone());
        let settings = Settings::new(&self.defaults, &chosen).map_err(ChangeError::Settings)?;
        crate::remote::check(&settings.api.remote).map_err(|e| ChangeError::Settings(vec![e]))?;
        if size(&chosen) > MAX_SETTINGS {
            return Err(ChangeError::TooLarge);
        }
        if chosen != self.chosen {
            self.store(author, &chosen)?;
        }
        (self.chosen, self.settings) = (chosen, settings);
        self.pending.remove(transaction);
        let keys = prefixed(change.keys());
        log::info!("{author} set {}", keys.join(" "));
        Ok(keys)
    }

    fn store(&mut self, author: &str, chosen: &Fragment) -> Result<(), ChangeError> {
        let (author, message, generated) = (author.to_owned(), String::new(), BTreeMap::new());
        let draft = Draft { author, message, origin: Origin::Api, trial: None, chosen: chosen.to_json(), generated };
        let now = self.clock.now();
        let store = self.store.as_mut().ok_or(ChangeError::NoStore)?;
        store.commit(draft, &now).map(drop).map_err(ChangeError::Store)
    }
}

fn size(fragment: &Fragment) -> usize {
    fragment.to_json().to_string().len()
}

/// What a word could mean, as Bottlerocket guesses: a truth value, a number, a text.
fn guesses(text: &str) -> Vec<Value> {
    let parsed = serde_json::from_str::<Value>(text).ok().filter(|v| v.is_boolean() || v.is_number());
    parsed.into_iter().chain([Value::String(text.to_owned())]).collect()
}

fn prefixed<'a>(keys: impl Iterator<Item = &'a str>) -> Vec<String> {
    keys.map(|k| format!("settings.{k}")).collect()
}
