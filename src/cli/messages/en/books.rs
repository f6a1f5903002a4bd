//! What is said of books on servers.

/// What a server does not keep as it is sent.
pub fn alters(words: &[String]) -> String {
    format!("the server does not keep as sent: {}; carnet does", words.join(", "))
}

/// What came of the throwaway card of `carnet check --write`.
pub fn tried_writing(words: &[String]) -> String {
    let done = "a throwaway card was made, read back, changed and removed";
    match words.is_empty() {
        true => format!("{done}; the server keeps what it is sent"),
        false => format!("{done}; {}", alters(words)),
    }
}
