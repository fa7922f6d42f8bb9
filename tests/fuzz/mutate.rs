//! Mutations that know what the inputs are made of: lines, fields, numbers, length fields, copies, cuts.

/// splitmix64.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 for none.
    pub fn below(&mut self, n: usize) -> usize {
        if n == 0 { 0 } else { (self.next() % n as u64) as usize }
    }

    pub fn pick<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}

/// Longest input, bytes.
pub const LONGEST: usize = 64 << 10;

/// Numbers at which something happens, as text.
const NUMBERS: [&str; 48] = [
    "0",
    "-0",
    "1",
    "-1",
    "9",
    "10",
    "99",
    "100",
    "255",
    "256",
    "1023",
    "1024",
    "1025",
    "65535",
    "65536",
    "1e309",
    "-1e309",
    "1e-400",
    "4.9e-324",
    "1.7976931348623157e308",
    "0x10",
    " 1",
    "1 ",
    "+1",
    "1.",
    ".5",
    "1_000",
    "nan",
    "inf",
    "-inf",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999",
    "0.1",
    "1e22",
    "123456789012345678901234567890.5",
    "0001-01-01T00:00:00",
    "1970-01-01T00:00:00",
    "292277026596-12-04T15:30:08",
    "2024-02-30T23:59:60",
];

/// Numbers at which something happens, as bytes.
const INTEGERS: [u64; 12] =
    [0, 1, 24, 80, 1_024, 1_025, 0x7fff_ffff, 0xffff_ffff, 0x7fff_ffff_ffff_ffff, u64::MAX, 0x7ff0 << 48, 0x7ff8 << 48];

/// Changes an input a little, a few times.
pub fn mutate(input: &mut Vec<u8>, others: &[Vec<u8>], words: &[&str], random: &mut Random) {
    // Sometimes nothing moves: what is behind then still is what it was.
    let in_place = random.below(4) == 0;
    for _ in 0..1 + random.below(4) {
        let way = if in_place { [0, 1, 5][random.below(3)] } else { random.below(14) };
        match way {
            0 => flip(input, random),
            1 => set(input, random),
            2 => replace_number(input, random),
            3 => insert(input, words, random),
            4 => replace_word(input, words, random),
            5 => integer(input, random),
            6 => input.truncate(random.below(input.len() + 1)),
            7 => cut(input, random),
            8 => copy_line(input, random),
            9 => drop_line(input, random),
            10 => swap_lines(input, random),
            11 | 12 => splice(input, others, random),
            _ => repeat(input, random),
        }
        input.truncate(LONGEST);
    }
}

fn flip(input: &mut [u8], random: &mut Random) {
    let at = random.below(input.len());
    if let Some(byte) = input.get_mut(at) {
        *byte ^= 1 << random.below(8);
    }
}

fn set(input: &mut [u8], random: &mut Random) {
    let at = random.below(input.len());
    if let Some(byte) = input.get_mut(at) {
        *byte = random.next() as u8;
    }
}

/// Puts a number in the place of one that is there.
fn replace_number(input: &mut Vec<u8>, random: &mut Random) {
    let digit = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    let from = random.below(input.len());
    let Some(start) = input[from..].iter().position(digit).map(|at| from + at) else { return };
    let start = input[..start].iter().rposition(|byte| !digit(byte)).map_or(0, |at| at + 1);
    let end = input[start..].iter().position(|byte| !digit(byte)).map_or(input.len(), |at| start + at);
    let number = random.pick(&NUMBERS);
    input.splice(start..end, number.bytes());
}

fn insert(input: &mut Vec<u8>, words: &[&str], random: &mut Random) {
    let at = random.below(input.len() + 1);
    let word = if random.below(3) == 0 { random.pick(&NUMBERS) } else { random.pick(words) };
    input.splice(at..at, word.bytes());
}

/// Puts a word in the place of letters that are there.
fn replace_word(input: &mut Vec<u8>, words: &[&str], random: &mut Random) {
    let letter = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let from = random.below(input.len());
    let Some(start) = input[from..].iter().position(letter).map(|at| from + at) else { return };
    let end = input[start..].iter().position(|byte| !letter(byte)).map_or(input.len(), |at| start + at);
    let word = random.pick(words);
    input.splice(start..end, word.bytes());
}

/// Writes an integer over what is there, as length fields are.
fn integer(input: &mut [u8], random: &mut Random) {
    let (value, len) = (INTEGERS[random.below(INTEGERS.len())].to_le_bytes(), 1 << random.below(4));
    let at = random.below(input.len());
    input.iter_mut().skip(at).zip(&value[..len]).for_each(|(byte, new)| *byte = *new);
}

fn cut(input: &mut Vec<u8>, random: &mut Random) {
    let start = random.below(input.len());
    let len = 1 + random.below(16.min(input.len() - start));
    input.drain(start..(start + len).min(input.len()));
}

/// A line of the input, its end included.
fn line(input: &[u8], random: &mut Random) -> std::ops::Range<usize> {
    let at = random.below(input.len());
    let start = input[..at].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let end = input[at..].iter().position(|&byte| byte == b'\n').map_or(input.len(), |len| at + len + 1);
    start..end
}

fn copy_line(input: &mut Vec<u8>, random: &mut Random) {
    let copy = input[line(input, random)].to_vec();
    let at = line(input, random).start;
    input.splice(at..at, copy);
}

fn drop_line(input: &mut Vec<u8>, random: &mut Random) {
    let line = line(input, random);
    input.drain(line);
}

fn swap_lines(input: &mut Vec<u8>, random: &mut Random) {
    let line = line(input, random);
    let moved: Vec<u8> = input.drain(line).collect();
    let at = self::line(input, random).start;
    input.splice(at..at, moved);
}

/// Goes on with the end of another input.
fn splice(input: &mut Vec<u8>, others: &[Vec<u8>], random: &mut Random) {
    let Some(other) = others.get(random.below(others.len())) else { return };
    input.truncate(random.below(input.len() + 1));
    input.extend_from_slice(&other[random.below(other.len())..]);
}

/// Says a piece again and again: depth, and what takes longer than it should.
fn repeat(input: &mut Vec<u8>, random: &mut Random) {
    if input.is_empty() {
        return;
    }
    let start = random.below(input.len());
    let len = 1 + random.below(32.min(input.len() - start));
    let piece = input[start..(start + len).min(input.len())].to_vec();
    let times = 1 << random.below(13);
    let times = times.min(LONGEST.saturating_sub(input.len()) / piece.len());
    input.splice(start..start, piece.repeat(times));
}
