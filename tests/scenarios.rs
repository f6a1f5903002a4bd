//! Whole stories, told in `tests/scenarios/*.txt`: a practice CRM, a folder of cards and a sheet, people who edit them,
//! runs, and what must then be so. `world.rs` does what the lines say.

mod words;
mod world;

use std::{fs, path::Path};

use world::World;

#[tokio::test]
async fn every_scenario_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the folder of scenarios")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    assert!(files.len() >= 10, "the scenarios were not found");
    // `CARNET_SCENARIO=restored cargo test scenario` tells those alone whose names begin so.
    let wanted = std::env::var("CARNET_SCENARIO").unwrap_or_default();
    let mut failures = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a scenario");
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if !name.starts_with(&wanted) {
            continue;
        }
        if let Err(failure) = tell(&text).await {
            failures.push(format!("{name}: {failure}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// Tells one story; the error names the line that did not hold.
async fn tell(text: &str) -> Result<(), String> {
    let mut world = World::default();
    for (number, line) in text.lines().enumerate() {
        let line = line.split(" # ").next().unwrap_or(line).trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        world.step(line).await.map_err(|failure| format!("line {}: {line}\n    {failure}", number + 1))?;
    }
    Ok(())
}
