//! Buffers that start on a cache line.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line, and of the widest vector register.
const LINE: usize = 64;
const LINE_FLOATS: usize = LINE / size_of::<f32>();

/// `f32`s that start on a cache line. Safe code cannot ask the allocator for that, so the buffer has room to spare in front.
#[derive(Debug, Default)]
pub struct Aligned {
    buffer: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// So many zeros.
    pub fn zeros(len: usize) -> Self {
        let buffer = vec![0.0; len + LINE_FLOATS];
        let start = Self::start_of(&buffer);
        Self { buffer, start, len }
    }

    /// Nothing.
    pub const fn empty() -> Self {
        Self { buffer: Vec::new(), start: 0, len: 0 }
    }

    /// A buffer of at least `len` values; their contents are unspecified. Does not shrink.
    pub fn fit(&mut self, len: usize) {
        if self.len < len {
            *self = Self::zeros(len);
        }
    }

    fn start_of(buffer: &[f32]) -> usize {
        // `align_offset` may refuse (it never does for a real pointer); then the buffer is merely slower.
        let offset = buffer.as_ptr().align_offset(LINE);
        if offset < LINE_FLOATS { offset } else { 0 }
    }
}

impl Clone for Aligned {
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

impl Deref for Aligned {
    type Target = [f32];
    #[inline]
    fn deref(&self) -> &[f32] {
        &self.buffer[self.start..self.start + self.len]
    }
}

impl DerefMut for Aligned {
    #[inline]
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.buffer[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_and_its_copy_start_on_a_cache_line() {
        for len in [0, 1, 15, 16, 17, 1_000] {
            let mut buffer = Aligned::zeros(len);
            buffer.iter_mut().enumerate().for_each(|(i, x)| *x = i as f32);
            let copy = buffer.clone();
            assert_eq!(copy.len(), len);
            assert_eq!(&*copy, &*buffer);
            assert_eq!(buffer.as_ptr().align_offset(LINE), 0);
            assert_eq!(copy.as_ptr().align_offset(LINE), 0);
        }
    }
}
