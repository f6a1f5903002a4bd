//! Passwords as argon2id keeps them: hashed slowly, with a salt each (RFC 9106).

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};

/// Why a password has no hash. Reads after "failed to".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("hash the password: it is empty or longer than {PASSWORD_LEN_MAX} bytes")]
pub struct PasswordError;

/// The longest password, in bytes.
pub(super) const PASSWORD_LEN_MAX: usize = 512;

/// What a hash costs. Of the choices that OWASP's "Password Storage Cheat Sheet" calls equal, one that leaves a daemon small.
const MEMORY_KIB: u32 = 9 * 1024;
const PASSES: u32 = 4;

/// The hash of a password with a new salt, as a PHC string: argon2id, 9 MiB, four passes, which is as hard as 19 MiB and two.
///
/// # Errors
/// The password is empty or too long.
pub fn hash_password(password: &str) -> Result<String, PasswordError> {
    if password.is_empty() || password.len() > PASSWORD_LEN_MAX {
        return Err(PasswordError);
    }
    let salt = uuid::Uuid::new_v4();
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|_| PasswordError)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon2.hash_password_with_salt(password.as_bytes(), salt.as_bytes());
    hash.map(|hash: PasswordHash| hash.to_string()).map_err(|_| PasswordError)
}

/// True for the password of this hash. Takes as long for one that is not.
pub(super) fn is_password(password: &str, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_its_hash_alone() {
        let hash = hash_password("correct horse").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=9216,t=4,p=1$"), "{hash}");
        assert_ne!(hash, hash_password("correct horse").unwrap());
        assert!(is_password("correct horse", &hash));
        assert!(!is_password("correct horsf", &hash));
        assert!(!is_password("", &hash));
        assert!(!is_password("correct horse", ""));
        assert!(!is_password("correct horse", "correct horse"));
        assert_eq!(hash_password(""), Err(PasswordError));
        assert_eq!(hash_password(&"x".repeat(PASSWORD_LEN_MAX + 1)), Err(PasswordError));
    }
}
