//! Numbers that look random and follow from a seed. Pure.

/// The next number of splitmix64, whose state moves on: G. Steele, D. Lea and C. Flood, "Fast splittable pseudorandom
/// number generators", 2014.
#[inline]
pub fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
