//! Rules of the repository's structure, as tests
