//! The demo workload: a page about the box it runs in.

mod attempts;
mod facts;
mod http;
mod json;
mod page;

use std::{
    net::{Ipv6Addr, TcpListener, TcpStream},
    process, thread,
    time::Duration,
};

use signal_hook::{consts, iterator::Signals};

/// The container's port.
const PORT: u16 = 8080;

/// A client that is silent for so long is dropped; else a few idle ones would use up all threads.
const SILENCE: Duration = Duration::from_secs(5);

fn main() {
    end_on_request();
    // An IPv6 socket takes IPv4 as well, and is there even if the container has no IPv6 address.
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, PORT)).or_else(|_| TcpListener::bind(("0.0.0.0", PORT)));
    let listener = listener.unwrap_or_else(|error| {
        eprintln!("<3>cannot listen on port {PORT}: {error}");
        process::exit(1);
    });
    println!("demo: listening on port {PORT}");
    for stream in listener.incoming().flatten() {
        serve(stream);
    }
}

/// The first process of a container gets no default actions: without this a stop would wait for its time limit.
fn end_on_request() {
    let Ok(mut signals) = Signals::new([consts::SIGTERM, consts::SIGINT]) else {
        return;
    };
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            println!("demo: asked to stop");
            process::exit(0);
        }
    });
}

fn serve(stream: TcpStream) {
    let timeouts = stream.set_read_timeout(Some(SILENCE)).and(stream.set_write_timeout(Some(SILENCE)));
    if timeouts.is_err() {
        return;
    }
    // If no thread can be made (a limit of the container), this client is dropped and the next may have luck.
    let _ = thread::Builder::new().stack_size(256 * 1024).spawn(move || http::answer(stream, respond));
}

fn respond(path: &str) -> Option<http::Answer> {
    Some(match path {
        "/" => http::Answer::html(page::render(&facts::read(), &attempts::all())),
        "/facts.json" => http::Answer::json(json::document(&facts::read(), &attempts::all())),
        "/healthz" => http::Answer::text("ok\n".into()),
        _ => return None,
    })
}
