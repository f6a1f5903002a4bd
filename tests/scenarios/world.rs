//! The world of a scenario: a practice CRM over HTTP, a folder of cards, a sheet, and carnet between them.

use std::{collections::BTreeMap, fs, path::PathBuf, time::SystemTime};

use super::{
    place::Place,
    words::{
        Outcome, assignment, copied, damage, describe, in_words, is_named, lose, same, with_setting, write_private,
        write_sheet,
    },
};
use assert_cmd::Command;
use carnet::{
    app,
    config::Settings,
    mirror::Mirror,
    sandbox::{Fault, Mishap, Sandbox, SandboxSettings},
    sync::{Host, Mode, RunOptions, Stop, Summary, SyncEvent, SystemClock},
};

/// Everything there is in one story.
pub struct World {
    pub(super) folder: tempfile::TempDir,
    place: Box<dyn Place>,
    sandbox: Option<Sandbox>,
    first_id: i64,
    server: SandboxSettings,
    crm_lines: String,
    sync_lines: String,
    book_lines: String,
    pub(super) summary: Summary,
    pub(super) told: Vec<String>,
    pub(super) before: BTreeMap<PathBuf, (Vec<u8>, SystemTime)>,
    /// A card was deleted that carnet has not looked for yet.
    is_deletion_new: bool,
    /// The numbers of runs that the story does not know of.
    further_looks: Vec<i64>,
}

impl World {
    /// A world whose book `cards` is there.
    pub fn new(place: impl Place + 'static) -> Self {
        Self {
            book_lines: place.lines(),
            place: Box::new(place),
            folder: tempfile::tempdir().expect("a temporary folder"),
            sandbox: None,
            first_id: 0,
            server: SandboxSettings { per_page: 4, ..SandboxSettings::default() },
            crm_lines: "confirm_after = \"0s\"\n".to_owned(),
            sync_lines: String::new(),
            summary: Summary::default(),
            told: Vec::new(),
            before: BTreeMap::new(),
            is_deletion_new: false,
            further_looks: Vec::new(),
        }
    }

    /// Does what one line says.
    pub async fn step(&mut self, line: &str) -> Outcome {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "given" => self.given(rest).await,
            "set" => self.set(rest),
            "crm" => self.crm(rest),
            "card" => {
                self.pull()?;
                self.card(rest)?;
                self.is_deletion_new |= rest.starts_with("delete ");
                self.place.push(&self.cards())
            }
            "sheet" => self.sheet(rest),
            "sync" | "pull" | "push" | "rehearse" | "repair" => self.run(word, rest).await,
            "carnet" => self.carnet(rest),
            "beside" => self.beside(rest),
            "time" if rest == "a day" => self.a_day_passes(),
            "time" => self.time_passes(),
            "mirror" => self.mirror(rest),
            "expect" => self.expect(rest),
            other => Err(format!("no such step: {other}")),
        }
    }

    /// `given 5 contacts, latin1, lists=append, past-end=404`
    async fn given(&mut self, words: &str) -> Outcome {
        for word in words.split(',').map(str::trim) {
            describe(&mut self.server, word)?;
        }
        let sandbox = Sandbox::start(self.server.clone()).await.map_err(|error| error.to_string())?;
        let ids = sandbox.store().ids().map_err(|error| error.to_string())?;
        self.first_id = ids.first().copied().unwrap_or_default();
        self.sandbox = Some(sandbox);
        Ok(())
    }

    /// `set crm.deletes = "allow"`, `set sync.prefer = "book"`, `set book.cards.direction = "to-book"`
    fn set(&mut self, line: &str) -> Outcome {
        if let Some(line) = line.strip_prefix("crm.") {
            self.crm_lines = with_setting(&self.crm_lines, line);
        } else if let Some(line) = line.strip_prefix("sync.") {
            self.sync_lines += &format!("{line}\n");
        } else if let Some(line) = line.strip_prefix("book.cards.") {
            self.book_lines = with_setting(&self.book_lines, line);
        } else {
            return Err("expected crm.KEY, sync.KEY or book.cards.KEY".to_owned());
        }
        Ok(())
    }

    fn settings(&self) -> Result<Settings, String> {
        let url = self.sandbox().url();
        let text = format!(
            "[crm]\nurl = \"{url}\"\nusername = \"demo\"\npassword = \"demo\"\ntimeout = \"5s\"\n{}\
             [mirror]\npath = \"carnet.db\"\n[sync]\n{}[[book]]\nname = \"cards\"\n{}\
             [[book]]\nname = \"sheet\"\nkind = \"csv\"\npath = \"sheet.csv\"\n",
            self.crm_lines, self.sync_lines, self.book_lines
        );
        let path = self.folder.path().join("carnet.toml");
        write_private(&path, &text)?;
        Settings::load(Some(&path)).map_err(|error| format!("{error:?}"))
    }

    pub(super) fn sandbox(&self) -> &Sandbox {
        self.sandbox.as_ref().expect("a story begins with `given`")
    }

    pub(super) fn id(&self, word: &str) -> Result<i64, String> {
        let ids = self.sandbox().store().ids().map_err(|error| error.to_string())?;
        match word {
            "last" => ids.last().copied().ok_or_else(|| "the CRM is empty".to_owned()),
            _ => {
                let rank: usize = word.trim_start_matches('#').parse().map_err(|error| format!("{word}: {error}"))?;
                // The first contacts of a seeded CRM keep their ids: ranks stay true after a deletion.
                Ok(self.first_id + rank as i64 - 1)
            }
        }
    }

    /// A firm by its rank among those that the CRM has.
    fn firm(&self, rank: &str) -> Result<i64, String> {
        let ids = self.sandbox().store().firm_ids().map_err(|error| error.to_string())?;
        let rank: usize = rank.parse().map_err(|error| format!("{rank}: {error}"))?;
        ids.get(rank - 1).copied().ok_or_else(|| format!("there are {} firms", ids.len()))
    }

    /// `crm #2 job_title = Directrice`, `crm firm 1 = Neuf`, `crm firm delete 1`, `crm delete #2`, `crm fails POST drop-after`, `crm post <contact>...</contact>`
    fn crm(&mut self, line: &str) -> Outcome {
        let store = self.sandbox().store();
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["delete", id] => {
                store.delete(self.id(id)?).map_err(|error| error.to_string())?;
            }
            ["firm", "delete", rank] => {
                store.delete_firm(self.firm(rank)?).map_err(|error| error.to_string())?;
            }
            ["firm", rank, "=", ..] => {
                store.rename_firm(self.firm(rank)?, assignment(line)?.1).map_err(|error| error.to_string())?;
            }
            ["fails", method, mishap] => {
                let mishap: Mishap = *Mishap::ALL
                    .iter()
                    .find(|known| known.name() == *mishap)
                    .ok_or_else(|| format!("no such mishap: {mishap}"))?;
                store.fail_next(method, mishap);
            }
            ["is", "well"] => store.set_faults(Vec::new()),
            ["suffers", fault] => store.set_faults(vec![fault.parse::<Fault>().map_err(|error| error.to_string())?]),
            ["post", ..] => {
                store.post(line.trim_start_matches("post ")).map_err(|error| error.to_string())?;
            }
            [id, "put", ..] => {
                let xml = line.split_once(" put ").map(|(_, xml)| xml).unwrap_or_default();
                store.put(self.id(id)?, xml).map_err(|error| error.to_string())?;
            }
            [id, element, "=", ..] => {
                let value = assignment(line)?.1;
                store.edit(self.id(id)?, element, value).map_err(|error| error.to_string())?;
            }
            _ => return Err("expected `ID ELEMENT = VALUE`, `delete ID` or `fails METHOD MISHAP`".to_owned()),
        }
        Ok(())
    }

    fn cards(&self) -> PathBuf {
        self.folder.path().join("cards")
    }

    pub(super) fn pull(&mut self) -> Outcome {
        let folder = self.cards();
        self.place.pull(&folder)
    }

    /// The card of a contact: by its CRM id, or the file that was made under this name. `firm:1` is the card of a firm.
    pub(super) fn card_of(&self, who: &str) -> Result<PathBuf, String> {
        if let Some(rank) = who.strip_prefix("firm:") {
            let firm = self.firm(rank)?.to_string();
            let mirror =
                Mirror::open_read_only(&self.folder.path().join("carnet.db")).map_err(|error| error.to_string())?;
            let card = mirror.card_of_firm("cards", &firm).map_err(|error| error.to_string())?;
            return Ok(self.cards().join(card.ok_or("it has no card")?.remote));
        }
        if !who.starts_with('#') && who != "last" {
            return Ok(self.cards().join(format!("{who}.vcf")));
        }
        let mirror =
            Mirror::open_read_only(&self.folder.path().join("carnet.db")).map_err(|error| error.to_string())?;
        let id = self.id(who)?.to_string();
        let stored = mirror.contact_by_crm_id(&id).map_err(|error| error.to_string())?;
        let stored = stored.ok_or_else(|| format!("the mirror has no contact {id}"))?;
        let agreement = mirror.agreement("cards", stored.id).map_err(|error| error.to_string())?;
        Ok(self.cards().join(agreement.ok_or("it has no card")?.remote))
    }

    /// `card #2 TITLE:Directrice` (a line put in, or in place of the one of that name), `card #2 without TITLE`,
    /// `card delete #2`, `card files`, `card folder`, `card new NAME LINE|LINE|...`,
    /// `card rewrite #2 LINE|LINE|...` (by a program with a card of its own)
    fn card(&mut self, line: &str) -> Outcome {
        let (who, rest) = line.split_once(' ').unwrap_or((line, ""));
        match who {
            "delete" => fs::remove_file(self.card_of(rest)?).map_err(|error| error.to_string()),
            "files" => {
                // Restored from a backup: the same bytes in other files.
                for path in self.snapshot().into_keys().filter(|path| *path != self.sheet_path()) {
                    let bytes = fs::read(&path).map_err(|error| error.to_string())?;
                    fs::remove_file(&path).and_then(|()| fs::write(&path, bytes)).map_err(|error| error.to_string())?;
                }
                Ok(())
            }
            "folder" => fs::remove_dir_all(self.cards()).map_err(|error| error.to_string()),
            "rename" => {
                let (from, to) = rest.split_once(' ').ok_or("expected two names")?;
                fs::rename(self.card_of(from)?, self.card_of(to)?).map_err(|error| error.to_string())
            }
            "rewrite" => {
                let (who, lines) = rest.split_once(' ').ok_or("expected a contact and lines")?;
                let text = format!("BEGIN:VCARD\nVERSION:3.0\n{}\nEND:VCARD\n", lines.replace('|', "\n"));
                fs::write(self.card_of(who)?, text).map_err(|error| error.to_string())
            }
            "new" => {
                let (name, lines) = rest.split_once(' ').ok_or("expected a name and lines")?;
                let text = format!("BEGIN:VCARD\r\nVERSION:3.0\r\n{}\r\nEND:VCARD\r\n", lines.replace('|', "\r\n"));
                fs::create_dir_all(self.cards()).map_err(|error| error.to_string())?;
                fs::write(self.cards().join(format!("{name}.vcf")), text).map_err(|error| error.to_string())
            }
            _ => {
                let path = self.card_of(who)?;
                let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
                let name = rest.trim_start_matches("without ").split([':', ';']).next().unwrap_or_default();
                let mut lines: Vec<&str> = text.lines().filter(|line| !is_named(line, name)).collect();
                if !rest.starts_with("without ") {
                    lines.insert(lines.len() - 1, rest);
                }
                fs::write(&path, lines.join("\r\n") + "\r\n").map_err(|error| error.to_string())
            }
        }
    }

    fn sheet_path(&self) -> PathBuf {
        self.folder.path().join("sheet.csv")
    }

    pub(super) fn table(&self) -> Result<(Vec<String>, Vec<Vec<String>>), String> {
        let mut reader = csv::Reader::from_path(self.sheet_path()).map_err(|error| error.to_string())?;
        let header = reader.headers().map_err(|error| error.to_string())?.iter().map(str::to_owned).collect();
        let rows = reader.records().map(|row| row.map(|row| row.iter().map(str::to_owned).collect()));
        Ok((header, rows.collect::<Result<_, _>>().map_err(|error| error.to_string())?))
    }

    /// `sheet #2 job_title = Directrice`, `sheet delete #2`, `sheet new last_name=Durand,first_name=Ada`, `sheet copied`,
    /// `sheet restored` (from that copy), `sheet cut #2 last_name` (the line ends in that cell)
    fn sheet(&mut self, line: &str) -> Outcome {
        let copy = self.folder.path().join("copy.csv");
        if let Some((from, to)) = copied(line, (&self.sheet_path(), &copy)) {
            return fs::copy(from, to).map(drop).map_err(|error| error.to_string());
        }
        let (header, mut rows) = self.table()?;
        let column = |name: &str| header.iter().position(|held| held == name).ok_or(format!("no column {name}"));
        let id = column("id")?;
        if let Some(name) = line.strip_prefix("drop ") {
            let at = column(name)?;
            rows.iter_mut().for_each(|row| drop(row.remove(at)));
            let header = header.iter().filter(|held| *held != name).cloned().collect::<Vec<_>>();
            return write_sheet(&self.sheet_path(), &header, &rows);
        }
        if let Some(cell) = line.strip_prefix("cut ") {
            let (who, name) = cell.split_once(' ').ok_or("expected `ID COLUMN`")?;
            return self.cut_line(&format!("\"{}\",", self.id(who)?), column(name)?);
        }
        if let Some(cells) = line.strip_prefix("new ") {
            let mut row = vec![String::new(); header.len()];
            for cell in cells.split(',') {
                let (name, value) = cell.split_once('=').ok_or("expected COLUMN=VALUE")?;
                row[column(name)?] = value.to_owned();
            }
            rows.push(row);
        } else if let Some(who) = line.strip_prefix("delete ") {
            let who = self.id(who)?.to_string();
            rows.retain(|row| row[id] != who);
        } else {
            let (cell, value) = assignment(line)?;
            let (who, name) = cell.split_once(' ').ok_or("expected `ID COLUMN`")?;
            let (who, at) = (self.id(who)?.to_string(), column(name)?);
            let row = rows.iter_mut().find(|row| row[id] == who).ok_or("no such row")?;
            value.clone_into(&mut row[at]);
        }
        write_sheet(&self.sheet_path(), &header, &rows)
    }

    /// Leaves out what is behind the middle of a cell, its quotation mark included.
    fn cut_line(&self, start: &str, column: usize) -> Outcome {
        let text = fs::read_to_string(self.sheet_path()).map_err(|error| error.to_string())?;
        let line = text.lines().find(|line| line.starts_with(start)).ok_or("no such line")?;
        let kept: Vec<&str> = line.split("\",\"").take(column + 1).collect();
        let kept = kept.join("\",\"");
        let cut = text.replacen(line, kept.trim_end_matches('"'), 1);
        fs::write(self.sheet_path(), cut).map_err(|error| error.to_string())
    }

    /// `sync`, `sync => 3`, `sync force => 0`, `repair`
    async fn run(&mut self, word: &str, rest: &str) -> Outcome {
        let expected: u8 =
            rest.split_once("=>").map_or(Ok(0), |(_, code)| code.trim().parse()).map_err(|_| "a code")?;
        let options = RunOptions {
            mode: match word {
                "pull" => Mode::Pull,
                "push" => Mode::Push,
                "repair" => Mode::Rebuild,
                _ => Mode::Sync,
            },
            only: Vec::new(),
            dry_run: word == "rehearse",
            max_delete: None,
            force: rest.contains("force"),
            trigger: word.to_owned(),
        };
        self.pull()?;
        self.before = self.snapshot();
        self.sandbox().store().clear_log();
        self.told.clear();
        if self.is_deletion_new && self.place.asks_twice() {
            self.run_once(&options).await?;
            self.further_looks.push(self.summary.run);
        }
        let code = self.run_once(&options).await?;
        // What is held has not been looked for.
        self.is_deletion_new &= code == 7;
        if code == expected { Ok(()) } else { Err(format!("exit {code}; told:\n{}", self.told.join("\n"))) }
    }

    /// A run; its exit code.
    async fn run_once(&mut self, options: &RunOptions) -> Result<u8, String> {
        let settings = self.settings()?;
        let told = &mut self.told;
        let mut events = |event: SyncEvent| told.push(in_words(&event));
        let ran = match options.mode {
            Mode::Rebuild => app::repair(&settings, &Stop::new(), &mut events).await.map(|repaired| repaired.summary),
            _ => app::run(&settings, options, &Stop::new(), &mut events).await,
        };
        Ok(match ran {
            Ok(summary) => {
                self.summary = summary;
                self.summary.exit_code()
            }
            Err(error) => {
                self.told.push(error.to_string());
                error.exit_code()
            }
        })
    }

    /// The number in the mirror of a run that the story counts.
    fn run_number(&self, counted: i64) -> i64 {
        self.further_looks.iter().fold(counted, |number, look| if *look <= number { number + 1 } else { number })
    }

    /// `time passes`: writes whose answers were lost were sent, and the mirror was restored, when this boot began.
    /// So long that firms are listed again.
    fn a_day_passes(&self) -> Outcome {
        let mut mirror = Mirror::open(&self.folder.path().join("carnet.db")).map_err(|error| error.to_string())?;
        mirror.forget_fact("firms.listed_at").map_err(|error| error.to_string())
    }

    fn time_passes(&self) -> Outcome {
        let mut mirror = Mirror::open(&self.folder.path().join("carnet.db")).map_err(|error| error.to_string())?;
        let now = SystemClock.uptime().to_string();
        let long_ago = format!("{} 0.000", now.split(' ').next().unwrap_or_default());
        for mut row in mirror.outbox("crm").map_err(|error| error.to_string())? {
            row.sent_uptime.clone_from(&long_ago);
            mirror.update_outbox(&row).map_err(|error| error.to_string())?;
        }
        if mirror.fact("mirror.restored").map_err(|error| error.to_string())?.is_some() {
            mirror.set_fact("mirror.restored", &long_ago).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// `carnet conflicts resolve 1 --keep crm`, `carnet undo 2 => 3`: the program itself, on this world's settings. `#2`
    /// and `last` are CRM ids; what it prints is told.
    fn carnet(&mut self, line: &str) -> Outcome {
        let (typed, expected) = line.split_once(" =>").map_or((line, "0"), |(typed, code)| (typed, code.trim()));
        self.settings()?;
        let mut command = Command::cargo_bin("carnet").map_err(|error| error.to_string())?;
        command.env_clear().env("NO_COLOR", "1").arg("-c").arg(self.folder.path().join("carnet.toml"));
        let mut before = "";
        for word in typed.split(' ') {
            match (before, word) {
                ("undo", number) if number.parse::<i64>().is_ok() => {
                    command.arg(self.run_number(number.parse().unwrap_or_default()).to_string())
                }
                (_, "last") => command.arg(self.id(word)?.to_string()),
                _ if word.starts_with('#') => command.arg(self.id(word)?.to_string()),
                _ => command.arg(word),
            };
            before = word;
        }
        let output = command.output().map_err(|error| error.to_string())?;
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        self.told = text.lines().map(str::to_owned).collect();
        same("exit", &output.status.code().unwrap_or(-1).to_string(), &expected.to_owned())
            .map_err(|failure| format!("{failure}; told:\n{text}"))
    }

    /// `beside carnet conflicts resolve 1 --keep crm`: the same, while another carnet is at work on the mirror.
    fn beside(&mut self, line: &str) -> Outcome {
        let typed = line.strip_prefix("carnet ").ok_or("expected `beside carnet ...`")?.to_owned();
        let path = self.folder.path().join("carnet.db.lock");
        let mut lock = fd_lock::RwLock::new(fs::File::create(path).map_err(|error| error.to_string())?);
        let _held = lock.write().map_err(|error| error.to_string())?;
        self.carnet(&typed)
    }

    /// `mirror copied`, `mirror restored` (from that copy), `mirror damaged`, `mirror lost`: deleted, or never restored.
    fn mirror(&mut self, what: &str) -> Outcome {
        let copy = self.folder.path().join("copy.db");
        let settings = self.settings()?;
        match what {
            "copied" => app::backup(&settings, &copy, true).map(drop).map_err(|error| format!("{error:?}")),
            "restored" => {
                let restored = app::restore(&settings, &copy, false, &mut |_| {}).map_err(|error| error.to_string())?;
                self.told = vec![format!("{:?}", restored.doubted)];
                Ok(())
            }
            "damaged" => damage(&self.folder.path().join("carnet.db")),
            "lost" => lose(&self.folder.path().join("carnet.db")),
            other => Err(format!("no such thing of a mirror: {other}")),
        }
    }

    pub(super) fn snapshot(&self) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
        let mut files = vec![self.sheet_path()];
        files.extend(fs::read_dir(self.cards()).into_iter().flatten().flatten().map(|entry| entry.path()));
        files
            .into_iter()
            .filter_map(|path| {
                let modified = fs::metadata(&path).ok()?.modified().ok()?;
                Some((path.clone(), (fs::read(&path).ok()?, modified)))
            })
            .collect()
    }
}
