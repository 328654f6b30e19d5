//! Until `lib/report` is there.
struct Stderr;
impl log::Log for Stderr {
    fn enabled(&self, m: &log::Metadata<'_>) -> bool { m.level() <= log::Level::Info }
    fn log(&self, r: &log::Record<'_>) {
        if self.enabled(r.metadata()) {
            let n = match r.level() { log::Level::Error => 3, log::Level::Warn => 4, log::Level::Info => 6, _ => 7 };
            eprintln!("<{n}>{}", r.args());
        }
    }
    fn flush(&self) {}
}
pub(crate) fn init_logger() {
    let _ = log::set_logger(&Stderr);
    log::set_max_level(log::LevelFilter::Info);
}
