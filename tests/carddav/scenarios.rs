//! The stories of `tests/scenarios`, told with the book `cards` on a server.

#[path = "../scenarios/expect.rs"]
mod expect;
mod on_server;
#[path = "../scenarios/place.rs"]
mod place;
#[path = "../scenarios/story.rs"]
mod story;
#[path = "../scenarios/words.rs"]
mod words;
#[path = "../scenarios/world.rs"]
mod world;

use tokio::runtime::Builder;

use self::{on_server::OnServer, story::stories, world::World};
use crate::server::{self, Server};

/// The stories that are not told here, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("conflict_copy", "programs that carry folders set copies beside cards; a server has none"),
    ("folder_unmounted", "it is about the folder's marker"),
];

#[test]
fn every_scenario_holds_on_each_server() {
    let failures: Vec<String> = std::thread::scope(|scope| {
        let servers: Vec<_> = server::names().into_iter().map(|name| scope.spawn(move || on(&name))).collect();
        servers.into_iter().flat_map(|server| server.join().expect("the stories are told")).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// Tells all stories on one server; what did not hold.
fn on(name: &str) -> Vec<String> {
    let server = Server::start(name, 0);
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let told = stories().into_iter().filter(|story| LEFT_OUT.iter().all(|(left_out, _)| *left_out != story.name));
    told.filter_map(|story| {
        let world = World::new(OnServer::new(&server, &story.name));
        runtime.block_on(story.tell(world)).err().map(|failure| format!("{name}: {failure}"))
    })
    .collect()
}
