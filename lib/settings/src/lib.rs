//! The settings model: fragments, defaults, validation
