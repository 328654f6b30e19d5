//! What a newer document breaks for those who hold an older one.
//!
//! A client keeps working if every route it calls is there, takes what it sends and answers with the fields it reads.
//! So nothing may go: no path, method, parameter, answer, field or word of a list; nothing that was optional in a
//! request may become required; no type may become another.

use serde_json::Value;

/// Where a schema is used: what is sent may be required less and less, what is answered must be promised more and more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Request,
    Answer,
}

struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    found: Vec<String>,
    /// References on the way down; a type may hold itself.
    open: Vec<String>,
}

/// Everything in `old` that `new` does not keep, one sentence each.
#[must_use]
pub fn incompatibilities(old: &Value, new: &Value) -> Vec<String> {
    let mut comparison = Comparison { old, new, found: Vec::new(), open: Vec::new() };
    for (path, operations) in members(&old["paths"]) {
        for (method, operation) in members(operations) {
            comparison.operation(&format!("{} {path}", method.to_uppercase()), operation, &new["paths"][path][method]);
        }
    }
    comparison.found
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

impl Comparison<'_> {
    fn say(&mut self, place: &str, what: &str) {
        let sentence = format!("{place}: {what}");
        if !self.found.contains(&sentence) {
            self.found.push(sentence);
        }
    }

    fn operation(&mut self, place: &str, old: &Value, new: &Value) {
        if new.is_null() {
            return self.say(place, "is gone");
        }
        self.parameters(place, &old["parameters"], &new["parameters"]);
        self.request(place, &old["requestBody"], &new["requestBody"]);
        for (status, answer) in members(&old["responses"]) {
            let is_success = status.starts_with(['1', '2']);
            let now = &new["responses"][status];
            match now.is_null() {
                true if is_success => self.say(place, &format!("no longer answers {status}")),
                true => {}
                false => self.contents(&format!("{place} {status}"), answer, now, Use::Answer),
            }
        }
    }

    fn parameters(&mut self, place: &str, old: &Value, new: &Value) {
        for parameter in items(old) {
            let name = &parameter["name"];
            match items(new).find(|p| p["name"] == *name && p["in"] == parameter["in"]) {
                None => self.say(place, &format!("parameter {name} is gone")),
                Some(now) => self.schema(&format!("{place} parameter {name}"), &parameter["schema"], &now["schema"], Use::Request),
            }
        }
        for parameter in items(new).filter(|p| p["required"] == true) {
            let before = items(old).find(|p| p["name"] == parameter["name"] && p["in"] == parameter["in"]);
            if before.is_none_or(|p| p["required"] != true) {
                self.say(place, &format!("parameter {} is required now", parameter["name"]));
            }
        }
    }

    fn request(&mut self, place: &str, old: &Value, new: &Value) {
        match (old.is_null(), new.is_null()) {
            (true, false) if new["required"] == true => self.say(place, "a body is required now"),
            (false, true) => self.say(place, "no longer takes a body"),
            _ => self.contents(place, old, new, Use::Request),
        }
    }

    fn contents(&mut self, place: &str, old: &Value, new: &Value, used: Use) {
        for (kind, content) in members(&old["content"]) {
            match &new["content"][kind] {
                Value::Null => self.say(place, &format!("{kind} is gone")),
                now => self.schema(place, &content["schema"], &now["schema"], used),
            }
        }
    }

    fn schema(&mut self, place: &str, old: &Value, new: &Value, used: Use) {
        if let Some(reference) = old["$ref"].as_str() {
            let step = format!("{reference} {}", used == Use::Request);
            if self.open.contains(&step) {
                return;
            }
            self.open.push(step);
            self.resolved(place, old, new, used);
            self.open.pop();
        } else {
            self.resolved(place, old, new, used);
        }
    }

    fn resolved(&mut self, place: &str, old: &Value, new: &Value, used: Use) {
        let (old, new) = (resolve(self.old, old), resolve(self.new, new));
        self.types(place, &old["type"], &new["type"], used);
        self.words(place, old, new, used);
        self.bounds(place, old, new, used);
        for (name, field) in members(&old["properties"]) {
            match &new["properties"][name] {
                Value::Null => self.say(place, &format!("field {name} is gone")),
                now => self.schema(&format!("{place} field {name}"), field, now, used),
            }
        }
        self.required(place, &old["required"], &new["required"], used);
        for below in ["items", "additionalProperties"] {
            if old[below].is_object() {
                self.schema(place, &old[below], &new[below], used);
            }
        }
        for group in ["anyOf", "oneOf", "allOf"] {
            for (index, part) in items(&old[group]).enumerate() {
                match &new[group][index] {
                    Value::Null => self.say(place, "one of its forms is gone"),
                    now => self.schema(place, part, now, used),
                }
            }
        }
    }

    /// A request may be of more types than before, an answer of fewer.
    fn types(&mut self, place: &str, old: &Value, new: &Value, used: Use) {
        let (wide, narrow) = if used == Use::Request { (new, old) } else { (old, new) };
        if wide.is_null() || narrow == wide {
            return;
        }
        let all = |value: &Value| if value.is_string() { vec![value.clone()] } else { items(value).cloned().collect() };
        let wide = all(wide);
        if narrow.is_null() || all(narrow).iter().any(|kind| !wide.contains(kind)) {
            self.say(place, &format!("was {old}, is {new}"));
        }
    }

    /// Words of a list, in either of the two forms that schemas have for them. Answers may gain words, as the contract says.
    fn words(&mut self, place: &str, old: &Value, new: &Value, used: Use) {
        let now: Vec<&Value> = words(new).collect();
        for word in words(old).filter(|word| !now.contains(word)) {
            if !(now.is_empty() && used == Use::Request) {
                self.say(place, &format!("the word {word} is gone"));
            }
        }
        if used == Use::Request && words(old).next().is_none() && !now.is_empty() {
            self.say(place, "takes only certain words now");
        }
    }

    /// What bounds a number or a text may not become narrower in a request.
    fn bounds(&mut self, place: &str, old: &Value, new: &Value, used: Use) {
        if used == Use::Answer {
            return;
        }
        let number = |schema: &Value, name: &str| schema[name].as_f64();
        for (name, is_narrower) in
            [("minimum", 1.0), ("minLength", 1.0), ("minItems", 1.0), ("maximum", -1.0), ("maxLength", -1.0), ("maxItems", -1.0)]
        {
            let narrower = match (number(old, name), number(new, name)) {
                (Some(old), Some(new)) => (new - old) * is_narrower > 0.0,
                (None, Some(_)) => true,
                _ => false,
            };
            if narrower {
                self.say(place, &format!("{name} is narrower"));
            }
        }
        if !new["pattern"].is_null() && old["pattern"] != new["pattern"] {
            self.say(place, "its pattern is another");
        }
        if new["additionalProperties"] == false && old["additionalProperties"] != false {
            self.say(place, "fields that it does not know are refused now");
        }
    }

    fn required(&mut self, place: &str, old: &Value, new: &Value, used: Use) {
        let (more, fewer, what) = match used {
            Use::Request => (new, old, "is required now"),
            Use::Answer => (old, new, "is no longer always there"),
        };
        for name in items(more).filter(|name| !items(fewer).any(|other| other == *name)) {
            self.say(place, &format!("field {name} {what}"));
        }
    }
}

fn words(schema: &Value) -> impl Iterator<Item = &Value> {
    let in_forms = items(&schema["oneOf"]).filter_map(|form| form.get("const"));
    items(&schema["enum"]).chain(in_forms)
}

fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let name = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/components/schemas/"));
    name.map_or(schema, |name| &document["components"]["schemas"][name])
}
