//! Devices that carnet serves, beside a folder of cards: what a device writes over a card that has changed since it saw it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use carnet::{
    books::{
        served::{Condition, Counts, Deleted, DeviceId, DeviceStore, NewDevice, Put, Served},
        vdir::{BookSettings, Vdir},
    },
    formats::vcard::WriteStyle,
    mirror::Mirror,
    reconcile::{Limit, Prefer, Winner},
    sync::{
        Direction, FirmPolicy, Mode, Participant, RunInputs, RunOptions, RunPolicy, Stop, Summary, SyncEvent,
        SystemClock, run_on,
    },
};

/// A folder with two cards, and a telephone.
struct World {
    dir: tempfile::TempDir,
    store: DeviceStore,
    phone: DeviceId,
    direction: Direction,
    told: Vec<SyncEvent>,
}

const ADA: &str = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:ada-1\r\nN:Roux;Ada;;;\r\nFN:Ada Roux\r\nTITLE:CEO\r\nNOTE:old\r\nTEL;TYPE=WORK:01 99 00 00 01\r\nEND:VCARD\r\n";
/// The name of her card on the telephone.
const CARD: &str = "ada-1.vcf";

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut store = DeviceStore::open(&dir.path().join("carnet.devices.db")).unwrap();
        let phone = store.add(&NewDevice::of("phone"), 0).unwrap();
        fs::create_dir(dir.path().join("team")).unwrap();
        let mut world = Self { dir, store, phone, direction: Direction::TwoWay, told: Vec::new() };
        fs::write(world.file(), ADA).unwrap();
        let other = ADA.replace("ada-1", "bob-1").replace("Ada", "Bob").replace("Roux", "Blanc");
        fs::write(dir_of(&world.file()).join("bob.vcf"), other.replace("99", "98")).unwrap();
        world.run();
        assert!(world.get().contains("TITLE:CEO"));
        world
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("team").join("ada.vcf")
    }

    fn run(&mut self) -> Summary {
        let path = |name: &str| self.dir.path().join(name);
        let settings = BookSettings { name: "team".into(), path: path("team"), style: WriteStyle::default() };
        let store = DeviceStore::open(&path("carnet.devices.db")).unwrap();
        let served = Served::new("phone", self.phone, WriteStyle::default(), store);
        let phone = Participant::new("phone", Box::new(served), Winner::Here);
        let phone = Participant { direction: self.direction, ..phone };
        let team = Participant::new("team", Box::new(Vdir::new(settings)), Winner::There);
        let mut mirror = Mirror::open(&path("carnet.db")).unwrap();
        let inputs = RunInputs::new(&mut mirror, vec![team, phone], "a".to_owned());
        let policy = RunPolicy {
            firms: FirmPolicy::Off,
            max_delete: Limit::Percent(100),
            force: false,
            dry_run: false,
            confirm_after: Duration::from_secs(60),
            settle_after: Duration::from_secs(20),
            prefer: Prefer::Crm,
            account: "demo".to_owned(),
        };
        let options = RunOptions {
            mode: Mode::Sync,
            only: Vec::new(),
            dry_run: false,
            max_delete: None,
            force: false,
            trigger: "test".to_owned(),
        };
        self.told.clear();
        let mut events = |event| self.told.push(event);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(run_on(inputs, policy, &options, (&SystemClock, &Stop::new()), &mut events)).unwrap()
    }

    /// The card as the telephone fetches it.
    fn get(&mut self) -> String {
        let card = self.store.card(self.phone, CARD).unwrap().expect("a card");
        String::from_utf8(card.body).unwrap()
    }

    fn put(&mut self, text: &str) -> Put {
        self.store.put(self.phone, CARD, "ada-1", text.as_bytes(), &Condition::None).unwrap()
    }

    /// Somebody edits the card in the folder.
    fn team_edits(&self, edits: &[(&str, &str)]) {
        fs::write(self.file(), edited(&self.team(), edits)).unwrap();
    }

    fn team(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    /// What the mirror's conflicts remember.
    fn conflicts(&self) -> Vec<(String, String)> {
        let mirror = Mirror::open_read_only(&self.dir.path().join("carnet.db")).unwrap();
        let mut select = mirror.connection().prepare("SELECT here, there FROM conflicts ORDER BY id").unwrap();
        let text =
            |row: &rusqlite::Row<'_>, column| row.get::<_, Option<String>>(column).map(Option::unwrap_or_default);
        let rows = select.query_map([], |row| Ok((text(row, 0)?, text(row, 1)?))).unwrap();
        rows.map(rusqlite::Result::unwrap).collect()
    }

    fn counts(&self) -> Counts {
        self.store.counts(self.phone).unwrap()
    }
}

fn dir_of(file: &Path) -> &Path {
    file.parent().expect("a folder")
}

fn edited(text: &str, edits: &[(&str, &str)]) -> String {
    edits.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from} is in {text}");
        text.replace(from, to)
    })
}

/// The lines that matter, in order of the alphabet.
fn lines(card: &str) -> Vec<String> {
    let kept = ["TITLE", "NOTE", "TEL"];
    let mut lines: Vec<String> = card
        .lines()
        .filter(|line| kept.iter().any(|name| line.starts_with(name)))
        .map(|line| line.replace("TEL;TYPE=WORK,VOICE:", "TEL;TYPE=WORK:"))
        .collect();
    lines.sort();
    lines
}

/// The telephone has fetched the card; the folder's card is edited and a run carries that to the telephone, which does not
/// look; it writes what it shows with an edit of its own, and a run reconciles it.
fn check(team: &[(&str, &str)], phone: &[(&str, &str)], expected: &[&str], conflicts: &[(&str, &str)]) {
    let mut world = World::new();
    let shown = world.get();
    world.team_edits(team);
    world.run();
    world.put(&edited(&shown, phone));
    world.run();
    let case = format!("{team:?} {phone:?}");
    assert_eq!(lines(&world.get()), expected, "on the telephone: {case}");
    assert_eq!(lines(&world.team()), expected, "in the folder: {case}");
    let told = world.conflicts();
    let told: Vec<(&str, &str)> = told.iter().map(|(here, there)| (here.as_str(), there.as_str())).collect();
    assert_eq!(told, conflicts, "{case}");
    let counter = world.store.look(world.phone).unwrap().counter;
    world.run();
    assert_eq!(world.store.look(world.phone).unwrap().counter, counter, "a second run writes nothing: {case}");
    assert_eq!(world.counts(), Counts { cards: 2, waiting: 0 });
}

const TEL: &str = "TEL;TYPE=WORK:01 99 00 00 01";

#[test]
fn a_write_over_a_card_that_was_not_seen_undoes_nothing() {
    let title = ("TITLE:CEO", "TITLE:CTO");
    check(&[title], &[("NOTE:old", "NOTE:mine")], &["NOTE:mine", TEL, "TITLE:CTO"], &[]);
    // It writes just what it shows.
    check(&[title], &[("FN:Ada Roux", "FN:Ada Roux\r\nX-ODD:1")], &["NOTE:old", TEL, "TITLE:CTO"], &[]);
    check(&[title], &[("NOTE:old\r\n", "")], &[TEL, "TITLE:CTO"], &[]);
    check(&[("NOTE:old\r\n", "")], &[("TITLE:CEO", "TITLE:mine")], &[TEL, "TITLE:mine"], &[]);
    // Both changed it.
    check(&[title], &[("TITLE:CEO", "TITLE:mine")], &["NOTE:old", TEL, "TITLE:CTO"], &[("CTO", "mine")]);
    check(&[title], &[("TITLE:CEO", "TITLE:CTO")], &["NOTE:old", TEL, "TITLE:CTO"], &[]);
    let number = |number: u8| format!("TEL;TYPE=WORK:01 99 00 00 0{number}");
    let (second, third) = (number(2), number(3));
    let added = |line: &str| format!("{line}\r\nEND:VCARD");
    check(
        &[("END:VCARD", &added(&second))],
        &[("END:VCARD", &added(&third))],
        &["NOTE:old", TEL, &second, &third, "TITLE:CEO"],
        &[],
    );
    check(
        &[("01 99 00 00 01", "01 99 00 00 02")],
        &[("NOTE:old", "NOTE:mine")],
        &["NOTE:mine", &second, "TITLE:CEO"],
        &[],
    );
}

#[test]
fn a_write_whose_answer_was_lost_is_sent_again_and_undoes_nothing() {
    let mut world = World::new();
    let mine = edited(&world.get(), &[("NOTE:old", "NOTE:mine")]);
    assert!(matches!(world.put(&mine), Put::Replaced { .. }));
    assert!(matches!(world.put(&mine), Put::Same { .. }));
    world.run();
    world.team_edits(&[("TITLE:CEO", "TITLE:CTO")]);
    world.run();
    // It has not looked since.
    world.put(&mine);
    world.run();
    world.put(&mine);
    world.put(&edited(&mine, &[("NOTE:mine", "NOTE:later")]));
    world.run();
    assert_eq!(lines(&world.get()), ["NOTE:later", TEL, "TITLE:CTO"]);
    assert_eq!(lines(&world.team()), ["NOTE:later", TEL, "TITLE:CTO"]);
    assert_eq!(world.conflicts(), []);
}

#[test]
fn who_has_seen_the_change_may_take_it_back() {
    let mut world = World::new();
    world.team_edits(&[("TITLE:CEO", "TITLE:CTO")]);
    world.run();
    let seen = world.get();
    world.put(&edited(&seen, &[("TITLE:CTO", "TITLE:Chief")]));
    world.run();
    assert_eq!(lines(&world.team()), ["NOTE:old", TEL, "TITLE:Chief"]);
    assert_eq!(world.conflicts(), []);
}

#[test]
fn what_the_telephone_wrote_stays_as_it_wrote_it() {
    let mut world = World::new();
    let odd = "item1.URL:https://a.example/x\r\nitem1.X-ABLabel:_$!<HomePage>!$_\r\nX-PHONE;a=b:c\\,d\r\nPHOTO;ENCODING=b;TYPE=JPEG:AAAA\r\nEND:VCARD";
    let mine = edited(&world.get(), &[("END:VCARD", odd)]);
    world.put(&mine);
    world.run();
    assert_eq!(world.get(), mine);
    world.team_edits(&[("TITLE:CEO", "TITLE:CTO")]);
    world.run();
    let (now, meant) = (world.get(), edited(&mine, &[("TITLE:CEO", "TITLE:CTO")]));
    let bare = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.starts_with("REV")).map(str::to_owned).collect()
    };
    assert_eq!(bare(&now), bare(&meant));
}

#[test]
fn a_card_that_changed_since_it_was_seen_outlives_its_deletion() {
    for (changed, seen, kept) in [(true, false, true), (true, true, false), (false, false, false)] {
        let mut world = World::new();
        if changed {
            world.team_edits(&[("TITLE:CEO", "TITLE:CTO")]);
        }
        world.run();
        if seen {
            world.get();
        }
        assert_eq!(world.store.delete(world.phone, CARD, &Condition::None).unwrap(), Deleted::Gone);
        world.run();
        assert_eq!(world.file().exists(), kept, "{changed} {seen}");
        assert_eq!(world.store.member(world.phone, CARD).unwrap().is_some(), kept, "{changed} {seen}");
        if kept {
            assert!(world.get().contains("TITLE:CTO"));
        }
        world.run();
        assert_eq!(world.counts(), Counts { cards: 1 + u64::from(kept), waiting: 0 });
    }
}

#[test]
fn a_card_that_cannot_be_read_stops_nobody() {
    let mut world = World::new();
    let group = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:g\r\nN:All;;;;\r\nFN:All\r\nX-ADDRESSBOOKSERVER-KIND:group\r\nX-ADDRESSBOOKSERVER-MEMBER:urn:uuid:ada-1\r\nEND:VCARD\r\n";
    let bad = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:bad.vcf\r\nFN:Cleo\r\nN:Cleo;;;;\r\n";
    let dan = ADA.replace("ada-1", "dan-1").replace("Ada", "Dan").replace("01 99 00 00 01", "01 99 00 00 07");
    let put = |world: &mut World, name: &str, text: &str| {
        let put = world.store.put(world.phone, name, name, text.as_bytes(), &Condition::NoneMatchAny).unwrap();
        assert!(matches!(put, Put::Created { .. }));
    };
    put(&mut world, "g.vcf", group);
    put(&mut world, "bad.vcf", bad);
    put(&mut world, "dan.vcf", &dan);
    for _ in 0..3 {
        world.run();
        let problems = world.told.iter().filter(|event| matches!(event, SyncEvent::Problem { .. })).count();
        assert_eq!(problems, 1, "{:?}", world.told);
    }
    assert_eq!(fs::read_dir(world.dir.path().join("team")).unwrap().count(), 4, "Ada, Bob, Dan and the marker");
    for (name, text) in [("g.vcf", group), ("bad.vcf", bad)] {
        assert_eq!(world.store.card(world.phone, name).unwrap().unwrap().body, text.as_bytes(), "{name}");
    }
    let mended = format!("{bad}END:VCARD\r\n");
    world.store.put(world.phone, "bad.vcf", "bad.vcf", mended.as_bytes(), &Condition::None).unwrap();
    world.run();
    assert_eq!(fs::read_dir(world.dir.path().join("team")).unwrap().count(), 5);
}

#[test]
fn a_list_for_reading_gets_its_cards_back() {
    let mut world = World::new();
    world.direction = Direction::ToReplica;
    let shown = world.get();
    world.team_edits(&[("TITLE:CEO", "TITLE:CTO")]);
    world.run();
    world.put(&edited(&shown, &[("NOTE:old", "NOTE:mine")]));
    world.run();
    assert_eq!(lines(&world.team()), ["NOTE:old", TEL, "TITLE:CTO"]);
    assert!(world.get().contains("TITLE:CTO"));
    world.store.delete(world.phone, CARD, &Condition::None).unwrap();
    world.run();
    assert!(world.get().contains("TITLE:CTO"));
}

#[test]
fn a_program_that_never_writes_a_property_has_not_removed_it() {
    let mut world = World::new();
    let phone = |lines: &str| {
        format!(
            "BEGIN:VCARD\r\nVERSION:3.0\r\nPRODID:-//Phone//\r\nUID:ada-1\r\nN:Roux;Ada;;;\r\nFN:Ada Roux\r\n{lines}END:VCARD\r\n"
        )
    };
    world.get();
    world.put(&phone("TITLE:Chief\r\nTEL;TYPE=WORK:01 99 00 00 01\r\n"));
    world.run();
    assert_eq!(lines(&world.team()), ["NOTE:old", TEL, "TITLE:Chief"]);
    // Nor has it put back what was there before.
    world.team_edits(&[("NOTE:old", "NOTE:new")]);
    world.run();
    world.put(&phone("TITLE:Boss\r\nTEL;TYPE=WORK:01 99 00 00 01\r\n"));
    world.run();
    assert_eq!(lines(&world.team()), ["NOTE:new", TEL, "TITLE:Boss"]);
    assert_eq!(world.conflicts(), []);
}

#[test]
fn a_device_that_was_revoked_stops_nobody() {
    let mut world = World::new();
    world.store.revoke("phone").unwrap();
    world.team_edits(&[("TITLE:CEO", "TITLE:CTO")]);
    let summary = world.run();
    assert_eq!(summary.updated.get("mirror"), Some(&1));
    let failed = |event: &&SyncEvent| matches!(event, SyncEvent::Failed { .. });
    assert_eq!(world.told.iter().filter(failed).count(), 1, "{:?}", world.told);
}
