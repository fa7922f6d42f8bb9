//! The header of every binary frame, whatever its records: a name and version of the form, a count, a checksum.
//!
//! Nothing here allocates.

/// What begins every frame: 24 bytes, little-endian and without padding. It is what bincode's legacy configuration makes of
/// this structure, and its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode)]
#[repr(C)]
pub struct FrameHeader {
    /// Which form it is, and its version.
    pub version: u16,
    /// Number of records.
    pub count: u16,
    /// What all records have in common; its meaning is the form's.
    pub of: u32,
    /// When the frame was made, Unix ns; 0 if its writer does not say.
    pub time_ns: u64,
    /// Its meaning is the form's.
    pub flags: u32,
    /// CRC-32 of the 20 bytes before it and of all records.
    pub crc: u32,
}

/// Bytes of the header that the checksum covers.
const CHECKED: usize = 20;

/// Fixed-width little-endian integers, and no lengths that a corrupt byte could turn into gigabytes.
type Form = bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Fixint,
    bincode::config::Limit<{ FrameHeader::LEN }>,
>;
const FORM: Form = bincode::config::legacy().with_limit::<{ FrameHeader::LEN }>();

impl FrameHeader {
    /// Its length, bytes.
    pub const LEN: usize = 24;

    /// Reads the header of a frame, and gives what follows it; `None` of fewer bytes. The checksum is not looked at.
    #[inline]
    #[must_use]
    pub fn read(frame: &[u8]) -> Option<(Self, &[u8])> {
        let (head, body) = frame.split_first_chunk::<{ Self::LEN }>()?;
        let (header, _) = bincode::decode_from_slice(head, FORM).ok()?;
        Some((header, body))
    }

    /// Writes the header before the records of a frame, with their checksum. `frame` has room for it before them.
    ///
    /// # Errors
    /// None in practice: the room is there.
    pub fn seal(self, frame: &mut [u8]) -> Result<(), bincode::error::EncodeError> {
        bincode::encode_into_slice(self, &mut *frame, FORM)?;
        let crc = Self::checksum(frame);
        frame[CHECKED..Self::LEN].copy_from_slice(&crc.to_le_bytes());
        Ok(())
    }

    /// Whether the checksum of this header is that of the frame that it begins.
    #[inline]
    #[must_use]
    pub fn is_intact(&self, frame: &[u8]) -> bool {
        frame.len() >= Self::LEN && Self::checksum(frame) == self.crc
    }

    /// The checksum that a frame of at least a header's length should have.
    #[must_use]
    pub fn checksum(frame: &[u8]) -> u32 {
        let mut crc = crc32fast::Hasher::new();
        crc.update(&frame[..CHECKED]);
        crc.update(&frame[Self::LEN..]);
        crc.finalize()
    }
}

const _: () = assert!(size_of::<FrameHeader>() == FrameHeader::LEN);
