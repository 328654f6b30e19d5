//! From two Settings to the files and service actions that lie between them
