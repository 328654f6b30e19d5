//! The page. Plain HTML, no script, nothing loaded from elsewhere.

use crate::{attempts::Attempt, facts::Fact};

const STYLE: &str = include_str!("page.css");

/// The whole page.
pub(crate) fn render(facts: &[Fact], attempts: &[Attempt]) -> String {
    let node = facts.first().map_or("", |fact| fact.value.as_str());
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>Ampoule: {node}</title><style>{STYLE}</style><main>\
         <header><p class=mark>Ampoule</p><h1>This page comes from a container on <b>{node}</b></h1>\
         <p>The node underneath is sealed: one verified image, no shell, no package manager, and nothing on it that \
         can be written can be executed. The container was pulled from a registry and started by a setting.</p></header>\
         <section><h2>Trying to get out</h2><p>{summary}</p><ul>{attempts}</ul></section>\
         <section><h2>What the container sees</h2><dl>{facts}</dl></section>\
         <footer>Everything was tried just now, for this page. Reload to try again, or read <a href=/facts.json>facts.json</a>.\
         </footer></main></html>\n",
        node = escape(node),
        summary = summary(attempts),
        attempts = attempts.iter().map(row).collect::<String>(),
        facts = facts.iter().map(fact).collect::<String>(),
    )
}

fn summary(attempts: &[Attempt]) -> String {
    let escaped = attempts.iter().filter(|attempt| attempt.escaped).count();
    match escaped {
        0 => format!("{} ways tried, as root inside the container. All refused.", attempts.len()),
        some => format!("{some} of {} ways out are open. This should not be.", attempts.len()),
    }
}

fn row(attempt: &Attempt) -> String {
    let (class, word) = if attempt.escaped { ("open", "open") } else { ("shut", "refused") };
    format!("<li class={class}><b>{}</b><span>{}</span><i>{word}</i></li>", escape(attempt.what), escape(&attempt.answer))
}

fn fact(fact: &Fact) -> String {
    format!("<dt>{}</dt><dd>{}</dd>", escape(fact.label), escape(&fact.value))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_way_is_not_hidden() {
        let attempt = |escaped| Attempt { key: "k", what: "w", escaped, answer: "<a>".into() };
        let page = render(&[], &[attempt(true), attempt(false)]);
        assert!(page.contains("1 of 2 ways out are open"));
        assert!(page.contains("&lt;a&gt;"));
        assert!(render(&[], &[attempt(false)]).contains("All refused"));
    }
}
