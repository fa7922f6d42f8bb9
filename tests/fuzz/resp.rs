//! Replies of the server.

use crate::{
    harness::Target,
    outcome::{Outcome, nothing},
};
use wagehood_engine::redis_io::{
    Limits, Progress, ProtocolError, Scanner, StreamInfo, Token, XreadCursor, XreadItem, token,
};

pub const RESP: Target = Target {
    name: "resp",
    check: resp,
    mend: nothing,
    words: &[
        "$-1\r\n",
        "*-1\r\n",
        "*0\r\n",
        "*1\r\n",
        "*2\r\n",
        "*1048576\r\n",
        "*1048577\r\n",
        "$0\r\n\r\n",
        "$67108864\r\n",
        "$3\r\nabc\r\n",
        "$15\r\n1751985000000-0\r\n",
        ":1\r\n",
        "+OK\r\n",
        "-ERR no such key\r\n",
        "-LOADING x\r\n",
        "\r\n",
        "\r",
        "$6\r\nlength\r\n",
        "$13\r\nentries-added\r\n",
        "$11\r\nfirst-entry\r\n",
        "$20\r\nmax-deleted-entry-id\r\n",
        "$17\r\nlast-generated-id\r\n",
        "$18\r\n18446744073709551615-18446744073709551615\r\n",
    ],
    // A value of empty arrays is the most that bytes can become.
    memory: (64 << 10, 128),
    made: Vec::new,
};

/// Whether the elements from `pos` on are those of a value; moves on behind them.
fn same(reply: &[u8], pos: &mut usize, value: &redis::Value) -> bool {
    let (element, next) = token(reply, *pos, &Limits::NONE).expect("it was scanned").expect("it is complete");
    *pos = next;
    match (element, value) {
        (Token::Simple(text), redis::Value::Okay) => text == b"OK",
        (Token::Simple(text), redis::Value::SimpleString(other)) => text == other.as_bytes(),
        (Token::Error(_), redis::Value::ServerError(_)) | (Token::Nil, redis::Value::Nil) => true,
        (Token::Int(value), redis::Value::Int(other)) => value == *other,
        (Token::Bulk(bytes), redis::Value::BulkString(other)) => bytes == other,
        (Token::Array(count), redis::Value::Array(others)) => {
            count == others.len() && others.iter().all(|other| same(reply, pos, other))
        }
        _ => false,
    }
}

/// The same in pieces.
fn piecewise(input: &[u8], piece: usize) -> Result<Progress, ProtocolError> {
    let mut scanner = Scanner::default();
    for end in (0..input.len()).step_by(piece).chain([input.len()]) {
        match scanner.scan(&input[..end]) {
            Ok(Progress::Incomplete) => {}
            other => return other,
        }
    }
    Ok(Progress::Incomplete)
}

fn resp(input: &[u8]) -> u64 {
    let mut outcome = Outcome::default();
    let whole = Scanner::default().scan(input);
    for piece in [1, 7, 4_096].into_iter().filter(|&piece| piece > 1 || input.len() < 4_096) {
        assert_eq!(whole, piecewise(input, piece), "in pieces of {piece}");
    }
    let tight = Limits { bulk_bytes_max: 64, elements_max: 16, line_bytes_max: 32 };
    if let (Ok(Progress::Complete(len)), Ok(tight)) = (&whole, Scanner::new(tight).scan(input)) {
        assert_eq!(tight, Progress::Complete(*len), "limits change what is read");
    }
    // Neither needs a complete reply.
    outcome.add(entries(input)).add(u64::from(StreamInfo::parse(input).is_ok()));
    match &whole {
        Ok(Progress::Complete(len)) => {
            let reply = &input[..*len];
            let mut pos = 0;
            let elements = match redis::parse_redis_value(reply) {
                Ok(theirs) => {
                    assert!(same(reply, &mut pos, &theirs) && pos == *len, "{theirs:?}");
                    theirs.as_sequence().map_or(0, <[_]>::len)
                }
                // The redis crate insists on UTF-8 in lines; the scanner leaves that to whoever reads them.
                Err(error) => {
                    assert!(std::str::from_utf8(reply).is_err(), "{error}: {reply:?}");
                    0
                }
            };
            outcome.add(1).add(u64::from(reply[0])).add(elements.min(8) as u64).get()
        }
        Ok(Progress::Incomplete) => outcome.add(2).get(),
        Err(ProtocolError::TooLong(_)) => outcome.add(3).get(),
        Err(ProtocolError::UnknownType(_)) => outcome.add(4).get(),
        Err(error) => outcome.add(5).add(crc32fast::hash(error.to_string().as_bytes()).into()).get(),
    }
}

/// Reads it as the reply of an `XREAD`: never more entries than there are bytes, and what is read is of the input.
fn entries(input: &[u8]) -> u64 {
    let (mut cursor, mut outcome, mut items) = (XreadCursor::default(), Outcome::default(), 0);
    loop {
        let peeked = if cursor.entries_left() > 0 { cursor.peek_id(input).ok() } else { None };
        match cursor.next(input) {
            Ok(Some(XreadItem::Entry(entry))) => {
                assert_eq!(peeked, Some(entry.id));
                let count = entry.fields.len();
                let bytes: usize = entry.fields.clone().map(|(name, value)| name.len() + value.len()).sum();
                let mut fields = entry.fields;
                assert_eq!(fields.by_ref().count(), count, "fields are missing");
                assert_eq!(fields.bytes(), 0, "values are left over");
                assert!(bytes <= input.len());
                outcome.add(count.min(4) as u64);
            }
            Ok(Some(XreadItem::Stream(name))) => outcome.add(u64::from(name.is_empty())).ignore(),
            Ok(Some(XreadItem::Error(_))) => outcome.add(7).ignore(),
            Ok(None) => break outcome.add(8).get(),
            Err(_) => break outcome.add(9).get(),
        }
        items += 1;
        assert!(items <= input.len() && cursor.pos() <= input.len());
    }
}
