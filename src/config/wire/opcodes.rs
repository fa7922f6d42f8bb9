//! The opcodes of pickles, by the names that Python's `pickletools` shows.

/// Opcodes that build nothing but data.
pub(super) mod data {
    pub(in super::super) const MARK: u8 = b'(';
    pub(in super::super) const STOP: u8 = b'.';
    pub(in super::super) const POP: u8 = b'0';
    pub(in super::super) const POP_MARK: u8 = b'1';
    pub(in super::super) const BINFLOAT: u8 = b'G';
    pub(in super::super) const BININT: u8 = b'J';
    pub(in super::super) const BININT1: u8 = b'K';
    pub(in super::super) const BININT2: u8 = b'M';
    pub(in super::super) const NONE: u8 = b'N';
    pub(in super::super) const BINUNICODE: u8 = b'X';
    pub(in super::super) const APPEND: u8 = b'a';
    pub(in super::super) const APPENDS: u8 = b'e';
    pub(in super::super) const BINGET: u8 = b'h';
    pub(in super::super) const LONG_BINGET: u8 = b'j';
    pub(in super::super) const EMPTY_LIST: u8 = b']';
    pub(in super::super) const EMPTY_TUPLE: u8 = b')';
    pub(in super::super) const EMPTY_DICT: u8 = b'}';
    pub(in super::super) const BINPUT: u8 = b'q';
    pub(in super::super) const LONG_BINPUT: u8 = b'r';
    pub(in super::super) const SETITEM: u8 = b's';
    pub(in super::super) const SETITEMS: u8 = b'u';
    pub(in super::super) const TUPLE: u8 = b't';
    pub(in super::super) const PROTO: u8 = 0x80;
    pub(in super::super) const TUPLE1: u8 = 0x85;
    pub(in super::super) const TUPLE2: u8 = 0x86;
    pub(in super::super) const TUPLE3: u8 = 0x87;
    pub(in super::super) const NEWTRUE: u8 = 0x88;
    pub(in super::super) const NEWFALSE: u8 = 0x89;
    pub(in super::super) const LONG1: u8 = 0x8a;
    pub(in super::super) const SHORT_BINUNICODE: u8 = 0x8c;
    pub(in super::super) const BINUNICODE8: u8 = 0x8d;
    pub(in super::super) const MEMOIZE: u8 = 0x94;
    pub(in super::super) const FRAME: u8 = 0x95;
}

/// Opcodes that call, import or build something else than data, or are of old protocols; all are refused.
const REFUSED: [(u8, &str); 35] = [
    (b'F', "FLOAT"),
    (b'I', "INT"),
    (b'L', "LONG"),
    (b'P', "PERSID"),
    (b'Q', "BINPERSID"),
    (b'R', "REDUCE"),
    (b'S', "STRING"),
    (b'T', "BINSTRING"),
    (b'U', "SHORT_BINSTRING"),
    (b'V', "UNICODE"),
    (b'b', "BUILD"),
    (b'c', "GLOBAL"),
    (b'd', "DICT"),
    (b'g', "GET"),
    (b'i', "INST"),
    (b'l', "LIST"),
    (b'o', "OBJ"),
    (b'p', "PUT"),
    (b'2', "DUP"),
    (b'B', "BINBYTES"),
    (b'C', "SHORT_BINBYTES"),
    (0x81, "NEWOBJ"),
    (0x82, "EXT1"),
    (0x83, "EXT2"),
    (0x84, "EXT4"),
    (0x8b, "LONG4"),
    (0x8e, "BINBYTES8"),
    (0x8f, "EMPTY_SET"),
    (0x90, "ADDITEMS"),
    (0x91, "FROZENSET"),
    (0x92, "NEWOBJ_EX"),
    (0x93, "STACK_GLOBAL"),
    (0x96, "BYTEARRAY8"),
    (0x97, "NEXT_BUFFER"),
    (0x98, "READONLY_BUFFER"),
];

/// The name of an opcode that is refused.
pub(super) fn name(opcode: u8) -> String {
    match REFUSED.iter().find(|(known, _)| *known == opcode) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("0x{opcode:02x}"),
    }
}
