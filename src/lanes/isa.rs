//! Which instructions the processor at hand has.

/// A set of instructions that the kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// What every processor of the architecture has.
    Portable,
    /// AVX2 and the bit instructions of its time.
    Avx2,
    /// AVX-512 with counts of bits (VPOPCNTDQ).
    Avx512,
}

impl Isa {
    /// All that this processor has, the least first.
    #[must_use]
    pub fn all() -> Vec<Self> {
        [Self::Portable, Self::Avx2, Self::Avx512].into_iter().filter(|isa| isa.is_here()).collect()
    }

    /// The best that this processor has.
    #[must_use]
    pub fn best() -> Self {
        [Self::Avx512, Self::Avx2].into_iter().find(|isa| isa.is_here()).unwrap_or(Self::Portable)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Whether this processor has it.
    #[must_use]
    pub fn is_here(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                let bits = is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2");
                let counts = is_x86_feature_detected!("lzcnt") && is_x86_feature_detected!("popcnt");
                is_x86_feature_detected!("avx2") && bits && counts
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                let wide = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq");
                let short = is_x86_feature_detected!("avx512vl") && is_x86_feature_detected!("avx512bw");
                wide && short && is_x86_feature_detected!("avx512vpopcntdq") && Self::Avx2.is_here()
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }
}
