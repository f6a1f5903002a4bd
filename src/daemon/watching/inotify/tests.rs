//! Watching real folders, with the kernel's own events.

use std::{fs, path::PathBuf};

use super::*;
use crate::books::fs::{Digest, Folder};

struct Desk {
    watcher: Watcher,
    folder: tempfile::TempDir,
}

impl Desk {
    /// A folder of cards "team" and a sheet "sheet.csv", both in "books".
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("books/team")).unwrap();
        let watcher = Self::watcher(folder.path());
        Self { watcher, folder }
    }

    fn watcher(folder: &Path) -> Watcher {
        let books = folder.join("books");
        let mut watcher = Watcher::new();
        watcher.watch(vec![
            WatchedBook { name: "team".into(), folder: books.join("team"), file: None },
            WatchedBook { name: "sheet".into(), folder: books, file: Some("sheet.csv".into()) },
        ]);
        watcher
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("books").join(name)
    }

    /// All that was seen until now.
    async fn seen(&mut self) -> Vec<Seen> {
        let mut seen = Vec::new();
        // The kernel has noted whatever happened before this call; half a renaming is waited for.
        while let Ok(one) = tokio::time::timeout(HALF_WAITED * 3, self.watcher.sees()).await {
            seen.push(one);
        }
        seen
    }

    #[track_caller]
    fn is_edit(seen: &[Seen]) {
        assert!(seen.contains(&Seen::Edit), "{seen:?}");
    }
}

#[tokio::test]
async fn others_edits_are_seen() {
    let mut desk = Desk::new();
    assert!(desk.watcher.unwatched().is_empty());
    assert_eq!(desk.seen().await, []);
    let edits: [&dyn Fn(&Desk); 8] = [
        &|desk| fs::write(desk.path("team/ada.vcf"), "x").unwrap(),
        &|desk| {
            fs::write(desk.path("team/.tmp"), "y").unwrap();
            fs::rename(desk.path("team/.tmp"), desk.path("team/ada.vcf")).unwrap();
        },
        &|desk| fs::rename(desk.path("team/ada.vcf"), desk.path("team/eve.vcf")).unwrap(),
        &|desk| fs::rename(desk.path("team/eve.vcf"), desk.folder.path().join("away")).unwrap(),
        &|desk| fs::write(desk.path("sheet.csv"), "x").unwrap(),
        &|desk| {
            fs::write(desk.path("lu7.tmp"), "y").unwrap();
            fs::rename(desk.path("lu7.tmp"), desk.path("sheet.csv")).unwrap();
        },
        // Still in sight after it was replaced.
        &|desk| fs::write(desk.path("sheet.csv"), "z").unwrap(),
        &|desk| fs::remove_file(desk.path("sheet.csv")).unwrap(),
    ];
    for (number, edit) in edits.iter().enumerate() {
        edit(&desk);
        let seen = desk.seen().await;
        assert!(seen.contains(&Seen::Edit), "edit {number}: {seen:?}");
    }
}

#[tokio::test]
async fn reading_and_what_is_no_card_is_not_seen() {
    let mut desk = Desk::new();
    fs::write(desk.path("team/ada.vcf"), "x").unwrap();
    desk.seen().await;
    fs::read(desk.path("team/ada.vcf")).unwrap();
    assert_eq!(fs::read_dir(desk.path("team")).unwrap().count(), 1);
    fs::write(desk.path("team/notes.txt"), "x").unwrap();
    fs::write(desk.path("other.csv"), "x").unwrap();
    fs::create_dir(desk.path("elsewhere")).unwrap();
    assert_eq!(desk.seen().await, []);
}

#[tokio::test]
async fn carnets_own_writes_are_not_seen() {
    let mut desk = Desk::new();
    let (team, books) = (Folder::open(&desk.path("team")).unwrap(), Folder::open(&desk.path("")).unwrap());
    for (folder, name) in [(&team, "ada.vcf"), (&books, "sheet.csv")] {
        for number in 0..200 {
            let (old, new) = (number.to_string(), (number + 1).to_string());
            let staged = folder.stage(name, new.as_bytes(), None).unwrap();
            match number {
                0 => folder.commit_new(staged),
                _ => folder.commit_over(staged, &Digest::of(old.as_bytes())),
            };
        }
        assert_eq!(desk.seen().await, [], "{name}");
        folder.remove(name, &Digest::of(b"200"));
        assert_eq!(desk.seen().await, [], "{name} is removed");
    }
}

#[tokio::test]
async fn a_folder_that_is_made_again_stays_in_sight() {
    let mut desk = Desk::new();
    for _ in 0..3 {
        fs::remove_dir_all(desk.path("team")).unwrap();
        desk.seen().await;
        fs::create_dir(desk.path("team")).unwrap();
        assert_eq!(desk.seen().await, [Seen::Folder]);
        fs::write(desk.path("team/ada.vcf"), "x").unwrap();
        Desk::is_edit(&desk.seen().await);
        // Replaced by renaming.
        fs::create_dir(desk.path("next")).unwrap();
        fs::rename(desk.path("team"), desk.path("last")).unwrap();
        fs::rename(desk.path("next"), desk.path("team")).unwrap();
        assert!(desk.seen().await.contains(&Seen::Folder));
        fs::write(desk.path("last/eve.vcf"), "x").unwrap();
        assert_eq!(desk.seen().await, [], "it is not the book's folder any more");
        fs::write(desk.path("team/eve.vcf"), "x").unwrap();
        Desk::is_edit(&desk.seen().await);
        fs::remove_dir_all(desk.path("last")).unwrap();
    }
    // The folder above as well, with all that is in it.
    fs::rename(desk.folder.path().join("books"), desk.folder.path().join("old")).unwrap();
    desk.seen().await;
    fs::create_dir(desk.path("")).unwrap();
    Desk::is_edit(&{
        desk.seen().await;
        fs::write(desk.path("sheet.csv"), "x").unwrap();
        desk.seen().await
    });
}

#[tokio::test]
async fn other_books_are_watched_and_the_same_ones_stay_in_sight() {
    let mut desk = Desk::new();
    let books = desk.watcher.books.clone();
    fs::write(desk.path("team/ada.vcf"), "x").unwrap();
    assert_eq!(desk.watcher.watch(books.clone()), Seen::Nothing);
    Desk::is_edit(&desk.seen().await);
    desk.watcher.watch(books[..1].to_vec());
    fs::write(desk.path("sheet.csv"), "x").unwrap();
    assert_eq!(desk.seen().await, []);
    // What happened while it was out of sight is looked for.
    assert_eq!(desk.watcher.watch(books), Seen::Folder);
    desk.watcher.watch(Vec::new());
    fs::write(desk.path("team/ada.vcf"), "y").unwrap();
    assert_eq!(desk.seen().await, []);
    assert!(desk.watcher.posts.is_empty());
}

#[tokio::test]
async fn a_folder_that_is_not_there_yet_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let watcher = Desk::watcher(folder.path());
    assert!(watcher.unwatched().is_empty());
    let mut desk = Desk { watcher, folder };
    fs::create_dir_all(desk.path("team")).unwrap();
    assert!(desk.seen().await.contains(&Seen::Folder));
    fs::write(desk.path("team/ada.vcf"), "x").unwrap();
    Desk::is_edit(&desk.seen().await);
}

#[test]
fn what_cannot_be_watched_has_its_reason() {
    let told = |error: Errno| reason(&error.into(), "fs.inotify.max_user_watches");
    assert_eq!(told(Errno::NOSPC), "the system watches too much already: raise fs.inotify.max_user_watches");
    assert!(told(Errno::ACCESS).starts_with("the system refuses: "));
}
