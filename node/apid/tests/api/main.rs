//! The real program over its real socket, with a folder for a node and stand-ins for the other programs.

mod certificates;
mod completeness;
mod harness;
mod hostile;
mod neighbours;

mod bottlerocket;
mod changes;
mod command_line;
mod described;
mod events;
mod full_disk;
mod generated;
mod hostile_tls;
mod limits;
mod migration;
mod remote;
mod routes;
mod settings;
mod storage;
mod trial;
mod updates;
mod user_data;

#[test]
#[ignore = "becomes the program on a small disk (`full_disk`)"]
fn become_program() {
    ampoule_test_support::become_program();
}
