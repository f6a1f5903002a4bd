//! Whole stories, told in `tests/scenarios/*.txt`: a practice CRM, a folder of cards and a sheet, people who edit them,
//! runs, and what must then be so. `world.rs` does what the lines say. `tests/carddav` tells them with the cards on a server.

mod expect;
mod folder;
mod place;
mod story;
mod words;
mod world;

use folder::Folder;
use story::stories;
use world::World;

#[tokio::test]
async fn every_scenario_holds() {
    let mut failures = Vec::new();
    for story in stories() {
        failures.extend(story.tell(World::new(Folder)).await.err());
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
