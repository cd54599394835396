//! Sealing: what is stored can't be read, or moved to another place, without the key of the vault.
//!
//! XChaCha20-Poly1305: its nonces are long enough to be drawn at random for ever.
//! <https://datatracker.ietf.org/doc/html/draft-irtf-cfrg-xchacha>

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::sync::Arc;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use super::failure::Failure;
use super::open::OpenError;
use crate::ports::random::Random;

const KEY: usize = 32;
const NONCE: usize = 24;

#[derive(Clone)]
pub(super) struct Seal {
    cipher: Arc<XChaCha20Poly1305>,
    random: Arc<dyn Random>,
}

impl Seal {
    /// Nonce, then what only the key opens. It opens only with the same `place`.
    pub(super) fn close(&self, place: &str, plain: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut nonce = [0; NONCE];
        self.random.bytes(&mut nonce);
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: place.as_bytes() })
            .map_err(|_| Failure::Failed(format!("{place} is too large to be sealed")))?;
        let mut whole = Vec::with_capacity(NONCE + sealed.len());
        whole.extend_from_slice(&nonce);
        whole.extend_from_slice(&sealed);
        Ok(whole)
    }

    pub(super) fn open(&self, place: &str, whole: &[u8]) -> Result<Vec<u8>, Failure> {
        let damaged = || {
            Failure::Damaged(format!(
                "what is stored for {place} does not open with vault.key: it was changed, or sealed with another key"
            ))
        };
        let (nonce, sealed) = whole.split_first_chunk::<NONCE>().ok_or_else(damaged)?;
        self.cipher
            .decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: place.as_bytes() })
            .map_err(|_| damaged())
    }

    /// With the key in that file. It is made where nothing was ever sealed (`may_make`), for its owner's eyes only.
    pub(super) fn with_key_file(
        file: &Path,
        may_make: bool,
        random: Arc<dyn Random>,
    ) -> Result<Self, OpenError> {
        let key = match read_key(file)? {
            Some(key) => key,
            None if may_make => make_key(file, &*random)?,
            None => return Err(OpenError::KeyMissing { file: file.to_owned() }),
        };
        Ok(Self { cipher: Arc::new(XChaCha20Poly1305::new(&key.into())), random })
    }
}

fn read_key(file: &Path) -> Result<Option<[u8; KEY]>, OpenError> {
    let unreadable = |source| OpenError::io("read", file, source);
    let mut opened = match OpenOptions::new().read(true).open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = opened.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(OpenError::KeyTooOpen { file: file.to_owned(), mode });
        }
    }
    let mut content = Vec::new();
    opened.read_to_end(&mut content).map_err(unreadable)?;
    let length = content.len();
    content.try_into().map(Some).map_err(|_| OpenError::KeyDamaged { file: file.to_owned(), length })
}

fn make_key(file: &Path, random: &dyn Random) -> Result<[u8; KEY], OpenError> {
    let unwritable = |source| OpenError::io("write", file, source);
    let mut key = [0; KEY];
    random.bytes(&mut key);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut opened = options.open(file).map_err(unwritable)?;
    opened.write_all(&key).and_then(|()| opened.sync_all()).map_err(unwritable)?;
    // The name of the file must outlive a power cut as surely as what will be sealed with it.
    #[cfg(unix)]
    if let Some(directory) = file.parent() {
        std::fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(unwritable)?;
    }
    Ok(key)
}
