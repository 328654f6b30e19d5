//! Numbers without sense, the same in each run.

/// A generator (xorshift64*), good enough to choose changes by.
pub struct Numbers(u64);

impl Numbers {
    /// Starts from `seed`, which must not be 0.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.draw() % end).unwrap_or(0)
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        self.draw().to_be_bytes()[0]
    }
}
