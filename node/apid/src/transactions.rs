//! Changes that are not in force yet: named, bounded, each of a client of its own.

use ampoule_settings::{Change, Fragment, Model, SettingError, path};
use serde_json::Value;
use std::collections::BTreeMap;

/// Transactions open at once; each client uses one and closes it, so this many means some client forgets.
const MAX_TRANSACTIONS: usize = 64;
/// Most bytes of settings as JSON, in force or pending: what `hostd` and the store take with room to spare, and what bounds memory.
pub(crate) const MAX_SETTINGS: usize = 1024 * 1024;
/// Longest name of a transaction.
const MAX_NAME: usize = 128;

/// Why a change was not taken. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    /// Wrong settings.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Settings(Vec<SettingError>),
    /// A transaction with nothing in it.
    #[error("Transaction `{0}` holds no changes; PATCH /settings first")]
    NothingPending(String),
    /// A request with nothing in it.
    #[error("There is nothing to do: the request names no settings, no keys to unset and no transaction")]
    Nothing,
    /// A name of nothing or of too much.
    #[error("A transaction's name has 1 to {MAX_NAME} characters")]
    Name,
    /// Too many transactions.
    #[error("{MAX_TRANSACTIONS} transactions are open; DELETE /tx?tx=NAME those that are not needed")]
    TooMany,
    /// More settings than a node keeps.
    #[error("These would be more than {MAX_SETTINGS} bytes of settings")]
    TooLarge,
}

/// The pending changes, by name.
#[derive(Debug, Default)]
pub(crate) struct Transactions(BTreeMap<String, Change>);

impl Transactions {
    /// What a transaction holds.
    pub(crate) fn get(&self, name: &str) -> Change {
        self.0.get(name).cloned().unwrap_or_default()
    }

    /// What a transaction holds, for a commit.
    ///
    /// # Errors
    /// It holds nothing.
    pub(crate) fn pending(&self, name: &str) -> Result<Change, ChangeError> {
        let change = self.0.get(name).filter(|change| !change.is_empty()).cloned();
        change.ok_or_else(|| ChangeError::NothingPending(name.to_owned()))
    }

    /// Names of the transactions that hold something.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// Adds to a transaction.
    ///
    /// # Errors
    /// Too many, too much, or a name that is none.
    pub(crate) fn add(&mut self, name: &str, change: Change) -> Result<(), ChangeError> {
        if name.is_empty() || name.len() > MAX_NAME {
            return Err(ChangeError::Name);
        }
        if !self.0.contains_key(name) && self.0.len() >= MAX_TRANSACTIONS {
            return Err(ChangeError::TooMany);
        }
        let whole = self.get(name).then(change);
        let others = self.0.iter().filter(|(other, _)| *other != name).map(|(_, change)| size(change));
        if others.sum::<usize>() + size(&whole) > MAX_SETTINGS {
            return Err(ChangeError::TooLarge);
        }
        self.0.insert(name.to_owned(), whole);
        Ok(())
    }

    /// Drops a transaction; what it held.
    pub(crate) fn remove(&mut self, name: &str) -> Change {
        self.0.remove(name).unwrap_or_default()
    }
}

/// Reads a tree of settings and a list of keys to remove.
///
/// # Errors
/// Wrong keys and values, each named.
pub(crate) fn change(model: &Model, settings: Option<&Value>, unset: &[String]) -> Result<Change, ChangeError> {
    let set = settings.map(|tree| Fragment::from_json(model, tree)).transpose().map_err(ChangeError::Settings)?;
    let unset = Change::unsetting(model, unset).map_err(ChangeError::Settings)?;
    Ok(unset.then(Change::setting(set.unwrap_or_default())))
}

/// Reads `a.b=v` pairs; a value is taken as the type its setting wants.
///
/// # Errors
/// A wrong key or value.
pub(crate) fn pairs(model: &Model, pairs: &[String]) -> Result<Change, ChangeError> {
    let read = pairs.iter().map(|text| pair(model, text).map_err(|e| ChangeError::Settings(vec![e])));
    let whole = read.collect::<Result<Vec<_>, _>>()?.into_iter().fold(Fragment::default(), Fragment::merge);
    Ok(Change::setting(whole))
}

fn pair(model: &Model, pair: &str) -> Result<Fragment, SettingError> {
    let wrong = || SettingError::value(pair, "this is not KEY=VALUE", "write for example motd=hello");
    let (key, text) = split_pair(pair).ok_or_else(wrong)?;
    let segments = path::split(&path::canonical(key));
    let mut first = None;
    for value in guesses(text) {
        match Fragment::from_json(model, &crate::tree::nest(&segments, value)) {
            Ok(fragment) => return Ok(fragment),
            Err(errors) => first = errors.into_iter().next(),
        }
    }
    Err(first.unwrap_or_else(|| SettingError::unknown(key, "")))
}

/// At the first `=` outside quotes: a sysctl's or a label's name may hold one.
fn split_pair(pair: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let is_end = |(_, c): &(usize, char)| {
        quoted ^= *c == '"';
        *c == '=' && !quoted
    };
    let (at, _) = pair.char_indices().find(is_end)?;
    Some((&pair[..at], &pair[at + 1..]))
}

/// What a word could mean, as Bottlerocket guesses: a truth value, a number, a text.
fn guesses(text: &str) -> Vec<Value> {
    let parsed = serde_json::from_str::<Value>(text).ok().filter(|v| v.is_boolean() || v.is_number());
    parsed.into_iter().chain([Value::String(text.to_owned())]).collect()
}

fn size(change: &Change) -> usize {
    change.set().to_json().to_string().len() + change.unset().map(str::len).sum::<usize>()
}

/// Keys as Bottlerocket lists them.
pub(crate) fn prefixed(change: &Change) -> Vec<String> {
    change.keys().into_iter().map(|k| format!("settings.{k}")).collect()
}
