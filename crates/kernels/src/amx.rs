//! Tile products of x86 (AMX): 16 rows by 16 columns by 64 bytes of depth in one instruction. The compiler has no word for them yet, so
//! they are written as assembly. The sums of i8 are exact: every result is that of the safe twin in `int8_gemm`. Those of bf16 differ from
//! the twin's in `bf16` by the rounding of f32 sums. The tests there and in `x86` compare both.

#![expect(unsafe_code, reason = "tiles are only to be had in assembly")]
#![expect(clippy::unused_self, reason = "the proof is what makes a call sound")]

use std::arch::asm;
use std::sync::OnceLock;

use crate::PANEL;
use crate::int8_gemm::{TILE_GROUPS, TILE_ROWS};

/// The layout of all eight tiles: palette 1, 16 rows of 64 bytes each.
#[repr(C, align(64))]
struct Layout([u8; 64]);

static LAYOUT: Layout = {
    let mut bytes = [0; 64];
    bytes[0] = 1;
    let mut tile = 0;
    while tile < 8 {
        bytes[16 + 2 * tile] = 64;
        bytes[48 + tile] = TILE_ROWS as u8;
        tile += 1;
    }
    Layout(bytes)
};

/// Sums of two tiles of rows with a panel's columns.
#[repr(C, align(64))]
struct Sums<S>([[S; PANEL]; 2 * TILE_ROWS]);

/// What tiles can multiply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operands {
    /// Four u8 by four i8, into i32.
    Int8,
    /// Two bf16 by two bf16, into f32.
    Bf16,
}

/// A product for tiles. Its rows and panels are converted already, and padded to whole tiles.
pub(crate) trait ByTiles {
    /// What they multiply.
    const OPERANDS: Operands;
    /// Values of a row that fill 4 bytes.
    type Group;
    /// A group of each of half a panel's columns, 64 bytes.
    type Line;
    /// A sum, 4 bytes.
    type Sum: Copy + Default;

    /// Rows, without the padding.
    fn rows(&self) -> usize;
    /// Groups of a row, a multiple of [`TILE_GROUPS`].
    fn groups(&self) -> usize;
    /// Panels.
    fn panels(&self) -> usize;
    /// [`TILE_ROWS`] rows from `first` on, `groups` groups each.
    fn tile(&self, first: usize) -> &[Self::Group];
    /// A panel's lines, `[groups]`.
    fn panel(&self, panel: usize) -> &[[Self::Line; 2]];
    /// Takes the sums of row `row` with a panel's columns.
    fn store(&mut self, row: usize, panel: usize, sums: &[Self::Sum; PANEL]);
}

/// Proof that the machine has tile products of i8 and bf16 and that the system lets this process use them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amx(());

impl Amx {
    /// The proof, if so.
    #[inline]
    pub(crate) fn detect() -> Option<Self> {
        static ALLOWED: OnceLock<bool> = OnceLock::new();
        ALLOWED.get_or_init(allowed).then_some(Self(()))
    }

    /// Computes a product.
    #[inline(always)]
    pub(crate) fn multiply<T: ByTiles>(self, work: &mut T) {
        let rows = work.rows();
        let mut sums = Sums([[T::Sum::default(); PANEL]; 2 * TILE_ROWS]);
        // SAFETY: an `Amx` is made by `detect` only, and `LAYOUT` is a valid layout of 64 bytes.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const LAYOUT, options(nostack, readonly)) };
        for first in (0..rows).step_by(2 * TILE_ROWS) {
            let last = rows.min(first + 2 * TILE_ROWS);
            for panel in 0..work.panels() {
                // A second tile without rows is the first one again, and not looked at.
                let second = if last - first > TILE_ROWS { first + TILE_ROWS } else { first };
                multiply_tiles(work, [first, second], panel, &mut sums);
                for (row, sums) in (first..last).zip(&sums.0) {
                    work.store(row, panel, sums);
                }
            }
        }
        // SAFETY: as above. A panic in between would leave the thread's tiles in use, which costs time and nothing else.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}

/// The sums of two tiles of rows with a panel.
#[inline(always)]
fn multiply_tiles<T: ByTiles>(work: &T, first: [usize; 2], panel: usize, sums: &mut Sums<T::Sum>) {
    const { assert!(size_of::<T::Group>() == 4 && size_of::<T::Line>() == 64 && size_of::<T::Sum>() == 4) };
    let [upper, lower] = first.map(|row| work.tile(row));
    let (panel, groups) = (work.panel(panel), work.groups());
    let whole = groups > 0 && groups.is_multiple_of(TILE_GROUPS) && panel.len() == groups;
    if !whole || upper.len().min(lower.len()) < TILE_ROWS * groups {
        // A depth of 0 has no sums. The rest is never so, by how rows and panels are made.
        return;
    }
    macro_rules! sum {
        ($product:literal) => {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "2:",
                "tileloadd tmm4, [{upper} + {stride}*1]",
                "tileloadd tmm6, [{panel} + {line}*1]",
                "tileloadd tmm7, [{panel} + {line}*1 + 64]",
                "tileloadd tmm5, [{lower} + {stride}*1]",
                concat!($product, " tmm0, tmm4, tmm6"),
                concat!($product, " tmm1, tmm4, tmm7"),
                concat!($product, " tmm2, tmm5, tmm6"),
                concat!($product, " tmm3, tmm5, tmm7"),
                "add {upper}, 64",
                "add {lower}, 64",
                "add {panel}, 2048",
                "dec {steps}",
                "jnz 2b",
                "tilestored [{sums} + {line}*1], tmm0",
                "tilestored [{sums} + {line}*1 + 64], tmm1",
                "tilestored [{sums} + {line}*1 + 2048], tmm2",
                "tilestored [{sums} + {line}*1 + 2112], tmm3",
                upper = inout(reg) upper.as_ptr() => _,
                lower = inout(reg) lower.as_ptr() => _,
                panel = inout(reg) panel.as_ptr() => _,
                steps = inout(reg) groups / TILE_GROUPS => _,
                sums = in(reg) &raw mut *sums,
                stride = in(reg) groups * 4,
                line = in(reg) 128_usize,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            )
        };
    }
    // SAFETY: the slices have 16 rows of `groups · 4` bytes and `groups` lines of 128 bytes, as was just checked; each step reads 64 bytes
    // of 16 rows and 16 lines, and there are `groups / 16` steps. `sums` has 32 rows of 128 bytes, of numbers that any bits are. Only
    // `Amx::multiply` calls this, with the tiles laid out.
    unsafe {
        match T::OPERANDS {
            Operands::Int8 => sum!("tdpbusd"),
            Operands::Bf16 => sum!("tdpbf16ps"),
        }
    }
}

/// Whether the machine has tiles and their products of i8 and bf16, and the system gives this process the right to use them.
#[cfg(target_os = "linux")]
fn allowed() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const REQUEST_PERMISSION: u64 = 0x1023;
    const TILE_DATA: u64 = 18;
    if !(is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw")) {
        return false;
    }
    // Leaf 7, EDX: bit 22 is AMX-BF16, bit 24 AMX-TILE, bit 25 AMX-INT8. Every machine with AVX-512 has the leaf.
    let needed = 1 << 22 | 1 << 24 | 1 << 25;
    if std::arch::x86_64::__cpuid_count(7, 0).edx & needed != needed {
        return false;
    }
    let refused: i64;
    // SAFETY: `arch_prctl` with a request for permission reads no memory; on a system that does not know it, it fails. The
    // instruction overwrites RCX and R11.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => refused,
            in("rdi") REQUEST_PERMISSION,
            in("rsi") TILE_DATA,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    refused == 0
}

/// Only Linux is known to give it.
#[cfg(not(target_os = "linux"))]
fn allowed() -> bool {
    false
}
