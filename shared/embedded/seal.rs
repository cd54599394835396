//! Sealing: what is stored can't be read, or moved to another place, without the key of the vault.
//!
//! XChaCha20-Poly1305: its nonces are long enough to be drawn at random for ever.
//! <https://datatracker.ietf.org/doc/html/draft-irtf-cfrg-xchacha>

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::sync::Arc;

use orion::hazardous::aead::xchacha20poly1305::{Nonce, SecretKey, XChaCha20Poly1305};
use orion::hazardous::mac::poly1305::POLY1305_OUTSIZE as TAG;

use super::failure::Failure;
use super::open::OpenError;
use crate::ports::random::Random;

const KEY: usize = 32;
const NONCE: usize = 24;

#[derive(Clone)]
pub(super) struct Seal {
    key: Arc<SecretKey>,
    random: Arc<dyn Random>,
}

impl Seal {
    /// Nonce, then what only the key opens. It opens only with the same `place`.
    pub(super) fn close(&self, place: &str, plain: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut whole = vec![0; NONCE + plain.len() + TAG];
        let (nonce, sealed) = whole.split_at_mut(NONCE);
        self.random.bytes(nonce);
        let nonce = Nonce::try_from(&*nonce).map_err(|_| too_large(place))?;
        XChaCha20Poly1305::seal(&self.key, &nonce, plain, Some(place.as_bytes()), sealed)
            .map_err(|_| too_large(place))?;
        Ok(whole)
    }

    pub(super) fn open(&self, place: &str, whole: &[u8]) -> Result<Vec<u8>, Failure> {
        let (nonce, sealed) = whole.split_first_chunk::<NONCE>().ok_or_else(|| damaged(place))?;
        let length = sealed.len().checked_sub(TAG).ok_or_else(|| damaged(place))?;
        let mut plain = vec![0; length];
        XChaCha20Poly1305::open(&self.key, &Nonce::from(*nonce), sealed, Some(place.as_bytes()), &mut plain)
            .map_err(|_| damaged(place))?;
        Ok(plain)
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
        Ok(Self { key: Arc::new(SecretKey::from(key)), random })
    }
}

fn too_large(place: &str) -> Failure {
    Failure::Failed(format!("{place} is too large to be sealed"))
}

fn damaged(place: &str) -> Failure {
    Failure::Damaged(format!(
        "what is stored for {place} does not open with vault.key: it was changed, or sealed with another key"
    ))
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
