//! What Bottlerocket tells about settings: who reads them, what is made from them, where they come from.

use crate::operation::{Operation, Parameter, Shape};

const KEYS: Parameter = Parameter::text("keys", "Dotted keys, divided by commas.");
const NAMES: Parameter = Parameter::text("names", "Only these, divided by commas; wins over `prefix`.");
const PREFIX: Parameter = Parameter::text("prefix", "Only those whose name begins with this text.");
const UNKNOWN: (u16, &str) = (404, "A name in the list does not exist.");

/// `GET /os`
pub const OS: Operation = Operation::get("/os", "What the node runs.")
    .takes(&[Parameter::text("prefix", "Only fields whose name begins with this text; `os.` may be left out.")])
    .answers(Shape::Json("OsInfo"));

/// `GET /metadata/affected-services`
pub const AFFECTED_SERVICES: Operation =
    Operation::get("/metadata/affected-services", "The services that read each of these settings; a key that nothing reads is left out.")
        .takes(&[KEYS.required()])
        .answers(Shape::Json("NamesByKey"));

/// `GET /metadata/setting-generators`
pub const SETTING_GENERATORS: Operation =
    Operation::get("/metadata/setting-generators", "Generators of settings that no person chose, those that are strong.")
        .answers(Shape::Json("TextByKey"));

/// `GET /v2/metadata/setting-generators`
pub const SETTING_GENERATORS_V2: Operation =
    Operation::get("/v2/metadata/setting-generators", "Generators of settings that no person chose, each with its strength.")
        .answers(Shape::Json("GeneratorByKey"));

/// `GET /metadata/templates`
pub const TEMPLATES: Operation =
    Operation::get("/metadata/templates", "Templates of settings. There are none: values that depend on another are generated.")
        .takes(&[KEYS])
        .answers(Shape::Json("TextByKey"));

/// `GET /services`
pub const SERVICE_METADATA: Operation =
    Operation::get("/services", "Services that read settings: from which files, and what is done when those change.")
        .takes(&[NAMES, PREFIX])
        .answers(Shape::Json("ServiceMetadataByName"))
        .refuses(&[UNKNOWN]);

/// `GET /configuration-files`
pub const CONFIGURATION_FILES: Operation = Operation::get("/configuration-files", "Files made from settings.")
    .takes(&[NAMES, PREFIX])
    .answers(Shape::Json("ConfigurationFileByName"))
    .refuses(&[UNKNOWN]);

pub(super) const ALL: &[&Operation] =
    &[&OS, &AFFECTED_SERVICES, &SETTING_GENERATORS, &SETTING_GENERATORS_V2, &TEMPLATES, &SERVICE_METADATA, &CONFIGURATION_FILES];
