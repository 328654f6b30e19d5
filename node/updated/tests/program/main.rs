//! The updater as a process, on a folder that looks like `/`: a file is its disk, a folder its boot partition, a loader that picks and counts as systemd-boot does, a web server
//! that can be told to lie, the real fetcher in between.

mod attacks;
mod boot_loader;
mod disk;
mod faults;
mod hostile;
mod large;
mod machine;
mod mirrors;
mod node;
mod production;
mod ten;
mod trial;
mod update;
mod web;
