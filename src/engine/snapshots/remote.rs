//! Snapshots in the server instead of a directory, for engines that move between hosts. Blocks.
//!
//! A snapshot has the bytes of a file, in chunks of [`CHUNK_BYTES`] under keys of their own. The *index*, a hash, names
//! the chunks of each snapshot, and does so only when all of them are there: one that a process has not finished is not
//! seen, and the next process removes what it left. Every process writes under keys that no other uses, so that one which
//! has lost the lease cannot write into the snapshot of its heir.

use crate::{
    redis_io::{Link, LinkError},
    state::{Encoder, FoundSnapshot, Meta, Snapshot, Unfit},
};
use redis::Cmd;
use std::{
    collections::{BTreeMap, HashMap},
    fmt, io,
};

/// Longest value of a chunk, bytes: no reply keeps the server long.
const CHUNK_BYTES: usize = 512 << 10;
/// Snapshots that are kept.
const KEPT: usize = 2;
/// Field of the index that names what is being written.
const UNFINISHED: &str = "unfinished";

/// Where the chunks of one snapshot are.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Extent {
    /// Identity of the position that it belongs to.
    origin: u64,
    /// Identity of the process that wrote it.
    writer: u64,
    number: u64,
    bytes: usize,
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, writer, number, bytes } = self;
        write!(f, "{origin:016x} {writer:016x} {number} {bytes}")
    }
}

impl Extent {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let mut hex = || u64::from_str_radix(words.next()?, 16).ok();
        let (origin, writer) = (hex()?, hex()?);
        let (number, bytes) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        words.next().is_none().then_some(Self { origin, writer, number, bytes })
    }

    fn chunks(&self) -> usize {
        self.bytes.div_ceil(CHUNK_BYTES)
    }

    fn chunk_key(&self, index_key: &str, chunk: usize) -> String {
        format!("{index_key}:{:016x}:{}:{chunk}", self.writer, self.number)
    }
}

/// Opens a connection to the server.
pub type Connect = Box<dyn Fn() -> Result<Link, LinkError> + Send>;

/// The snapshots of one engine in the server.
pub struct RemoteStore {
    connect: Connect,
    index_key: String,
    origin: u64,
    writer: u64,
    bytes_max: usize,
}

impl fmt::Debug for RemoteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteStore").field("index_key", &self.index_key).finish_non_exhaustive()
    }
}

impl RemoteStore {
    /// The snapshots that the index at `index_key` names, of the position of this `origin`. This process writes as
    /// `writer`, which no other has used, and no snapshot longer than `bytes_max`.
    #[must_use]
    pub fn new(connect: Connect, index_key: String, (origin, writer): (u64, u64), bytes_max: usize) -> Self {
        Self { connect, index_key, origin, writer, bytes_max }
    }

    /// Removes what a process that died has left unfinished.
    ///
    /// # Errors
    /// A server that is gone or refuses.
    pub fn clean(&self) -> Result<(), LinkError> {
        let mut link = (self.connect)()?;
        if let Some(extent) = self.unfinished(&mut link)? {
            self.remove_chunks(&mut link, &extent)?;
            let _: u64 = link.ask(&Cmd::hdel(&self.index_key, UNFINISHED))?;
        }
        Ok(())
    }

    /// The key that names them.
    #[must_use]
    pub fn index_key(&self) -> &str {
        &self.index_key
    }

    fn fields(&self, link: &mut Link) -> Result<HashMap<String, String>, LinkError> {
        link.ask(&Cmd::hgetall(&self.index_key))
    }

    fn unfinished(&self, link: &mut Link) -> Result<Option<Extent>, LinkError> {
        Ok(self.fields(link)?.get(UNFINISHED).and_then(|text| Extent::parse(text)))
    }

    /// The finished ones by number.
    fn index(&self, link: &mut Link) -> Result<BTreeMap<u64, Extent>, LinkError> {
        let fields = self.fields(link)?;
        let extents = fields.iter().filter_map(|(field, text)| Some((field.parse().ok()?, Extent::parse(text)?)));
        Ok(extents.collect())
    }

    fn remove_chunks(&self, link: &mut Link, extent: &Extent) -> Result<(), LinkError> {
        for chunk in 0..extent.chunks() {
            let _: u64 = link.ask(&Cmd::unlink(extent.chunk_key(&self.index_key, chunk)))?;
        }
        Ok(())
    }

    /// What `open` makes of the newest snapshot that is whole and that it can use.
    ///
    /// # Errors
    /// A server that is gone or refuses.
    pub fn load<T>(
        &self,
        mut open: impl FnMut(Snapshot) -> Result<T, Unfit>,
    ) -> Result<FoundSnapshot<T, String>, LinkError> {
        let mut lines = Vec::new();
        let mut link = (self.connect)()?;
        for (number, extent) in self.index(&mut link)?.into_iter().rev().filter(|(_, own)| own.origin == self.origin) {
            let name = format!("{} {number}", self.index_key);
            let found = match self.fetch(&mut link, &extent)? {
                Some(bytes) => Snapshot::parse(bytes).map_err(|fault| fault.to_string()),
                None => Err("has lost some of its keys: does the server evict keys?".to_owned()),
            };
            let opened =
                found.and_then(|snapshot| open(snapshot).map_err(|(Unfit::Here(reason) | Unfit::Ever(reason))| reason));
            match opened {
                Ok(value) => return Ok(FoundSnapshot { found: Some((value, name)), lines }),
                Err(reason) => lines.push(format!("snapshot {name} {reason}; passed over")),
            }
        }
        Ok(FoundSnapshot { found: None, lines })
    }

    fn fetch(&self, link: &mut Link, extent: &Extent) -> Result<Option<Vec<u8>>, LinkError> {
        if extent.bytes > self.bytes_max {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(extent.bytes);
        for chunk in 0..extent.chunks() {
            let part: Option<Vec<u8>> = link.ask(&Cmd::get(extent.chunk_key(&self.index_key, chunk)))?;
            let Some(part) = part.filter(|part| part.len() <= CHUNK_BYTES) else { return Ok(None) };
            bytes.extend_from_slice(&part);
        }
        Ok(Some(bytes))
    }

    /// Begins a snapshot, in memory.
    ///
    /// # Errors
    /// None that memory makes.
    pub fn begin(&self, meta: &Meta) -> io::Result<Encoder<Vec<u8>>> {
        Encoder::new(Vec::new(), meta)
    }

    /// Whether a snapshot of so many bytes is one too many.
    #[must_use]
    pub fn is_too_long(&self, bytes: u64) -> bool {
        bytes > self.bytes_max as u64
    }

    /// Brings a snapshot to the server and names it; the oldest go. Returns its length in bytes.
    ///
    /// # Errors
    /// A server that is gone or refuses: nothing is named then.
    pub fn finish(&self, encoder: Encoder<Vec<u8>>) -> io::Result<u64> {
        let bytes = encoder.finish()?;
        if self.is_too_long(bytes.len() as u64) {
            return Err(io::Error::other(format!("it has {} bytes, state.redis_bytes_max allows less", bytes.len())));
        }
        self.send(&bytes).map_err(io::Error::other)?;
        Ok(bytes.len() as u64)
    }

    fn send(&self, bytes: &[u8]) -> Result<(), LinkError> {
        let mut link = (self.connect)()?;
        // Another process may have written since.
        let index = self.index(&mut link)?;
        let number = index.keys().next_back().copied().unwrap_or(0) + 1;
        let (origin, writer) = (self.origin, self.writer);
        let extent = Extent { origin, writer, number, bytes: bytes.len() };
        if let Some(left) = self.unfinished(&mut link)?.filter(|left| left.writer == writer) {
            self.remove_chunks(&mut link, &left)?;
        }
        let _: u64 = link.ask(&Cmd::hset(&self.index_key, UNFINISHED, extent.to_string()))?;
        for (chunk, part) in bytes.chunks(CHUNK_BYTES).enumerate() {
            let _: String = link.ask(&Cmd::set(extent.chunk_key(&self.index_key, chunk), part))?;
        }
        let _: u64 = link.ask(&Cmd::hset(&self.index_key, number, extent.to_string()))?;
        let _: u64 = link.ask(&Cmd::hdel(&self.index_key, UNFINISHED))?;
        // Those of the own position: what another server's engine has left is its own affair.
        let old = index.into_iter().rev().filter(|(_, old)| old.origin == origin).skip(KEPT - 1);
        for (number, old) in old {
            let _: u64 = link.ask(&Cmd::hdel(&self.index_key, number))?;
            self.remove_chunks(&mut link, &old)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extent_reads_back_and_nonsense_does_not() {
        let extent = Extent { origin: 7, writer: u64::MAX, number: 3, bytes: CHUNK_BYTES + 1 };
        assert_eq!(Extent::parse(&extent.to_string()), Some(extent.clone()));
        assert_eq!(extent.chunks(), 2);
        for text in ["", "7", "7 8 9", "x 8 9 10", "7 8 9 10 11"] {
            assert_eq!(Extent::parse(text), None, "{text}");
        }
    }
}
