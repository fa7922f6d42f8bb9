//! Redis without a client library in the hot path: a link, an encoder of commands and a scanner of replies. Everything
//! cold goes through the `redis` crate: it reads the URL, builds the commands and converts the replies of [`Link::ask`].
//!
//! After the start everything here is non-blocking and polled by the agent that owns the [`Link`]; buffers are reused
//! and grow to configured bounds only. [`Link::ask`] is the exception: it blocks, and serves administration.

mod admin;
mod cluster;
mod command;
mod connect;
mod group;
mod inbox;
mod link;
mod link_error;
mod nodes;
mod scan;
mod sentinel;
mod server_error;
mod slot;
mod socket;
mod stream_identity;
mod stream_info;
#[cfg(test)]
pub(crate) mod testing;
mod tls;
mod tls_error;
mod tls_socket;
mod token;
mod url;
mod wire;
mod xread;

pub use command::{Command, Commands};
pub use group::ServerGroup;
pub use link::{Link, LinkOptions};
pub use link_error::LinkError;
pub(crate) use link_error::words;
pub use nodes::{Nodes, Scattered};
pub use scan::{Progress, Scanner};
pub(crate) use server_error::code;
pub use server_error::{ErrorClass, ServerErrorKind};
pub use slot::{SLOTS, slot};
pub use socket::connect_tls;
pub use stream_identity::{Another, Remembered};
pub use stream_info::StreamInfo;
pub use tls::{Tls, TlsFiles, TlsFilesError, trusted};
pub use tls_error::TlsError;
pub use token::{Limits, ProtocolError, Token, token};
pub use url::{Address, AddressError};
pub use wire::{Network, Wire};
pub use xread::{Entry, FieldIter, XreadCursor, XreadItem, encode_xread};
