//! Passwords as argon2id keeps them: hashed slowly, with a salt each (RFC 9106).

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};

/// Why a password has no hash. Reads after "failed to".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("hash the password: it is empty or longer than {PASSWORD_LEN_MAX} bytes")]
pub struct PasswordError;

/// The longest password, in bytes.
pub(super) const PASSWORD_LEN_MAX: usize = 512;

/// The hash of a password with a new salt, as a PHC string: argon2id, 19 MiB, two passes.
///
/// # Errors
/// The password is empty or too long.
pub fn hash_password(password: &str) -> Result<String, PasswordError> {
    if password.is_empty() || password.len() > PASSWORD_LEN_MAX {
        return Err(PasswordError);
    }
    let salt = uuid::Uuid::new_v4();
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), salt.as_bytes());
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
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
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
