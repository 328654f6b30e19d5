//! Names of modules.

use std::fmt;

/// Name of a module with `-` written as `_`, as the kernel compares them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleName(String);

impl ModuleName {
    /// The name as the kernel writes it.
    pub fn new(name: &str) -> Self {
        Self(name.replace('-', "_"))
    }

    /// From the path of a module file: `kernel/net/x-y.ko` is `x_y`. `None` if it is not a module file.
    pub(crate) fn of_file(path: &str) -> Option<Self> {
        let file = path.rsplit('/').next()?;
        let (stem, _) = file.split_once(".ko")?;
        (!stem.is_empty()).then(|| Self::new(stem))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModuleName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
