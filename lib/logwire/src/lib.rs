//! Records and queries of the log service
//!
//! What goes over its two sockets, one JSON document a line, and how a stream of bytes becomes lines. Pure: no I/O,
//! no clock. Start reading at [`Record`]; [`decode`] is the one way from outside bytes to a type here.

mod codec;
mod ingest;
mod lines;
mod query;
mod record;
mod source;

pub use codec::{WireError, decode, encode};
pub use ingest::Ingest;
pub use lines::{Line, LineSplitter};
pub use query::Query;
pub use record::Record;
pub use source::{Source, SourceError};

/// Longest text of one record in bytes. A longer line becomes several records, all but the last with
/// [`Record::cut`] set. Larger would let one line fill a reader's buffer; smaller cuts real stack traces.
pub const MAX_TEXT: usize = 16 * 1024;

/// Longest encoded line on either socket, in bytes, line feed included: [`MAX_TEXT`] with every byte escaped
/// as `\u00XX`, and the other fields.
pub const MAX_WIRE_LINE: usize = MAX_TEXT * 6 + 1024;

/// Syslog level of a line that names none: "informational".
pub const DEFAULT_LEVEL: u8 = 6;

/// The least important syslog level: "debug".
pub const MAX_LEVEL: u8 = 7;
