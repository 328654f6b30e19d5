//! Records and queries of the log service
