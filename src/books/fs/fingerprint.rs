//! What tells that a file is still the one that was read, without reading it: its stamp. And what tells it for sure: the
//! digest of its bytes.
//!
//! A stamp is believed only if it had settled when the bytes were read. File systems count time in steps; a second
//! change within the step of the first would keep the stamp. So a stamp taken less than a step after the file's last
//! change is written down as "none", and the next scan reads that file again.

use std::{
    fmt,
    io::{self, Read, Write},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::fs::Stat;

/// The step of a file system that writes fractions of seconds; kernels tick every 10 ms at worst.
pub const STEP_FINE: Duration = Duration::from_millis(20);
/// The step of a file system that writes whole seconds; FAT writes every second one.
pub const STEP_COARSE: Duration = Duration::from_secs(2);

/// Size, time of the last write, inode, time of the last change of any kind. Times in nanoseconds since 1970.
///
/// The last is set by the kernel alone: a program that puts the time of writing back cannot hide its write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    size: u64,
    written: i128,
    inode: u64,
    changed: i128,
}

impl Fingerprint {
    /// The stamp that the file system gives.
    pub fn of(stat: &Stat) -> Self {
        Self {
            size: u64::try_from(stat.st_size).unwrap_or(0),
            written: nanoseconds(i128::from(stat.st_mtime), i128::from(stat.st_mtime_nsec)),
            inode: stat.st_ino,
            changed: nanoseconds(i128::from(stat.st_ctime), i128::from(stat.st_ctime_nsec)),
        }
    }

    /// Bytes in the file.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// True when both name the same bytes of the same file, renamed at most: renaming changes `changed` alone.
    pub fn same_content(&self, other: &Fingerprint) -> bool {
        (self.size, self.written, self.inode) == (other.size, other.written, other.inode)
    }

    /// True when any change after `now` must show in the stamp.
    pub fn is_settled(&self, now: SystemTime) -> bool {
        since_epoch(now) >= self.settles_at()
    }

    /// How long until the stamp settles; nothing if it has, or if that is longer than anyone should wait.
    pub fn patience(&self, now: SystemTime) -> Duration {
        let left = self.settles_at() - since_epoch(now);
        match u64::try_from(left) {
            Ok(left) if left <= STEP_FINE.as_nanos() as u64 => Duration::from_nanos(left),
            _ => Duration::ZERO,
        }
    }

    /// True when the bytes were written at least a step before `moment`.
    pub fn written_well_before(&self, moment: SystemTime) -> bool {
        self.written + self.step() <= since_epoch(moment)
    }

    fn settles_at(&self) -> i128 {
        // A coarse file system is often one without a true `changed`.
        let last = if self.is_coarse() { self.changed.max(self.written) } else { self.changed };
        last + self.step()
    }

    fn step(&self) -> i128 {
        let step = if self.is_coarse() { STEP_COARSE } else { STEP_FINE };
        i128::try_from(step.as_nanos()).unwrap_or(i128::MAX)
    }

    fn is_coarse(&self) -> bool {
        self.changed % 1_000_000_000 == 0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:x}.{:x}.{:x}.{:x}", self.size, self.written, self.inode, self.changed)
    }
}

/// The digest of some bytes: 32 hexadecimal digits of BLAKE3.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(String);

impl Digest {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(blake3::hash(bytes).to_hex()[..32].to_owned())
    }

    /// Of all that is left to read.
    pub fn of_all(source: impl Read) -> io::Result<Self> {
        let mut digesting = Digesting::new(source);
        io::copy(&mut digesting, &mut io::sink())?;
        Ok(digesting.digest())
    }

    /// The digest that this text is, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 32 && text.bytes().all(hex)).then(|| Self(text.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first half, where a hint is enough.
    pub fn short(&self) -> &str {
        &self.0[..16]
    }
}

/// A file being read or written, and the digest of the bytes that have passed.
#[derive(Debug)]
pub struct Digesting<F> {
    file: F,
    passed: blake3::Hasher,
}

impl<F> Digesting<F> {
    /// Nothing has passed yet.
    pub fn new(file: F) -> Self {
        Self { file, passed: blake3::Hasher::new() }
    }

    /// The file, and the digest of the bytes that have passed.
    pub fn end(self) -> (Digest, F) {
        (self.digest(), self.file)
    }

    /// Of the bytes that have passed.
    pub fn digest(&self) -> Digest {
        Digest(self.passed.finalize().to_hex()[..32].to_owned())
    }
}

impl<F: Read> Read for Digesting<F> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(out)?;
        self.passed.update(&out[..count]);
        Ok(count)
    }
}

impl<F: Write> Write for Digesting<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.passed.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

fn nanoseconds(seconds: i128, fraction: i128) -> i128 {
    seconds * 1_000_000_000 + fraction
}

fn since_epoch(moment: SystemTime) -> i128 {
    let nanos = |span: Duration| i128::try_from(span.as_nanos()).unwrap_or(i128::MAX);
    match moment.duration_since(UNIX_EPOCH) {
        Ok(after) => nanos(after),
        Err(before) => -nanos(before.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i128 = 1_000_000_000;

    /// Is a stamp with these times settled so many milliseconds after 1970?
    fn check(written: i128, changed: i128, now_ms: u64, expected: bool) {
        let fingerprint = Fingerprint { size: 1, written, inode: 1, changed };
        let now = UNIX_EPOCH + Duration::from_millis(now_ms);
        assert_eq!(fingerprint.is_settled(now), expected, "{written} {changed} at {now_ms}");
    }

    #[test]
    fn a_stamp_settles_a_step_after_the_last_change() {
        let fine = 5 * SECOND + 1_000_000;
        check(fine, fine, 5_010, false);
        check(fine, fine, 5_020, false);
        check(fine, fine, 5_021, true);
        // Put back by a program: the kernel's own time counts.
        check(SECOND, fine, 5_010, false);
        check(SECOND, fine, 5_021, true);
        // Put forward: the same.
        check(900 * SECOND, fine, 5_021, true);
        // Whole seconds.
        check(5 * SECOND, 5 * SECOND, 6_999, false);
        check(5 * SECOND, 5 * SECOND, 7_000, true);
        check(9 * SECOND, 5 * SECOND, 8_000, false);
    }

    #[test]
    fn patience_never_exceeds_a_fine_step() {
        let at = |changed, now_ms| {
            Fingerprint { size: 1, written: changed, inode: 1, changed }
                .patience(UNIX_EPOCH + Duration::from_millis(now_ms))
        };
        assert_eq!(at(5 * SECOND + 1_000_000, 5_011), Duration::from_millis(10));
        assert_eq!(at(5 * SECOND + 1_000_000, 5_021), Duration::ZERO);
        assert_eq!(at(5 * SECOND, 5_001), Duration::ZERO, "two seconds are not waited for");
        assert_eq!(at(50 * SECOND + 1, 5_001), Duration::ZERO, "nor a clock that runs ahead");
    }

    #[test]
    fn digests_are_read_back() {
        let digest = Digest::of(b"BEGIN:VCARD");
        assert_eq!(Digest::parse(digest.as_str()), Some(digest.clone()));
        assert_ne!(digest, Digest::of(b"BEGIN:VCARD\n"));
        for bad in ["", "abc", &digest.as_str().to_uppercase(), &format!("{digest}0")] {
            assert_eq!(Digest::parse(bad), None, "{bad}");
        }
    }
}
