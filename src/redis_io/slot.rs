//! Where a cluster keeps a key: which of its slots, and what of the key decides that. Pure.

/// Slots of a cluster.
pub const SLOTS: u16 = 16_384;

/// The slot of a key: that of what stands between its first `{` and the next `}`, where that is not empty; else that of
/// the whole key.
#[must_use]
pub fn slot(key: &[u8]) -> u16 {
    crc16(hashed(key)) % SLOTS
}

fn hashed(key: &[u8]) -> &[u8] {
    let at = |bytes: &[u8], wanted: u8| bytes.iter().position(|&byte| byte == wanted);
    let Some(open) = at(key, b'{') else { return key };
    let behind = &key[open + 1..];
    match at(behind, b'}') {
        Some(len) if len > 0 => &behind[..len],
        _ => key,
    }
}

/// CRC-16/XMODEM: the polynomial 0x1021, from zero, not reflected.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        for (key, wanted) in [("", 0), ("foo", 12_182), ("{foo}.bar", 12_182), ("a{foo}{bar}", 12_182)] {
            assert_eq!(slot(key.as_bytes()), wanted, "{key}");
        }
        for whole in ["foo{}{bar}", "foo{bar", "foo}bar{"] {
            assert_eq!(slot(whole.as_bytes()), crc16(whole.as_bytes()) % SLOTS, "{whole}");
        }
        assert_eq!(slot(b"x{{bar}}"), slot(b"{bar"));
    }
}
