//! carnet's own server for devices, as a server among the others: what carnet's client and other programs do on those, they do
//! on this one.

use std::{path::Path, sync::Arc};

use carnet::{
    books::served::{DeviceStore, NewDevice},
    http::dav::{DavLimits, DavServer, DavSettings, hash_password},
};
use tokio::runtime::{Builder, Runtime};

use crate::server::About;

/// A server in this process, for as long as it is kept.
pub struct Own(Option<Runtime>);

impl Own {
    /// Starts it in a folder, with one device.
    pub fn start(folder: &Path) -> (Self, About) {
        let (device, password) = ("desk top", "secret");
        let store = folder.join("carnet.devices.db");
        let password_hash = hash_password(password).unwrap();
        let new = NewDevice { password_hash, ..NewDevice::of(device) };
        DeviceStore::open(&store).unwrap().add(&new, 1_800_000_000).unwrap();
        let settings = DavSettings {
            listen: "127.0.0.1:0".parse().unwrap(),
            public_url: None,
            certificate: None,
            proxies: Vec::new(),
            card_bytes_max: 16 << 20,
            limits: DavLimits::default(),
        };
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let server = runtime.block_on(async { DavServer::open(settings, store, Arc::new(|| ())) }).unwrap();
        let base = format!("http://{}/", server.address());
        runtime.spawn(server.serve());
        let about = About {
            name: "carnet".to_owned(),
            url: format!("{base}dav/desk%20top/contacts/"),
            base,
            principal: "/dav/desk%20top/".to_owned(),
            username: device.to_owned(),
            password: password.to_owned(),
            folder: None,
        };
        (Self(Some(runtime)), about)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // Requests under way end on their own threads.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
