//! From the settings of one version to those of another, and back.
//!
//! The stored settings of a node have a *form*: a number that counts the [`Step`]s that led to it. An image knows all steps up to its own form, and each in both directions. So
//! an image takes settings of any older form up to its own, and prepares those of its own for the images before it, which cannot know what came after them.
//!
//! Steps work on trees as they are stored, not on typed settings: the model of an image knows one form only. What one side of a step does not have is kept [`Aside`] of the
//! settings, so that going there and back gives what was there, whatever it was.

mod aside;
mod change;
mod content;
mod flat;
mod pattern;
mod problem;
mod steps;
#[cfg(test)]
mod tests;

pub use aside::{Aside, Sides};
pub use change::{Change, Conversion};
pub use content::Content;
pub use pattern::Pattern;
pub use problem::Problem;
pub use steps::{Carried, Migration, Step, Steps, StepsError, UnknownForm};
