//! Memory that a request gives back stays with the process.

use std::hint::black_box;

/// Makes glibc keep freed memory of up to 32 MiB instead of returning it to the system after every request.
///
/// A request's candidate buffers are larger than glibc's first mmap threshold (128 KiB), so each would be mapped, faulted in page by
/// page, and unmapped: several times the cost of the pipeline itself. glibc raises its thresholds when a larger mapped
/// block is freed (`mallopt(3)`, M_MMAP_THRESHOLD, "dynamic"), so freeing one does it, without unsafe code. On other allocators
/// this does nothing.
pub fn keep_freed() {
    const BLOCK: usize = 16 << 20;
    drop(black_box(Vec::<u8>::with_capacity(BLOCK)));
}
