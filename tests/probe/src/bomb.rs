//! As many processes as one may have.

use std::{
    env,
    process::{Child, Command},
};

use crate::report::Report;

/// Far above the limit in the service file.
const WANTED: u32 = 1000;

pub(crate) fn run(report: &mut Report) {
    let Ok(me) = env::current_exe() else {
        return report.failed("bomb: who am I?");
    };
    let mut children: Vec<Child> = Vec::new();
    let refused = (0..WANTED).find_map(|_| match Command::new(&me).arg("long-life").spawn() {
        Ok(child) => {
            children.push(child);
            None
        }
        Err(error) => Some(error),
    });
    match refused {
        Some(error) => report.ok(&format!("bomb: stopped after {} processes: {error}", children.len())),
        None => report.failed(&format!("bomb: {WANTED} processes and no end")),
    }
    for mut child in children {
        let _ = child.kill();
        let _ = child.wait();
    }
}
