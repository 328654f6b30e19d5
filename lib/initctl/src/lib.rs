//! Client of init's control socket
