//! Commands as bytes: an encoder that appends to a reused buffer, without other allocations or formatting.

use crate::text::{push_f64, push_u64};

/// Commands that are sent together, and their number.
#[derive(Debug, Default)]
pub struct Commands {
    bytes: Vec<u8>,
    count: u32,
}

impl Commands {
    /// No commands, in a buffer of this many bytes that grows if it must.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), count: 0 }
    }

    /// Opens the next command of exactly `args` arguments, its name included.
    #[inline]
    pub fn command(&mut self, args: usize) -> Command<'_> {
        self.count += 1;
        Command::new(&mut self.bytes, args)
    }

    /// Appends what is written as it is sent already, and is not counted.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Forgets the bytes behind so many; the number of commands stays.
    pub fn cut(&mut self, bytes: usize) {
        self.bytes.truncate(bytes);
    }

    /// Number of commands.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The commands as they are sent.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets the commands and keeps the buffer.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }
}

/// One command being written; complete once it has the number of arguments it was opened with.
///
/// A wrong number is a programming error: it is caught when the command is dropped in builds with debug assertions.
#[derive(Debug)]
pub struct Command<'a> {
    out: &'a mut Vec<u8>,
    missing: usize,
}

impl<'a> Command<'a> {
    /// Opens a command of exactly `args` arguments, its name included, at the end of `out`.
    #[inline]
    pub fn new(out: &'a mut Vec<u8>, args: usize) -> Self {
        header(out, b'*', args);
        Self { out, missing: args }
    }

    /// Appends an argument.
    #[inline]
    pub fn arg(&mut self, value: impl AsRef<[u8]>) -> &mut Self {
        let value = value.as_ref();
        self.missing = self.missing.wrapping_sub(1);
        header(self.out, b'$', value.len());
        self.out.extend_from_slice(value);
        self.out.extend_from_slice(b"\r\n");
        self
    }

    /// Appends an argument made of two parts.
    #[inline]
    pub fn arg_pair(&mut self, first: &str, second: &str) -> &mut Self {
        self.missing = self.missing.wrapping_sub(1);
        header(self.out, b'$', first.len() + second.len());
        self.out.extend_from_slice(first.as_bytes());
        self.out.extend_from_slice(second.as_bytes());
        self.out.extend_from_slice(b"\r\n");
        self
    }

    /// Appends a signed integer as decimal text.
    #[inline]
    pub fn int(&mut self, value: i64) -> &mut Self {
        self.arg(itoa::Buffer::new().format(value))
    }

    /// Appends an unsigned integer as decimal text.
    #[inline]
    pub fn uint(&mut self, value: u64) -> &mut Self {
        self.arg(itoa::Buffer::new().format(value))
    }

    /// Appends a number as the shortest decimal text that reads back as the same number.
    #[inline]
    pub fn float(&mut self, value: f64) -> &mut Self {
        self.arg_with(|out| push_f64(out, value))
    }

    /// Appends an argument that `write` appends to the buffer; it must not touch what is there already.
    ///
    /// The length is patched in afterwards; the text moves by a few bytes unless its length has two digits.
    #[inline]
    pub fn arg_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        const GUESS: &[u8] = b"$00\r\n";
        self.missing = self.missing.wrapping_sub(1);
        let start = self.out.len();
        self.out.extend_from_slice(GUESS);
        write(self.out);
        let body = start + GUESS.len();
        let len = self.out.len() - body;
        if let 10..100 = len {
            self.out[start + 1] = b'0' + (len / 10) as u8;
            self.out[start + 2] = b'0' + (len % 10) as u8;
        } else {
            self.patch(start, body, len);
        }
        self.out.extend_from_slice(b"\r\n");
        self
    }

    /// Replaces the guessed header of an argument by one of another width.
    fn patch(&mut self, start: usize, body: usize, len: usize) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(len).as_bytes();
        let moved = start + 1 + digits.len() + 2;
        let end = self.out.len();
        if moved > body {
            self.out.resize(end + (moved - body), 0);
        }
        self.out.copy_within(body..end, moved);
        self.out.truncate(moved + len);
        self.out[start + 1..moved - 2].copy_from_slice(digits);
        self.out[moved - 2..moved].copy_from_slice(b"\r\n");
    }

    /// Appends a field of a stream entry or hash: a name and a text.
    #[inline]
    pub fn field(&mut self, name: &str, value: impl AsRef<[u8]>) -> &mut Self {
        self.arg(name).arg(value)
    }

    /// Appends a field whose value is a number.
    #[inline]
    pub fn field_float(&mut self, name: &str, value: f64) -> &mut Self {
        self.arg(name).float(value)
    }

    /// Appends a field whose value is an integer.
    #[inline]
    pub fn field_int(&mut self, name: &str, value: i64) -> &mut Self {
        self.arg(name).int(value)
    }

    /// Appends a field whose value is written by `write`; see [`Command::arg_with`].
    #[inline]
    pub fn field_with(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        self.arg(name).arg_with(write)
    }
}

impl Drop for Command<'_> {
    fn drop(&mut self) {
        debug_assert!(
            self.missing == 0 || std::thread::panicking(),
            "a command was closed with {} arguments missing",
            self.missing.cast_signed()
        );
    }
}

#[inline]
fn header(out: &mut Vec<u8>, kind: u8, len: usize) {
    match len {
        0..10 => out.extend_from_slice(&[kind, b'0' + len as u8, b'\r', b'\n']),
        10..100 => out.extend_from_slice(&[kind, b'0' + (len / 10) as u8, b'0' + (len % 10) as u8, b'\r', b'\n']),
        _ => {
            out.push(kind);
            push_u64(out, len as u64);
            out.extend_from_slice(b"\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn commands_are_those_of_the_redis_crate(args in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..1200), 1..12)) {
            let mut oracle = redis::Cmd::new();
            let mut copied = Vec::new();
            let mut patched = Commands::default();
            let mut command = Command::new(&mut copied, args.len());
            let mut written = patched.command(args.len());
            for arg in &args {
                oracle.arg(&arg[..]);
                command.arg(arg);
                written.arg_with(|out| out.extend_from_slice(arg));
            }
            drop(command);
            drop(written);
            prop_assert_eq!(&copied, &oracle.get_packed_command());
            prop_assert_eq!(&copied[..], patched.bytes());
        }

        #[test]
        fn numbers_are_decimal_text(int: i64, uint: u64, float: f64) {
            let text = |value: f64| { let mut text = Vec::new(); push_f64(&mut text, value); text };
            let mut oracle = redis::Cmd::new();
            oracle.arg(int).arg(uint).arg(text(float)).arg("market_data_5m").arg("a").arg("");
            let mut right = Vec::new();
            Command::new(&mut right, 6).int(int).uint(uint).float(float).arg_pair("market_data_", "5m").field("a", "");
            prop_assert_eq!(right, oracle.get_packed_command());
        }
    }

    #[test]
    fn lengths_of_every_width_are_patched() {
        for len in [0, 1, 9, 10, 99, 100, 999, 1_000, 70_000] {
            let (mut copied, mut patched) = (b"before".to_vec(), b"before".to_vec());
            let value = vec![b'x'; len];
            Command::new(&mut copied, 2).arg("ECHO").arg(&value);
            Command::new(&mut patched, 2).arg("ECHO").arg_with(|out| out.extend_from_slice(&value));
            assert!(copied == patched, "{len}");
        }
    }
}
