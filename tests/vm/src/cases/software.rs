//! Real software, unmodified, from a real registry: it works, and what it stored is there after a restart.

use anyhow::{Result, ensure};

use crate::{
    context::Context,
    framework::{Node, within},
    runner::Case,
    software::{Database, KeyStore, get},
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "postgres_keeps_its_table",
        about: "PostgreSQL makes its cluster, stores a table and has it after a restart",
        limit: within(900),
        soak: false,
        run: postgres_keeps_its_table,
    },
    Case {
        name: "redis_keeps_its_key",
        about: "Redis stores a key and has it after a restart",
        limit: within(600),
        soak: false,
        run: redis_keeps_its_key,
    },
    Case {
        name: "nginx_serves_its_page",
        about: "nginx serves a page, also after a restart",
        limit: within(600),
        soak: false,
        run: nginx_serves_its_page,
    },
];

/// A node that runs the image `name` with more `lines` of settings for the workload.
fn node_with(context: &Context, name: &str, port: u16, lines: &str) -> Result<Node> {
    let registry = context.registry()?;
    let image = registry.image(name)?;
    let mut node = context
        .node()
        .opening(port)
        .trusting_registry(&registry.address())
        .with_settings(&format!("[workloads.{name}]\nimage = \"{image}\"\n{lines}"))
        .start()?;
    node.boots()?;
    node.runs(name)?;
    Ok(node)
}

fn nginx_serves_its_page(context: &Context) -> Result<()> {
    let mut node = node_with(context, "nginx", 8081, "publish = [\"8081:80\"]\n")?;
    let port = node.port(8081)?;
    let page = node.eventually("nginx answers", within(90), |_| get(port, "/"))?;
    ensure!(page.contains("nginx"), "not its page: {page:.200}");
    node.reboots()?;
    node.eventually("nginx answers again", within(120), |_| get(port, "/"))?;
    Ok(())
}

fn redis_keeps_its_key(context: &Context) -> Result<()> {
    let lines = "publish = [\"6379:6379\"]\nvolumes = [\"redis:/data\"]\n";
    let mut node = node_with(context, "redis", 6379, lines)?;
    let port = node.port(6379)?;
    let mut store = node.eventually("redis answers", within(90), |_| KeyStore::connect(port))?;
    store.set("motto", "what is inside stays as it was filled")?;
    node.reboots()?;
    let mut store = node.eventually("redis answers again", within(120), |_| KeyStore::connect(port))?;
    ensure!(store.get("motto")? == "what is inside stays as it was filled");
    Ok(())
}

fn postgres_keeps_its_table(context: &Context) -> Result<()> {
    let lines = "publish = [\"5432:5432\"]\nvolumes = [\"postgres:/data\"]\n\
                 env = { POSTGRES_PASSWORD = \"a test's own\" }\n";
    let mut node = node_with(context, "postgres", 5432, lines)?;
    let port = node.port(5432)?;
    let connect = || Database::connect(port, "a test's own");
    let mut database = node.eventually("PostgreSQL answers", within(300), |_| connect())?;
    database.query("create table vessels (name text primary key, litres int)")?;
    database.query("insert into vessels values ('ampoule', 1), ('barrel', 200)")?;
    node.reboots()?;
    let mut database = node.eventually("PostgreSQL answers again", within(180), |_| connect())?;
    let rows = database.query("select name, litres from vessels order by litres")?;
    ensure!(rows == ["ampoule|1", "barrel|200"], "{rows:?}");
    Ok(())
}
