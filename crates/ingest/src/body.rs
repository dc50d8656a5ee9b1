//! A request's body: bounded on the wire, bounded unpacked, and bounded in how much it may grow while it is unpacked.
//!
//! 16 KB of zstd can hold 512 MB, so the ratio is checked per chunk and not at the end.

use std::io::{self, Read};

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Not at all.
    Identity,
    /// gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl Encoding {
    /// From the `Content-Encoding` header.
    pub(crate) fn parse(header: &str) -> Result<Encoding, BodyError> {
        match header.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Encoding::Identity),
            "gzip" | "x-gzip" => Ok(Encoding::Gzip),
            "zstd" => Ok(Encoding::Zstd),
            _ => Err(BodyError::UnknownEncoding),
        }
    }
}

/// Limits of one body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    /// Bytes unpacked.
    pub(crate) unpacked_bytes_max: usize,
    /// Unpacked bytes for each packed one.
    pub(crate) ratio_max: usize,
}

/// Small bodies of repeated text compress well past any sensible ratio; below this size the ratio says nothing.
const RATIO_FREE_BYTES: usize = 64 * 1024;

/// How much is unpacked between two looks at the limits.
const CHUNK_BYTES: usize = 64 * 1024;

/// Zstandard may ask for a window of gigabytes; 2^23 bytes are more than any sender needs.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Why a body is refused. The sentence is the answer: it tells the sender what to change.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    /// The header names a packing that we do not know.
    #[error("unknown Content-Encoding; send identity, gzip or zstd")]
    UnknownEncoding,
    /// Too large, packed or unpacked.
    #[error("the body is larger than {limit_bytes} bytes; send fewer events at once")]
    TooLarge {
        /// The limit that was passed.
        limit_bytes: usize,
    },
    /// A bomb.
    #[error("the body unpacks to more than {ratio_max} times its size; send it less compressed or in parts")]
    Bomb {
        /// The limit that was passed.
        ratio_max: usize,
    },
    /// Not what the header says.
    #[error("the body cannot be unpacked as its Content-Encoding says")]
    Corrupt,
}

/// Unpacks a body within limits. The memory used is bounded by `unpacked_bytes_max` whatever the bytes say.
pub(crate) fn unpack(packed: Vec<u8>, encoding: Encoding, limits: BodyLimits) -> Result<Vec<u8>, BodyError> {
    match encoding {
        Encoding::Identity if packed.len() > limits.unpacked_bytes_max => {
            Err(BodyError::TooLarge { limit_bytes: limits.unpacked_bytes_max })
        }
        Encoding::Identity => Ok(packed),
        Encoding::Gzip => drain(flate2::read::MultiGzDecoder::new(packed.as_slice()), packed.len(), limits),
        Encoding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(packed.as_slice()).map_err(|_| BodyError::Corrupt)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|_| BodyError::Corrupt)?;
            drain(decoder, packed.len(), limits)
        }
    }
}

fn drain(mut reader: impl Read, packed_bytes: usize, limits: BodyLimits) -> Result<Vec<u8>, BodyError> {
    let mut unpacked = Vec::new();
    loop {
        let read =
            reader.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut unpacked).map_err(|error| corrupt(&error))?;
        if read == 0 {
            return Ok(unpacked);
        }
        if unpacked.len() > limits.unpacked_bytes_max {
            return Err(BodyError::TooLarge { limit_bytes: limits.unpacked_bytes_max });
        }
        if unpacked.len() > RATIO_FREE_BYTES.max(packed_bytes.saturating_mul(limits.ratio_max)) {
            return Err(BodyError::Bomb { ratio_max: limits.ratio_max });
        }
    }
}

fn corrupt(_: &io::Error) -> BodyError {
    // What the library says may quote the body.
    BodyError::Corrupt
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const LIMITS: BodyLimits = BodyLimits { unpacked_bytes_max: 1 << 20, ratio_max: 100 };

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Bytes that hardly compress.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn gzip_and_zstd_come_back_whole() {
        let body = noise(200_000);
        assert_eq!(unpack(gzip(&body), Encoding::Gzip, LIMITS).unwrap(), body);
        let packed = zstd::stream::encode_all(body.as_slice(), 3).unwrap();
        assert_eq!(unpack(packed, Encoding::Zstd, LIMITS).unwrap(), body);
        assert_eq!(unpack(body.clone(), Encoding::Identity, LIMITS).unwrap(), body);
    }

    #[test]
    fn a_decompression_bomb_is_refused_at_the_ratio() {
        let bomb = vec![b' '; 900_000];
        assert_eq!(unpack(gzip(&bomb), Encoding::Gzip, LIMITS), Err(BodyError::Bomb { ratio_max: 100 }));
        let packed = zstd::stream::encode_all(bomb.as_slice(), 19).unwrap();
        assert_eq!(unpack(packed, Encoding::Zstd, LIMITS), Err(BodyError::Bomb { ratio_max: 100 }));
    }

    #[test]
    fn section_5_2_a_body_larger_than_the_limit_is_refused_however_it_is_packed() {
        assert_eq!(crate::Config::default().body_bytes_max, 8 << 20, "1 MB must come in, more than 8 MiB must not");
        let large = noise((1 << 20) + 1);
        for (packed, encoding) in [(large.clone(), Encoding::Identity), (gzip(&large), Encoding::Gzip)] {
            assert_eq!(unpack(packed, encoding, LIMITS), Err(BodyError::TooLarge { limit_bytes: 1 << 20 }));
        }
    }

    #[test]
    fn a_body_that_is_not_what_it_says_is_refused() {
        let mut cut = gzip(&noise(1_000));
        cut.truncate(500);
        for (packed, encoding) in
            [(cut, Encoding::Gzip), (b"[]".to_vec(), Encoding::Gzip), (b"[]".to_vec(), Encoding::Zstd)]
        {
            assert_eq!(unpack(packed, encoding, LIMITS), Err(BodyError::Corrupt));
        }
        assert_eq!(Encoding::parse("br"), Err(BodyError::UnknownEncoding));
    }
}
