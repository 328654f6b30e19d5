//! The OVF environment document (DMTF DSP0243, section 9.1): what a virtual machine was given by the one who deployed it.

use crate::MAX_USER_DATA;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// Names that the document has on a disc; exactly one may be there, as in Bottlerocket.
pub const FILE_NAMES: [&str; 4] = ["ovf-env.xml", "OVF-ENV.XML", "ovf_env.xml", "OVF_ENV.XML"];
/// Longest document, in bytes: the longest user data as base64, and as much again for the rest.
pub const MAX_DOCUMENT: usize = 3 * MAX_USER_DATA;

/// Deepest element. The standard's documents have four levels.
const MAX_DEPTH: usize = 32;
/// The property that holds user data, as in Bottlerocket.
const KEY: &str = "user-data";
/// Where a property of this machine stands. Those of its siblings stand inside `Entity` elements.
const PLACE: [&str; 3] = ["Environment", "PropertySection", "Property"];

/// Why a document gives no user data although it should.
#[derive(Debug, thiserror::Error)]
pub enum OvfError {
    /// More than is read.
    #[error("More than {MAX_DOCUMENT} bytes")]
    DocumentTooLong,
    /// Not XML 1.0 in UTF-8.
    #[error("Not well-formed XML")]
    Xml(#[source] quick_xml::Error),
    /// Elements in elements.
    #[error("Elements lie more than {MAX_DEPTH} deep")]
    Deep,
    /// A document that defines its own grammar or entities.
    #[error("It has a DOCTYPE, which an OVF environment never has")]
    DocType,
    /// It ends too early.
    #[error("It ends inside an element")]
    Cut,
    /// Another document.
    #[error("Its outermost element is not Environment")]
    NotAnEnvironment,
    /// Which one?
    #[error("The property `{KEY}` is there twice")]
    Twice,
    /// A property that says nothing.
    #[error("The property `{KEY}` has no value")]
    NoValue,
    /// Not base64.
    #[error("The value of the property `{KEY}` is not base64; encode the user data, for example with `base64 -w0`")]
    Base64(#[source] base64::DecodeError),
    /// Too much in it.
    #[error("The user data has more than {MAX_USER_DATA} bytes")]
    TooLong,
}

/// The user data in a document, if it has the property. Gzip in it stays as it is.
///
/// # Errors
/// [`OvfError`].
pub fn user_data(document: &[u8]) -> Result<Option<Vec<u8>>, OvfError> {
    if document.len() > MAX_DOCUMENT {
        return Err(OvfError::DocumentTooLong);
    }
    let mut found = None;
    walk(document, |element| {
        if let Some(value) = value_of(element)? {
            let twice = found.replace(value).is_some();
            return if twice { Err(OvfError::Twice) } else { Ok(()) };
        }
        Ok(())
    })?;
    found.as_deref().map(decode).transpose()
}

/// Calls `visit` with each property of this machine.
fn walk(document: &[u8], mut visit: impl FnMut(&BytesStart<'_>) -> Result<(), OvfError>) -> Result<(), OvfError> {
    let mut reader = Reader::from_reader(document);
    let mut path: Vec<String> = Vec::new();
    let mut buffer = Vec::new();
    let mut roots = 0_usize;
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(OvfError::Xml)? {
            Event::Start(element) => {
                enter(&mut path, &element, &mut roots)?;
                look(&path, &element, &mut visit)?;
            }
            Event::Empty(element) => {
                enter(&mut path, &element, &mut roots)?;
                look(&path, &element, &mut visit)?;
                path.pop();
            }
            Event::End(_) => drop(path.pop()),
            Event::DocType(_) => return Err(OvfError::DocType),
            Event::Eof if !path.is_empty() => return Err(OvfError::Cut),
            Event::Eof if roots == 0 => return Err(OvfError::NotAnEnvironment),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

fn enter(path: &mut Vec<String>, element: &BytesStart<'_>, roots: &mut usize) -> Result<(), OvfError> {
    let name = local(element.local_name().as_ref());
    if path.len() >= MAX_DEPTH {
        return Err(OvfError::Deep);
    }
    if path.is_empty() {
        *roots += 1;
        if name != PLACE[0] || *roots > 1 {
            return Err(OvfError::NotAnEnvironment);
        }
    }
    path.push(name);
    Ok(())
}

fn look(
    path: &[String],
    element: &BytesStart<'_>,
    visit: &mut impl FnMut(&BytesStart<'_>) -> Result<(), OvfError>,
) -> Result<(), OvfError> {
    if path == PLACE { visit(element) } else { Ok(()) }
}

/// The value of the property, if it is the one.
fn value_of(element: &BytesStart<'_>) -> Result<Option<String>, OvfError> {
    let (mut key, mut value) = (None, None);
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|error| OvfError::Xml(error.into()))?;
        let slot = match local(attribute.key.local_name().as_ref()).as_str() {
            "key" => &mut key,
            "value" => &mut value,
            _ => continue,
        };
        // The five entities of XML and character references only: there is no DOCTYPE that could define others.
        let text = attribute.normalized_value(XmlVersion::Explicit1_0).map_err(OvfError::Xml)?;
        *slot = Some(text.into_owned());
    }
    match (key.as_deref(), value) {
        (Some(KEY), Some(value)) => Ok(Some(value)),
        (Some(KEY), None) => Err(OvfError::NoValue),
        _ => Ok(None),
    }
}

fn local(name: impl AsRef<[u8]>) -> String {
    String::from_utf8_lossy(name.as_ref()).into_owned()
}

fn decode(value: &str) -> Result<Vec<u8>, OvfError> {
    let compact: String = value.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = STANDARD.decode(compact).map_err(OvfError::Base64)?;
    if bytes.len() > MAX_USER_DATA { Err(OvfError::TooLong) } else { Ok(bytes) }
}

#[cfg(test)]
#[path = "ovf_tests.rs"]
mod tests;
