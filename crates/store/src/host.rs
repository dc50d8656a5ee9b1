//! The ClickHouse engine inside a process of its own: `libchdb.so` is the real engine as a shared library.
//!
//! Its C function `query_stable_v2(argc, argv)` *is* `clickhouse local`: it serves HTTP and the native protocol until its stdin closes.
//! It runs in a child process of our own binary (`daylight clickhouse-host`), never in the process that does the work: a crash of half
//! a gigabyte of foreign code must not be a crash of ours. This file is the only one of the crate that calls foreign code.

use std::ffi::{CString, OsString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The function of the library that is `clickhouse local`.
const ENTRY_POINT: &[u8] = b"query_stable_v2\0";

/// `argv[0]`: the engine reads from it which of its tools it is.
const PROGRAM_NAME: &str = "clickhouse-local";

/// Why the engine could not be run in this process. None of these goes away by trying again.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The file is not there.
    #[error(
        "the ClickHouse library {path} does not exist; run `make stack`, or point DAYLIGHT_STACK at a folder that holds it"
    )]
    LibraryMissing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The loader refused it, or it is another library.
    #[error(
        "the ClickHouse library {path} cannot be loaded; it may be cut short or for another machine: run `make stack` again"
    )]
    LibraryUnusable {
        /// What was loaded.
        path: PathBuf,
        /// What the loader says.
        #[source]
        source: libloading::Error,
    },
    /// An argument that C cannot take.
    #[error("an argument for the ClickHouse engine holds a zero byte: {argument:?}")]
    BadArgument {
        /// The argument.
        argument: OsString,
    },
}

/// Runs the engine in this process with the arguments of `clickhouse local` (see `engine_arguments`) and returns when it has ended: when
/// this process's stdin is closed, or when the engine could not start (its own words are then on stderr).
///
/// # Errors
/// `HostError` when the library cannot be called at all.
pub fn serve(library: &Path, arguments: impl IntoIterator<Item = OsString>) -> Result<(), HostError> {
    if !library.is_file() {
        return Err(HostError::LibraryMissing { path: library.to_path_buf() });
    }
    let arguments = c_arguments(arguments)?;
    let mut pointers: Vec<*mut c_char> = arguments.iter().map(|argument| argument.as_ptr().cast_mut()).collect();
    let count = c_int::try_from(pointers.len()).unwrap_or(c_int::MAX);
    pointers.push(std::ptr::null_mut());
    call(library, count, &mut pointers)
        .map_err(|source| HostError::LibraryUnusable { path: library.to_path_buf(), source })
}

/// The program's name and the arguments, as C wants them.
fn c_arguments(arguments: impl IntoIterator<Item = OsString>) -> Result<Vec<CString>, HostError> {
    std::iter::once(OsString::from(PROGRAM_NAME))
        .chain(arguments)
        .map(|argument| {
            CString::new(argument.clone().into_vec()).map_err(|_zero_byte| HostError::BadArgument { argument })
        })
        .collect()
}

/// Loads the library and calls its entry point. The result that it allocates is left to the end of the process, which is near.
#[expect(unsafe_code, reason = "the engine is a C function in a shared library; there is no other door to it")]
fn call(library: &Path, count: c_int, pointers: &mut [*mut c_char]) -> Result<(), libloading::Error> {
    type Query = unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut c_void;
    // SAFETY: loading runs the library's initialisers. It is ClickHouse's own build, checked against a committed hash when it was
    // fetched, in a process that does nothing else.
    let library = unsafe { libloading::Library::new(library)? };
    // SAFETY: the signature is the one of chdb.h: `struct local_result_v2 * query_stable_v2(int argc, char ** argv)`; the result is
    // a pointer that we do not look into.
    let query = unsafe { library.get::<Query>(ENTRY_POINT)? };
    // SAFETY: `pointers` holds `count` zero-terminated texts and a null pointer, all alive until the call returns; the engine copies
    // them and does not write to them.
    unsafe { query(count, pointers.as_mut_ptr()) };
    // The engine's threads may still run its code: unloading it under them would crash.
    std::mem::forget(library);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_library_is_named_with_the_command_that_brings_it() {
        let error = serve(Path::new("/nowhere/libchdb.so"), []).unwrap_err();
        assert!(error.to_string().contains("/nowhere/libchdb.so"), "{error}");
        assert!(error.to_string().contains("make stack"), "{error}");
    }

    #[test]
    fn an_argument_with_a_zero_byte_is_refused() {
        let error = c_arguments([OsString::from("a\0b")]).unwrap_err();
        assert!(matches!(error, HostError::BadArgument { .. }), "{error}");
    }
}
