//! What the kernel knows of its clock.

/// Whether something keeps the clock right: a time daemon has told the kernel so, within hours (`adjtimex(2)`).
#[must_use]
pub fn is_synchronised() -> bool {
    // SAFETY: `timex` is plain numbers, for which zeros are a value; `modes` of zero asks for no change.
    let mut state = unsafe { std::mem::zeroed::<libc::timex>() };
    // SAFETY: the kernel reads and writes one `timex`, which outlives the call.
    let answer = unsafe { libc::adjtimex(&raw mut state) };
    answer >= 0 && answer != libc::TIME_ERROR
}

#[cfg(test)]
mod tests {
    /// The machine that tests may be either, but the status bits beside the answer must agree with it.
    #[test]
    fn the_answer_is_what_the_status_bits_say() {
        // SAFETY: as above.
        let mut state = unsafe { std::mem::zeroed::<libc::timex>() };
        // SAFETY: as above.
        assert!(unsafe { libc::adjtimex(&raw mut state) } >= 0);
        let wrong = state.status & (libc::STA_UNSYNC | libc::STA_CLOCKERR) != 0;
        assert_eq!(super::is_synchronised(), !wrong);
    }
}
