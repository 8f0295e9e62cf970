//! Recognises compression by a file's first bytes, and decompresses.

use std::{
    io::{self, BufRead, BufReader, Read, Seek},
    path::Path,
};

use flate2::bufread::GzDecoder;

use super::first_bytes::{self, HEAD_BYTES};

/// The largest window of a .zst file, as a power of two: what `zstd --long=27` writes (128 MiB).
const WINDOW_LOG_MAX: u32 = 27;

/// Names in an archive of what systems add to it on their own.
const ADDED: [&str; 2] = ["__MACOSX/", ".DS_Store"];

/// The compression of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstd,
    Zip,
}

impl Packing {
    /// The packing that the first bytes show.
    pub(super) fn of(head: &[u8]) -> Self {
        let zstd_skippable = head.len() > 3 && head[0] & 0xf0 == 0x50 && head[1..4] == [0x2a, 0x4d, 0x18];
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Self::Zip,
            _ if zstd_skippable => Self::Zstd,
            _ => Self::Plain,
        }
    }

    /// The packing that the name promises.
    fn promised(path: &Path) -> Self {
        match path.extension().and_then(|e| e.to_str()) {
            Some("gz" | "tgz") => Self::Gzip,
            Some("zst") => Self::Zstd,
            Some("zip") => Self::Zip,
            _ => Self::Plain,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Plain => "not compressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Zip => "zip",
        }
    }
}

/// Up to [`HEAD_BYTES`] of the beginning of a reader.
pub(super) fn head_of(reader: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    reader.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// What unpacking gave: the answer of the reader's user, or why nothing can be unpacked.
pub(super) type Unpacked<T> = Result<T, String>;

/// Hands the decompressed file to `read`, and whether it was compressed.
pub(super) fn unpack<F: Read + Seek, T>(
    path: &Path,
    mut file: F,
    buffer: usize,
    read: impl FnOnce(&mut dyn Read, bool) -> T,
) -> io::Result<Unpacked<T>> {
    let head = head_of(&mut file)?;
    file.rewind()?;
    let packing = Packing::of(&head);
    let promised = Packing::promised(path);
    if packing == Packing::Plain && promised != Packing::Plain {
        let seen = first_bytes::describe(&head);
        return Ok(Err(format!("its name says {}, but it is {seen}", promised.name())));
    }
    let file = BufReader::with_capacity(buffer, file);
    Ok(match packing {
        Packing::Plain => match first_bytes::foreign(&head) {
            Some(foreign) => Err(format!("it is {foreign}")),
            None => Ok(read(&mut { file }, false)),
        },
        Packing::Gzip => Ok(read(&mut Gzip::new(file), true)),
        Packing::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(file)?;
            decoder.window_log_max(WINDOW_LOG_MAX)?;
            Ok(read(&mut decoder, true))
        }
        Packing::Zip => unzip(file, read),
    })
}

/// Hands the one file of an archive to `read`.
fn unzip<F: Read + Seek, T>(file: F, read: impl FnOnce(&mut dyn Read, bool) -> T) -> Unpacked<T> {
    // The directory of an archive stands at its end: a truncated one has none, and nothing of it can be read.
    let mut archive = zip::ZipArchive::new(file).map_err(|error| format!("the archive cannot be read: {error}"))?;
    let mut files = Vec::new();
    for place in 0..archive.len() {
        let entry = archive.by_index_raw(place).map_err(|error| format!("the archive cannot be read: {error}"))?;
        let name = entry.name().map_or_else(|_| "a file without a readable name".into(), std::borrow::Cow::into_owned);
        if !entry.is_dir() && !ADDED.iter().any(|added| name.contains(added)) {
            files.push((place, name, entry.encrypted()));
        }
    }
    let (place, name, encrypted) = match files.as_slice() {
        [only] => only,
        [] => return Err("the archive is empty".to_owned()),
        several => {
            let names: Vec<&str> = several.iter().take(5).map(|(_, name, _)| name.as_str()).collect();
            let more = if several.len() > names.len() { ", ..." } else { "" };
            return Err(format!(
                "the archive holds {} files ({}{more}): unpack it and give the file to import",
                several.len(),
                names.join(", ")
            ));
        }
    };
    if *encrypted {
        return Err(format!("{name} in the archive is encrypted: unpack it with its password"));
    }
    let unreadable = |error: zip::result::ZipError| format!("{name} in the archive cannot be unpacked: {error}");
    let head = head_of(&mut archive.by_index(*place).map_err(unreadable)?).map_err(|error| error.to_string())?;
    if let Some(inner) = first_bytes::foreign(&head) {
        return Err(format!("{name} in the archive is {inner}"));
    }
    let mut entry = archive.by_index(*place).map_err(unreadable)?;
    Ok(read(&mut entry, true))
}

/// The members of a .gz file, one after the other. Zeros behind the last one are padding, as tapes and some tools add it.
struct Gzip<R> {
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Gzip<R> {
    fn new(input: R) -> Self {
        Self { member: Some(GzDecoder::new(input)) }
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(mut input) = self.member.take().map(GzDecoder::into_inner) else { break };
            if skip_zeros(&mut input)? {
                if input.fill_buf()?.first() != Some(&0x1f) {
                    return Err(io::Error::other("bytes that are not gzip follow the compressed data"));
                }
                self.member = Some(GzDecoder::new(input));
            }
        }
        Ok(0)
    }
}

/// Skips zeros; whether anything stands behind them.
fn skip_zeros(input: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let available = input.fill_buf()?;
        let zeros = available.iter().take_while(|&&byte| byte == 0).count();
        let (is_empty, all) = (available.is_empty(), zeros == available.len());
        input.consume(zeros);
        if is_empty || !all {
            return Ok(!is_empty);
        }
    }
}
