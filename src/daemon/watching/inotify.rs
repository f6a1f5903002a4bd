//! Watching by the kernel's inotify.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::Path,
    time::Duration,
};

use rustix::{
    fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags},
    io::Errno,
};
use tokio::io::unix::AsyncFd;

use super::{
    Seen,
    sight::{Happened, Names, Sight},
};
use crate::{app::WatchedBook, daemon::descriptor::watched};

/// The second half of a renaming comes within this, if it comes.
const HALF_WAITED: Duration = Duration::from_millis(50);
/// Room for so many bytes of events at a time.
const BUFFER: usize = 16 * 1024;

/// File systems whose other machines' writes the kernel does not see, by the number that statfs(2) gives.
const NETWORK: [(u64, &str); 8] = [
    (0x6969, "nfs"),
    (0xFF53_4D42, "cifs"),
    (0xFE53_4D42, "smb"),
    (0x517B, "smb"),
    (0x6573_5546, "fuse"),
    (0x0102_1997, "9p"),
    (0x00C3_6400, "ceph"),
    (0x7673_7366, "vboxsf"),
];

/// Watches books.
#[derive(Debug)]
pub struct Watcher {
    books: Vec<WatchedBook>,
    queue: Option<AsyncFd<OwnedFd>>,
    /// What each watched folder is there for, by the kernel's number for it.
    posts: BTreeMap<i32, Vec<Post>>,
    /// The kernel's number of the folder of each book that is there.
    folders: BTreeMap<String, i32>,
    /// Folders that came into sight just now, perhaps between the two halves of a renaming.
    fresh: BTreeSet<i32>,
    unwatched: BTreeMap<String, String>,
    sight: Sight,
    buffer: Box<[MaybeUninit<u8>]>,
}

/// What a folder is watched for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Post {
    /// A book is in it.
    Book(Names),
    /// A book's folder, or one on the way to it, is or will be in it under this name.
    Door(Vec<u8>),
}

impl Watcher {
    /// Watches nothing yet.
    pub fn new() -> Self {
        Self {
            books: Vec::new(),
            queue: None,
            posts: BTreeMap::new(),
            folders: BTreeMap::new(),
            fresh: BTreeSet::new(),
            unwatched: BTreeMap::new(),
            sight: Sight::default(),
            buffer: vec![MaybeUninit::uninit(); BUFFER].into_boxed_slice(),
        }
    }

    /// Watches these books from now on; those that were watched before do not get out of sight. Needs a runtime.
    pub fn watch(&mut self, books: Vec<WatchedBook>) -> Seen {
        self.books = books;
        if self.queue.is_none() && !self.books.is_empty() {
            let queue = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).map_err(io::Error::from);
            match queue.and_then(watched) {
                Ok(queue) => self.queue = Some(queue),
                Err(error) => {
                    let why = reason(&error, "fs.inotify.max_user_instances");
                    self.unwatched = self.books.iter().map(|book| (book.name.clone(), why.clone())).collect();
                }
            }
        }
        self.look_again()
    }

    /// The books whose edits are not all seen, and why.
    pub fn unwatched(&self) -> &BTreeMap<String, String> {
        &self.unwatched
    }

    /// Looks where the books' folders are now.
    pub fn look_again(&mut self) -> Seen {
        let Some(queue) = &self.queue else { return Seen::Nothing };
        let (mut posts, mut folders) = (BTreeMap::<i32, Vec<Post>>::new(), BTreeMap::new());
        let mut unwatched = BTreeMap::new();
        for book in &self.books {
            let placed = place(queue, book, &mut |number, post| {
                let held = posts.entry(number).or_default();
                if !held.contains(&post) {
                    held.push(post);
                }
            });
            match placed {
                Ok(folder) => {
                    folders.extend(folder.map(|folder| (book.name.clone(), folder)));
                    let other = folder.and_then(|_| network(&book.folder));
                    unwatched.extend(other.map(|why| (book.name.clone(), why)));
                }
                Err(error) => {
                    unwatched.insert(book.name.clone(), reason(&error, "fs.inotify.max_user_watches"));
                }
            }
        }
        for number in self.posts.keys().filter(|number| !posts.contains_key(number)) {
            // It is gone already where its folder is.
            let _ = inotify::remove_watch(queue, *number);
        }
        self.fresh.extend(posts.keys().filter(|number| !self.posts.contains_key(number)));
        let is_another = folders.iter().any(|(book, folder)| self.folders.get(book) != Some(folder));
        (self.posts, self.folders, self.unwatched) = (posts, folders, unwatched);
        if is_another { Seen::Folder } else { Seen::Nothing }
    }

    /// Ends when something was seen that may matter.
    pub async fn sees(&mut self) -> Seen {
        loop {
            let Some(queue) = &self.queue else { return std::future::pending().await };
            let readable = if self.sight.is_open() {
                match tokio::time::timeout(HALF_WAITED, queue.readable()).await {
                    Ok(readable) => readable,
                    Err(_) => {
                        self.sight.close();
                        return Seen::Edit;
                    }
                }
            } else {
                queue.readable().await
            };
            let Ok(mut readable) = readable else { return std::future::pending().await };
            readable.clear_ready();
            drop(readable);
            let seen = self.read();
            if seen != Seen::Nothing {
                return seen;
            }
        }
    }

    /// Reads what the kernel has noted.
    fn read(&mut self) -> Seen {
        let Some(queue) = &self.queue else { return Seen::Nothing };
        let (mut edited, mut moved) = (false, false);
        let mut events = Reader::new(queue, &mut self.buffer);
        loop {
            let event = match events.next() {
                Ok(event) => event,
                Err(Errno::INTR) => continue,
                // Nothing more for now.
                Err(_) => break,
            };
            let flags = event.events();
            // Too much at once for the kernel: anything may have happened.
            edited |= flags.contains(ReadFlags::QUEUE_OVERFLOW);
            moved |= flags.intersects(ReadFlags::QUEUE_OVERFLOW | ReadFlags::IGNORED | ReadFlags::UNMOUNT);
            moved |= flags.intersects(ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF);
            let (Some(posts), Some(name)) = (self.posts.get(&event.wd()), event.file_name()) else { continue };
            let is_first = self.fresh.remove(&event.wd());
            let happened = if flags.contains(ReadFlags::MOVED_FROM) {
                Happened::From(event.cookie())
            } else if flags.contains(ReadFlags::MOVED_TO) {
                Happened::To(event.cookie())
            } else {
                Happened::Changed
            };
            // carnet's own, whose first half was before. Somebody else's folder is looked at as a whole anyway.
            let is_half = is_first && matches!(happened, Happened::To(number) if !self.sight.knows(number));
            for post in posts {
                match post {
                    Post::Book(_) if is_half => {}
                    Post::Book(names) => edited |= self.sight.edited(names, name.to_bytes(), happened),
                    Post::Door(wanted) => moved |= wanted == name.to_bytes() && flags.contains(ReadFlags::ISDIR),
                }
            }
        }
        let folder = if moved { self.look_again() } else { Seen::Nothing };
        if edited { Seen::Edit } else { folder }
    }
}

/// Watches a book's folder and the one above it, or, while it is not there, the nearest one above that is. The kernel's number
/// of the book's own folder, if it is there.
fn place(
    queue: &AsyncFd<OwnedFd>,
    book: &WatchedBook,
    post: &mut dyn FnMut(i32, Post),
) -> Result<Option<i32>, io::Error> {
    let itself = WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF | WatchFlags::ONLYDIR;
    let written = WatchFlags::CREATE | WatchFlags::MODIFY | WatchFlags::CLOSE_WRITE;
    let all = itself | written | WatchFlags::DELETE | WatchFlags::MOVE;
    // The folder above may be a busy one, such as /tmp. What goes from it tells of that itself.
    let arrivals = itself | WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::MASK_ADD;
    let watch = |folder: &Path, flags: WatchFlags| match inotify::add_watch(queue, folder, flags) {
        Ok(number) => Ok(Some(number)),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(error) => Err(io::Error::from(error)),
    };
    let own = watch(&book.folder, all)?;
    if let Some(own) = own {
        let names = book.file.as_ref().map_or(Names::Cards, |file| Names::File(file.as_bytes().to_vec()));
        post(own, Post::Book(names));
    }
    for folder in book.folder.ancestors() {
        let (Some(above), Some(name)) = (folder.parent(), folder.file_name()) else { break };
        // Where the one above may not be looked into, the book's own folder is in sight all the same.
        if let Some(number) =
            watch(above, arrivals).or_else(|error| if own.is_some() { Ok(None) } else { Err(error) })?
        {
            post(number, Post::Door(name.as_bytes().to_vec()));
            break;
        }
    }
    Ok(own)
}

/// Why edits of a folder are not all seen; none where they are.
fn network(folder: &Path) -> Option<String> {
    let kind = rustix::fs::statfs(folder).ok()?.f_type;
    // As wide as the processor's words, with or without a sign.
    let (_, name) = NETWORK.iter().find(|(number, _)| i128::from(*number) == i128::from(kind) & 0xFFFF_FFFF)?;
    Some(format!("it is on a network disk ({name}): only edits of this machine are seen at once"))
}

fn reason(error: &io::Error, limit: &str) -> String {
    match Errno::from_io_error(error) {
        Some(Errno::NOSPC | Errno::MFILE | Errno::NFILE) => {
            format!("the system watches too much already: raise {limit}")
        }
        _ => format!("the system refuses: {error}"),
    }
}

#[cfg(test)]
mod tests;
