//! Service files, the service state machine and init's messages; pure
