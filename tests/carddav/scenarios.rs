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

/// The stories that are not told here: on which server, and why.
const LEFT_OUT: &[(&str, &str, &str)] = &[
    ("conflict_copy", ANY, "programs that carry folders set copies beside cards; a server has none"),
    ("folder_unmounted", ANY, "it is about the folder's marker"),
    ("card_saved_by_its_program", "radicale", "it expects lines in their order, and this server sorts them"),
    ("card_line_taken_out", "cyrus", RESPELLS),
    ("card_line_taken_out", "davical", RESPELLS),
    ("card_line_taken_out", "sogo", RESPELLS),
];
const ANY: &str = "";
const RESPELLS: &str = "a card of carnet's own comes back in the server's spelling: it might be a program's that never writes \
                        the line, and nothing is removed until one has written such a line";

fn is_left_out(story: &str, server: &str) -> bool {
    LEFT_OUT.iter().any(|(name, on, _)| *name == story && server.starts_with(on))
}

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
    let told = stories().into_iter().filter(|story| !is_left_out(&story.name, name));
    told.filter_map(|story| {
        let world = World::new(OnServer::new(&server, &story.name));
        runtime.block_on(story.tell(world)).err().map(|failure| format!("{name}: {failure}"))
    })
    .collect()
}
