//! JSON Schema of every type that goes over the wire.

use std::collections::BTreeMap;

use ampoule_api_types::{
    ConfigurationFile, EphemeralStorageBind, EphemeralStorageInit, Generator, Keypairs, OsInfo, PendingValues, Report, ServiceMetadata,
    UpdateStatus, WholeModel, v1,
};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

type Names = BTreeMap<String, Vec<String>>;
type Texts = BTreeMap<String, String>;

/// Every schema by the name that operations use, and those they are made of.
pub(crate) fn all() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().with(|s| {
        s.definitions_path = "/components/schemas".into();
        s.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut named = by_hand();
    structs(&mut generator);
    add::<Vec<String>>(&mut generator, &mut named, "NameList");
    add::<Names>(&mut generator, &mut named, "NamesByKey");
    add::<Texts>(&mut generator, &mut named, "TextByKey");
    add::<PendingValues>(&mut generator, &mut named, "PendingValues");
    add::<BTreeMap<String, Generator>>(&mut generator, &mut named, "GeneratorByKey");
    add::<BTreeMap<String, ServiceMetadata>>(&mut generator, &mut named, "ServiceMetadataByName");
    add::<BTreeMap<String, ConfigurationFile>>(&mut generator, &mut named, "ConfigurationFileByName");
    add::<Vec<Report>>(&mut generator, &mut named, "ReportList");
    named.extend(generator.take_definitions(true));
    named
}

/// Types that are known by their own names.
fn structs(generator: &mut SchemaGenerator) {
    generator.subschema_for::<WholeModel>();
    generator.subschema_for::<Keypairs>();
    generator.subschema_for::<OsInfo>();
    generator.subschema_for::<UpdateStatus>();
    generator.subschema_for::<EphemeralStorageInit>();
    generator.subschema_for::<EphemeralStorageBind>();
    generator.subschema_for::<v1::ErrorBody>();
    generator.subschema_for::<v1::BootReport>();
    generator.subschema_for::<v1::ServiceList>();
    generator.subschema_for::<v1::WorkloadList>();
    generator.subschema_for::<v1::DenialList>();
    generator.subschema_for::<v1::NetworkStatus>();
    generator.subschema_for::<v1::LogRecord>();
    generator.subschema_for::<v1::SettingList>();
    generator.subschema_for::<v1::Updates>();
    generator.subschema_for::<v1::UpdatePlan>();
    generator.subschema_for::<v1::ForgiveRequest>();
    changes(generator);
}

fn changes(generator: &mut SchemaGenerator) {
    generator.subschema_for::<v1::PlanRequest>();
    generator.subschema_for::<v1::Plan>();
    generator.subschema_for::<v1::ApplyRequest>();
    generator.subschema_for::<v1::ApplyReport>();
    generator.subschema_for::<v1::ConfirmRequest>();
    generator.subschema_for::<v1::StandingInfo>();
    generator.subschema_for::<v1::GenerationList>();
    generator.subschema_for::<v1::GenerationDetail>();
    generator.subschema_for::<v1::GenerationDiff>();
    generator.subschema_for::<v1::RestoreRequest>();
    generator.subschema_for::<v1::UserDataStatus>();
    generator.subschema_for::<v1::UserDataRequest>();
    generator.subschema_for::<v1::Event>();
}

fn add<T: JsonSchema>(generator: &mut SchemaGenerator, named: &mut Map<String, Value>, name: &str) {
    let schema = T::json_schema(generator);
    named.insert(name.into(), schema.into());
}

/// Shapes that are no Rust type: what is in a settings tree is the image's own affair, told by `GET /v1/schema`.
fn by_hand() -> Map<String, Value> {
    let tree = "Settings, without an outer `settings` key. `GET /v1/schema` tells what this image has.";
    let keys = "Dotted keys, with `settings.` in front.";
    let schema = "JSON Schema (2020-12) of a settings tree.";
    Map::from_iter([
        ("SettingsTree".into(), json!({ "type": "object", "description": tree })),
        ("KeyList".into(), json!({ "type": "array", "items": { "type": "string" }, "description": keys })),
        ("SettingsSchema".into(), json!({ "type": "object", "description": schema })),
    ])
}
