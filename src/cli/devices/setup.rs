//! What somebody types into a device, or what its camera reads, on a terminal.

use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};
use serde_json::{Value, json};

use crate::http::dav::Setup;

/// For `--json`.
pub fn object(setup: &Setup) -> Value {
    let Setup { user, password, address } = setup;
    json!({ "type": "device_login", "user": user, "password": password, "address": address })
}

/// In words, with the QR code.
pub fn lines(setup: &Setup) -> Vec<String> {
    let server = setup.address.as_deref().unwrap_or("not known yet");
    let mut lines = vec![
        format!("server    {server}"),
        format!("user      {}", setup.user),
        format!("password  {}", setup.password),
    ];
    if let Some(code) = setup.link().and_then(|link| qr(&link)) {
        lines.push(String::new());
        lines.extend(code.lines().map(str::to_owned));
        lines.push("Android: read this with the camera and open it in DAVx5".to_owned());
    }
    lines
}

fn qr(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    // Light on dark, as most terminals are; readers take both.
    Some(code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_shown_where_there_is_an_address() {
        let shown = |address: Option<&str>| {
            let address = address.map(str::to_owned);
            lines(&Setup { user: "marie-iphone".into(), password: "abcde-fghij-kmnpq-rstuv".into(), address })
        };
        assert_eq!(shown(None)[0], "server    not known yet");
        assert_eq!(shown(None).len(), 3);
        let with_code = shown(Some("https://cards.example.com"));
        assert!(with_code.len() > 18, "{with_code:#?}");
        assert!(with_code[5].contains('█'), "{with_code:#?}");
    }
}
