//! Reads pickles that hold data alone: dictionaries, lists, tuples, texts, numbers, switches and None.
//!
//! It builds nothing else, and calls, imports and looks up nothing. Values are kept in one table and refer to each other
//! by number, so that neither nesting nor a value that many others share costs more than its bytes while it is read;
//! what they would grow to as a tree is bounded before the tree is made.

use super::{
    MAX_DEPTH, MAX_VALUES, WireError,
    opcodes::{data as op, name},
};
use serde_json::{Map, Number, Value};

/// A value by its number.
type Id = u32;

/// A value that is being built.
enum Item {
    None,
    Flag(bool),
    Int(i64),
    Real(f64),
    Text(String),
    /// Also a tuple, which nothing is appended to.
    List(Vec<Id>, bool),
    Dict(Vec<(Id, Id)>),
}

/// Reads a pickle; its protocol, and what it holds.
pub(super) fn unpickle(bytes: &[u8]) -> Result<(u8, Value), WireError> {
    let mut machine =
        Machine { rest: bytes, items: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: Vec::new() };
    let protocol = machine.protocol()?;
    let root = machine.run()?;
    let mut budget = MAX_VALUES;
    let value = machine.tree(root, MAX_DEPTH, &mut budget)?;
    Ok((protocol, value))
}

struct Machine<'a> {
    rest: &'a [u8],
    items: Vec<Item>,
    stack: Vec<Id>,
    /// Heights of the stack at the marks.
    marks: Vec<usize>,
    memo: Vec<Option<Id>>,
}

fn broken(what: &str) -> WireError {
    WireError::new(format!("a broken pickle: {what}"))
}

impl<'a> Machine<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(|| broken("it ends too soon"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        self.take(N)?.try_into().map_err(|_| broken("it ends too soon"))
    }

    fn byte(&mut self) -> Result<u8, WireError> {
        Ok(self.array::<1>()?[0])
    }

    /// The protocol, which comes first from protocol 2 on.
    fn protocol(&mut self) -> Result<u8, WireError> {
        match self.rest {
            [op::PROTO, protocol @ 2..=5, rest @ ..] => {
                self.rest = rest;
                Ok(*protocol)
            }
            [op::PROTO, protocol, ..] => {
                Err(WireError::new(format!("a pickle of protocol {protocol}; allowed: protocols 2 to 5")))
            }
            _ => Err(WireError::new("a pickle that does not begin with its protocol; allowed: protocols 2 to 5")),
        }
    }

    fn push(&mut self, item: Item) -> Result<(), WireError> {
        if self.items.len() >= MAX_VALUES {
            return Err(WireError::new(format!("holds more than {MAX_VALUES} values")));
        }
        self.stack.push(self.items.len() as Id);
        self.items.push(item);
        Ok(())
    }

    fn pop(&mut self) -> Result<Id, WireError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(broken("a value is missing"));
        }
        self.stack.pop().ok_or_else(|| broken("a value is missing"))
    }

    /// What lies above the last mark, which goes.
    fn above_mark(&mut self) -> Result<Vec<Id>, WireError> {
        let height = self.marks.pop().ok_or_else(|| broken("a mark is missing"))?;
        Ok(self.stack.split_off(height.min(self.stack.len())))
    }

    fn top(&self) -> Result<Id, WireError> {
        self.stack.last().copied().ok_or_else(|| broken("a value is missing"))
    }

    fn text(&mut self, length: u64) -> Result<(), WireError> {
        let length = usize::try_from(length).map_err(|_| broken("it ends too soon"))?;
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| broken("a text that is not UTF-8"))?;
        self.push(Item::Text(text.to_owned()))
    }

    fn append(&mut self, values: &[Id]) -> Result<(), WireError> {
        let list = self.top()? as usize;
        match self.items.get_mut(list) {
            Some(Item::List(list, false)) => list.extend_from_slice(values),
            _ => return Err(broken("an append to something else than a list")),
        }
        Ok(())
    }

    fn set(&mut self, values: &[Id]) -> Result<(), WireError> {
        let dict = self.top()? as usize;
        if !values.len().is_multiple_of(2) {
            return Err(broken("a key without a value"));
        }
        match self.items.get_mut(dict) {
            Some(Item::Dict(entries)) => entries.extend(values.chunks_exact(2).map(|pair| (pair[0], pair[1]))),
            _ => return Err(broken("an item of something else than a dictionary")),
        }
        Ok(())
    }

    fn tuple(&mut self, count: usize) -> Result<(), WireError> {
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(self.pop()?);
        }
        values.reverse();
        self.push(Item::List(values, true))
    }

    fn remember(&mut self, place: usize) -> Result<(), WireError> {
        let top = self.top()?;
        // Python numbers them from 0 without gaps.
        if place > self.memo.len() {
            return Err(broken("a gap in its memo"));
        }
        if place == self.memo.len() {
            self.memo.push(None);
        }
        self.memo[place] = Some(top);
        Ok(())
    }

    fn recall(&mut self, place: usize) -> Result<(), WireError> {
        let known = self.memo.get(place).copied().flatten().ok_or_else(|| broken("what it recalls is not there"))?;
        self.stack.push(known);
        Ok(())
    }

    fn long(&mut self) -> Result<(), WireError> {
        let length = usize::from(self.byte()?);
        let bytes = self.take(length)?;
        if length > 8 {
            return Err(WireError::new("a pickle with a whole number of more than 64 bits"));
        }
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut all = [if negative { 0xff } else { 0 }; 8];
        all[..length].copy_from_slice(bytes);
        self.push(Item::Int(i64::from_le_bytes(all)))
    }

    /// Runs to the end; the value that is left.
    fn run(&mut self) -> Result<Id, WireError> {
        loop {
            // Every opcode takes a byte, so what is on the stack is bounded as the document is.
            match self.byte()? {
                op::STOP => {
                    let root = self.pop()?;
                    let clean = self.stack.is_empty() && self.marks.is_empty() && self.rest.is_empty();
                    return if clean { Ok(root) } else { Err(broken("something is left over")) };
                }
                op::FRAME => {
                    if u64::from_le_bytes(self.array()?) > self.rest.len() as u64 {
                        return Err(broken("a frame that is longer than the rest"));
                    }
                }
                op::MARK => self.marks.push(self.stack.len()),
                op::POP => drop(self.pop()?),
                op::POP_MARK => drop(self.above_mark()?),
                op::NONE => self.push(Item::None)?,
                op::NEWTRUE => self.push(Item::Flag(true))?,
                op::NEWFALSE => self.push(Item::Flag(false))?,
                op::BININT => {
                    let value = i32::from_le_bytes(self.array()?);
                    self.push(Item::Int(value.into()))?;
                }
                op::BININT1 => {
                    let value = self.byte()?;
                    self.push(Item::Int(value.into()))?;
                }
                op::BININT2 => {
                    let value = u16::from_le_bytes(self.array()?);
                    self.push(Item::Int(value.into()))?;
                }
                op::LONG1 => self.long()?,
                op::BINFLOAT => {
                    let value = f64::from_be_bytes(self.array()?);
                    self.push(Item::Real(value))?;
                }
                op::SHORT_BINUNICODE => {
                    let length = self.byte()?;
                    self.text(length.into())?;
                }
                op::BINUNICODE => {
                    let length = u32::from_le_bytes(self.array()?);
                    self.text(length.into())?;
                }
                op::BINUNICODE8 => {
                    let length = u64::from_le_bytes(self.array()?);
                    self.text(length)?;
                }
                opcode => self.container(opcode)?,
            }
        }
    }

    /// The opcodes of containers and of the memo; all others are refused.
    fn container(&mut self, opcode: u8) -> Result<(), WireError> {
        match opcode {
            op::EMPTY_LIST => self.push(Item::List(Vec::new(), false)),
            op::EMPTY_TUPLE => self.push(Item::List(Vec::new(), true)),
            op::EMPTY_DICT => self.push(Item::Dict(Vec::new())),
            op::APPEND => {
                let value = self.pop()?;
                self.append(&[value])
            }
            op::APPENDS => {
                let values = self.above_mark()?;
                self.append(&values)
            }
            op::SETITEM => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(&[key, value])
            }
            op::SETITEMS => {
                let values = self.above_mark()?;
                self.set(&values)
            }
            op::TUPLE => {
                let values = self.above_mark()?;
                self.push(Item::List(values, true))
            }
            op::TUPLE1 => self.tuple(1),
            op::TUPLE2 => self.tuple(2),
            op::TUPLE3 => self.tuple(3),
            op::MEMOIZE => self.remember(self.memo.len()),
            op::BINPUT => {
                let place = self.byte()?;
                self.remember(place.into())
            }
            op::LONG_BINPUT => {
                let place = u32::from_le_bytes(self.array()?);
                self.remember(place as usize)
            }
            op::BINGET => {
                let place = self.byte()?;
                self.recall(place.into())
            }
            op::LONG_BINGET => {
                let place = u32::from_le_bytes(self.array()?);
                self.recall(place as usize)
            }
            opcode => Err(WireError::new(format!(
                "a pickle with the opcode {}, which is not data; nothing of it was executed",
                name(opcode)
            ))),
        }
    }

    /// A value as a tree. What many share, or what holds itself, is bounded by `depth` and `budget`.
    fn tree(&self, id: Id, depth: usize, budget: &mut usize) -> Result<Value, WireError> {
        let less = budget.checked_sub(1);
        *budget = less.ok_or_else(|| WireError::new(format!("holds more than {MAX_VALUES} values")))?;
        let deeper =
            || depth.checked_sub(1).ok_or_else(|| WireError::new(format!("is nested deeper than {MAX_DEPTH} levels")));
        Ok(match self.items.get(id as usize) {
            None | Some(Item::None) => Value::Null,
            Some(Item::Flag(flag)) => Value::Bool(*flag),
            Some(Item::Int(value)) => Value::from(*value),
            Some(Item::Real(value)) => {
                let number = Number::from_f64(*value);
                number.map(Value::Number).ok_or_else(|| WireError::new(format!("holds {value}, which is no number")))?
            }
            Some(Item::Text(text)) => {
                // A text that many share grows by its length each time.
                *budget = budget.saturating_sub(text.len() / 16);
                Value::String(text.clone())
            }
            Some(Item::List(list, _)) => {
                let depth = deeper()?;
                Value::Array(list.iter().map(|&id| self.tree(id, depth, budget)).collect::<Result<_, _>>()?)
            }
            Some(Item::Dict(entries)) => {
                let depth = deeper()?;
                let mut map = Map::new();
                for &(key, value) in entries {
                    let Some(Item::Text(key)) = self.items.get(key as usize) else {
                        return Err(WireError::new("a pickle with a key that is no text"));
                    };
                    map.insert(key.clone(), self.tree(value, depth, budget)?);
                }
                Value::Object(map)
            }
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn problem(body: &[u8]) -> String {
        unpickle(&[&[op::PROTO, 4], body].concat()).unwrap_err().to_string()
    }

    #[test]
    fn whatever_is_not_data_is_refused_by_name() {
        // os.system("x"), as `pickle` writes it with protocols 0 and 4.
        assert!(problem(b"cos\nsystem\n\x8c\x01x\x85R.").contains("the opcode GLOBAL,"));
        assert!(problem(b"\x8c\x02os\x8c\x06system\x93\x8c\x01x\x85R.").contains("the opcode STACK_GLOBAL,"));
        for (body, name) in [
            (&b"NNR."[..], "REDUCE"),
            (b"NNb.", "BUILD"),
            (b"NQ.", "BINPERSID"),
            (b"NN\x81.", "NEWOBJ"),
            (b"\x82\x01.", "EXT1"),
            (b"(i.", "INST"),
            (b"C\x01a.", "SHORT_BINBYTES"),
            (b"\x8f.", "EMPTY_SET"),
            (b"\xf7.", "0xf7"),
        ] {
            assert!(problem(body).contains(&format!("the opcode {name},")), "{name}");
        }
    }

    #[test]
    fn what_would_grow_without_bound_is_refused() {
        let deep = [vec![op::EMPTY_LIST; 200_000], vec![op::APPEND; 199_999], vec![op::STOP]].concat();
        assert!(problem(&deep).contains("nested deeper"));
        // A list that holds itself.
        assert!(problem(b"]\x94h\x00a.").contains("nested deeper"));
        // Each list holds the one before ten times.
        let mut laughs = b"]\x94K\x01a".to_vec();
        for k in 0..20u8 {
            laughs.extend(b"0]\x94(");
            laughs.extend([[op::BINGET, k]; 10].concat());
            laughs.push(op::APPENDS);
        }
        laughs.push(op::STOP);
        assert!(problem(&laughs).contains("more than 2000000 values"), "{}", problem(&laughs));
        assert!(problem(b"\x8a\x09\0\0\0\0\0\0\0\0\x01.").contains("64 bits"));
        assert!(problem(b"G\x7f\xf8\0\0\0\0\0\0.").contains("no number"));
        assert!(problem(b"}K\x01K\x02s.").contains("no text"));
    }

    #[test]
    fn every_cut_of_a_pickle_is_refused_in_words() {
        let whole = b"\x80\x04\x95\x11\0\0\0\0\0\0\0}\x94(\x8c\x01a\x94]\x94(K\x01N\x88eu.";
        assert_eq!(unpickle(whole).unwrap().1, serde_json::json!({"a": [1, null, true]}));
        for end in 0..whole.len() {
            assert!(unpickle(&whole[..end]).is_err(), "{end}");
        }
        assert!(unpickle(b"\x80\x06N.").unwrap_err().to_string().contains("protocol 6"));
        assert!(unpickle(b"N.").is_err());
    }
}
