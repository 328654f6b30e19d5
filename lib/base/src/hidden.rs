//! Values that may hold something that must not be seen.

use std::fmt;
use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};

/// A value whose `Debug` says nothing of it: people put passwords where no rule says so, for example in the environment of a program. Serialising does write it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hidden<T>(pub T);

impl<T> fmt::Debug for Hidden<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden")
    }
}

impl<T> Deref for Hidden<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Hidden<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_it_is_printed_and_all_is_written() {
        let hidden = Hidden(vec!["hunter2".to_owned()]);
        assert_eq!(format!("{hidden:?} {hidden:#?}"), "Hidden Hidden");
        assert_eq!(serde_json::to_string(&hidden).expect("JSON"), r#"["hunter2"]"#);
    }
}
