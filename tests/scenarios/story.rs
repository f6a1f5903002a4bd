//! The stories as they are told, each in a world of its own.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::world::World;

/// A story of `tests/scenarios`.
pub struct Story {
    pub name: String,
    text: String,
}

/// All stories. `CARNET_SCENARIO=restored cargo test scenario` has those alone whose names begin so.
pub fn stories() -> Vec<Story> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder of scenarios")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    assert!(files.len() >= 10, "the scenarios were not found");
    let wanted = std::env::var("CARNET_SCENARIO").unwrap_or_default();
    let story = |file: &PathBuf| Story {
        name: file.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        text: fs::read_to_string(file).expect("a scenario"),
    };
    files.iter().map(story).filter(|story| story.name.starts_with(&wanted)).collect()
}

impl Story {
    /// Tells it; the error names the line that did not hold.
    pub async fn tell(&self, mut world: World) -> Result<(), String> {
        for (number, line) in self.text.lines().enumerate() {
            let line = line.split(" # ").next().unwrap_or(line).trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let told = world.step(line).await;
            told.map_err(|failure| format!("{}: line {}: {line}\n    {failure}", self.name, number + 1))?;
        }
        Ok(())
    }
}
