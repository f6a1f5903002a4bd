//! The store by what a device and a run see of it, in tables of steps.

use std::collections::BTreeMap;

use super::*;

pub(super) const NONE: Condition = Condition::None;

/// A store with one device.
pub(super) struct World {
    pub store: DeviceStore,
    pub phone: DeviceId,
}

impl World {
    pub fn new() -> Self {
        let mut store = DeviceStore::in_memory().unwrap();
        let phone = store.add(&NewDevice::of("phone"), 1_000).unwrap();
        Self { store, phone }
    }

    pub fn put(&mut self, name: &str, body: &str) -> Put {
        self.put_if(name, body, &NONE)
    }

    pub fn put_if(&mut self, name: &str, body: &str, condition: &Condition) -> Put {
        self.store.put(self.phone, name, &format!("uid-{name}"), body.as_bytes(), condition).unwrap()
    }

    /// A run writes over whatever is there.
    pub fn run_writes(&mut self, name: &str, body: &str) -> String {
        let expected = self.etag(name);
        let mut writing = self.store.begin(self.phone).unwrap();
        let wrote = writing.write(name, &format!("uid-{name}"), body.as_bytes(), expected.as_deref()).unwrap();
        writing.commit().unwrap();
        let Wrote::Done { etag } = wrote else { panic!("{wrote:?}") };
        etag
    }

    pub fn run_removes(&mut self, name: &str) {
        let expected = self.etag(name).expect("it is there");
        let mut writing = self.store.begin(self.phone).unwrap();
        assert!(writing.remove(name, &expected).unwrap());
        writing.commit().unwrap();
    }

    pub fn etag(&self, name: &str) -> Option<String> {
        self.store.member(self.phone, name).unwrap().map(|member| member.etag)
    }

    fn get(&mut self, name: &str) -> Option<String> {
        self.store.card(self.phone, name).unwrap().map(|card| String::from_utf8(card.body).unwrap())
    }

    /// The text that the device has edited, as a run is told.
    fn base(&self, name: &str) -> Option<String> {
        let base = self.store.record(self.phone, name).unwrap().expect("a card").base?;
        if let Edited::Text(body) = base.edited { Some(String::from_utf8(body).unwrap()) } else { None }
    }

    fn changes(&mut self, since: Option<u64>) -> Vec<String> {
        let mut told = Vec::new();
        let changes = self.store.changes_since(self.phone, since, None, false, |change| {
            told.push(match change {
                Change::Changed { member, .. } => format!("+{}", member.name),
                Change::Gone { name } => format!("-{name}"),
            });
        });
        assert!(!changes.unwrap().expect("a counter of the past").is_cut);
        told
    }

    fn counter(&self) -> u64 {
        self.store.look(self.phone).unwrap().counter
    }

    pub fn bodies(&self) -> u64 {
        self.store.conn.query_row("SELECT count(*) FROM bodies", [], |row| unsigned(row, 0)).unwrap()
    }
}

#[test]
fn conditions_are_kept() {
    let tags = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
    let check = |condition: Condition, absent: bool, present: bool, other: bool| {
        let held = [None, Some("1-a"), Some("2-b")].map(|tag| condition.holds(tag));
        assert_eq!(held, [absent, present, other], "{condition:?}");
    };
    check(Condition::None, true, true, true);
    check(Condition::MatchAny, false, true, true);
    check(Condition::Match(tags(&["0-x", "1-a"])), false, true, false);
    check(Condition::Match(tags(&[])), false, false, false);
    check(Condition::NoneMatchAny, true, false, false);
    check(Condition::NoneMatch(tags(&["0-x", "1-a"])), true, false, true);

    let mut world = World::new();
    let Put::Created { etag } = world.put_if("a", "1", &Condition::NoneMatchAny) else { panic!("created") };
    assert_eq!(world.put_if("a", "2", &Condition::NoneMatchAny), Put::Failed(Some(etag.clone())));
    let matching = Condition::Match(vec![etag.clone()]);
    assert!(matches!(world.put_if("a", "2", &matching), Put::Replaced { .. }));
    let now = world.etag("a");
    assert_eq!(world.put_if("a", "3", &matching), Put::Failed(now.clone()));
    assert_eq!(world.put_if("b", "3", &matching), Put::Failed(None));
    assert_eq!(world.store.delete(world.phone, "a", &matching).unwrap(), Deleted::Failed(now));
    assert_eq!(world.get("a").as_deref(), Some("2"));
    assert_eq!(world.store.delete(world.phone, "b", &NONE).unwrap(), Deleted::Missing);
    assert_eq!(world.store.delete(world.phone, "b", &matching).unwrap(), Deleted::Failed(None));
    assert_eq!(world.store.delete(world.phone, "a", &Condition::MatchAny).unwrap(), Deleted::Gone);
    assert_eq!(world.get("a"), None);
}

#[test]
fn the_same_bytes_change_nothing() {
    let mut world = World::new();
    let Put::Created { etag } = world.put("a", "1") else { panic!("created") };
    let look = world.store.look(world.phone).unwrap();
    assert_eq!(world.put("a", "1"), Put::Same { etag: etag.clone() });
    assert_eq!(world.run_writes("a", "1"), etag);
    assert_eq!(world.store.look(world.phone).unwrap(), look);
    assert_eq!((look.counter, look.count), (1, 1));
}

#[test]
fn an_etag_never_comes_back_for_other_content() {
    let mut world = World::new();
    let mut seen = BTreeMap::new();
    for body in ["1", "2", "1", "3", "2"] {
        world.put("a", body);
        let etag = world.etag("a").unwrap();
        assert_eq!(seen.insert(etag, body), None, "{body}");
        world.store.delete(world.phone, "a", &NONE).unwrap();
    }
}

#[test]
fn one_uid_is_one_card() {
    let mut world = World::new();
    let mut put = |name: &str, uid: &str| world.store.put(world.phone, name, uid, name.as_bytes(), &NONE).unwrap();
    put("a", "U1");
    assert_eq!(put("b", "U1"), Put::UidHeldBy("a".into()));
    assert_eq!(put("b", " u1"), Put::UidHeldBy("a".into()), "some programs change its case");
    assert_eq!(put("a", "U2"), Put::OtherUid);
    assert!(matches!(put("a", "u1"), Put::Same { .. }));
    assert_eq!(world.counter(), 1);
    let mut writing = world.store.begin(world.phone).unwrap();
    assert_eq!(writing.write("c", "U1", b"c", None).unwrap(), Wrote::UidHeldBy("a".into()));
}

#[test]
fn a_card_is_served_byte_for_byte() {
    let mut world = World::new();
    let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    world.store.put(world.phone, "é ;%.vcf", "u", &bytes, &NONE).unwrap();
    let card = world.store.card(world.phone, "é ;%.vcf").unwrap().unwrap();
    assert!(card.body == bytes && card.member.size == 70_000 && card.member.uid == "u");
}

#[test]
fn cards_come_in_the_order_asked_for() {
    let mut world = World::new();
    ["a", "b", "c"].into_iter().for_each(|name| drop(world.put(name, name)));
    let mut got = Vec::new();
    let take = |name: &str, card: Option<Card>| got.push((name.to_owned(), card.map(|card| card.body)));
    world.store.cards(world.phone, &["c", "x", "a", "c"], take).unwrap();
    let body = |name: &str| (name.to_owned(), Some(name.as_bytes().to_vec()));
    assert_eq!(got, [body("c"), ("x".to_owned(), None), body("a"), body("c")]);
    let mut members = Vec::new();
    let look = world.store.members(world.phone, |member| members.push(member.name)).unwrap();
    assert_eq!((members, look.count), (vec!["a".to_owned(), "b".into(), "c".into()], 3));
}

#[test]
fn changes_name_what_is_gone_once() {
    let mut world = World::new();
    world.put("a", "1"); // 1
    world.put("b", "1"); // 2
    world.put("a", "2"); // 3
    world.run_removes("b"); // 4
    world.run_writes("c", "1"); // 5
    world.run_removes("c"); // 6
    world.put("b", "3"); // 7
    world.run_removes("a"); // 8
    let table: [(Option<u64>, &[&str]); 10] = [
        (None, &["+b"]),
        // Whoever wrote `c` by itself, or fetched it by its name, knows it.
        (Some(0), &["-c", "+b", "-a"]),
        (Some(1), &["-c", "+b", "-a"]),
        (Some(2), &["-c", "+b", "-a"]),
        (Some(3), &["-c", "+b", "-a"]),
        (Some(4), &["-c", "+b", "-a"]),
        (Some(5), &["-c", "+b", "-a"]),
        (Some(6), &["+b", "-a"]),
        (Some(7), &["-a"]),
        (Some(8), &[]),
    ];
    for (since, expected) in table {
        assert_eq!(world.changes(since), expected, "{since:?}");
    }
    let future = world.store.changes_since(world.phone, Some(9), None, true, |_| panic!("nothing is told"));
    assert_eq!(future.unwrap(), None);
}

#[test]
fn changes_come_in_parts() {
    let mut world = World::new();
    ["a", "b", "c", "d"].into_iter().for_each(|name| drop(world.put(name, name)));
    let token = world.counter();
    world.run_removes("b");
    world.put("a", "2");
    for (first, all) in [(None, "+c +d +a"), (Some(token), "-b +a"), (Some(2), "+c +d -b +a"), (Some(0), "+c +d -b +a")]
    {
        for limit in 1..5 {
            let (mut since, mut told, mut parts) = (first, Vec::new(), 0);
            loop {
                let mut part = Vec::new();
                let take = |change| {
                    part.push(match change {
                        Change::Changed { member, body } => {
                            assert_eq!(body.is_some(), limit > 2);
                            format!("+{}", member.name)
                        }
                        Change::Gone { name } => format!("-{name}"),
                    });
                };
                let changes =
                    world.store.changes_since(world.phone, since, Some(limit), limit > 2, take).unwrap().unwrap();
                assert!(part.len() <= limit);
                told.extend(part);
                since = Some(changes.counter);
                parts += 1;
                if !changes.is_cut {
                    break;
                }
                assert!(parts < 10);
            }
            // Who looks in parts is told of what is gone as if the parts before had shown it.
            told.retain(|told| first.is_some() || told != "-b");
            assert_eq!(told.join(" "), all, "{first:?} {limit}");
            assert_eq!(since, Some(world.counter()), "{first:?} {limit}");
        }
    }
}

/// What the device has edited after these steps: `G` it fetches the card, `Pn` it writes, `En` it writes the version that it
/// knows to be there, `Rn` a run writes, `D` it removes the card, `X` a run removes it, `T` a run has taken what is there.
fn edits(steps: &str) -> String {
    let mut world = World::new();
    let mut agreed = String::new();
    for step in steps.split_whitespace() {
        let body = &step[1..];
        match &step[..1] {
            "G" => drop(world.get("a")),
            "P" => drop(world.put("a", body)),
            "E" => {
                let tag = world.etag("a").into_iter().collect();
                world.put_if("a", body, &Condition::Match(tag));
            }
            "R" => agreed = world.run_writes("a", body),
            "D" => drop(world.store.delete(world.phone, "a", &NONE).unwrap()),
            "X" => world.run_removes("a"),
            "T" => agreed = world.etag("a").unwrap(),
            "S" => {
                let changes = world.store.changes_since(world.phone, Some(0), None, true, |_| {});
                assert!(changes.unwrap().is_some());
            }
            "L" => drop(world.changes(None)),
            other => panic!("{other}"),
        }
    }
    match world.store.record(world.phone, "a").unwrap().expect("a card").base.map(|base| base.other_than(&agreed)) {
        None => "nothing new".into(),
        Some(None) => "the agreed".into(),
        Some(Some(Edited::Text(body))) => String::from_utf8(body).unwrap(),
        Some(Some(Edited::Unseen)) => "unseen".into(),
        Some(Some(Edited::Nothing)) => "new".into(),
    }
}

#[test]
fn what_a_device_has_edited() {
    let table = [
        ("R1", "nothing new"),
        ("R1 G", "nothing new"),
        ("P1", "new"),
        ("P1 P2", "new"),
        ("P1 T P2", "the agreed"),
        ("P1 T P2 P3", "the agreed"),
        ("R1 P2", "unseen"),
        ("R1 P2 P3", "unseen"),
        ("R1 P2 T P3", "the agreed"),
        ("R1 L P2", "unseen"),
        ("R1 E2", "the agreed"),
        ("R1 G P2", "the agreed"),
        ("R1 S P2", "the agreed"),
        ("R1 G R2 P3", "1"),
        ("R1 G R2 R3 R4 P5", "1"),
        ("R1 G R2 L P3", "1"),
        ("R1 G R2 G P3", "the agreed"),
        ("R1 G R2 S P3", "the agreed"),
        ("R1 G R2 E3", "the agreed"),
        ("R1 G R2 P3 P4", "1"),
        ("R1 G R2 P3 E4 P5", "1"),
        ("R1 G R2 P3 T P4", "the agreed"),
        ("R1 G R2 P3 P4 T P5 P6", "the agreed"),
        ("R1 G R2 P3 R4 P5", "3"),
        ("R1 G R2 P3 R4 G P5", "the agreed"),
        ("P1 R2 P3", "1"),
        ("P1 R2 P1", "1"),
        ("R1 G R2 P2", "nothing new"),
        ("R1 G R2 P2 P3", "the agreed"),
        ("R1 G D P2", "the agreed"),
        ("R1 G R2 D P3", "1"),
        ("R1 G R2 D P3 P4", "1"),
        ("R1 G X P2", "new"),
        ("R1 G D P2 X P3", "new"),
    ];
    for (steps, expected) in table {
        assert_eq!(edits(steps), expected, "{steps}");
    }
}

#[test]
fn a_run_does_not_overtake_a_device() {
    let mut world = World::new();
    let read = world.run_writes("a", "1");
    world.put("a", "2");
    let mut writing = world.store.begin(world.phone).unwrap();
    assert_eq!(writing.write("a", "uid-a", b"3", Some(&read)).unwrap(), Wrote::Stale);
    assert_eq!(writing.write("a", "uid-a", b"3", None).unwrap(), Wrote::Stale);
    assert_eq!(writing.write("b", "uid-b", b"3", Some(&read)).unwrap(), Wrote::Stale);
    assert!(!writing.remove("a", &read).unwrap() && !writing.remove("b", &read).unwrap());
    writing.commit().unwrap();
    assert_eq!((world.get("a").as_deref(), world.counter()), (Some("2"), 2));
}

#[test]
fn writes_of_a_run_are_kept_together_or_not_at_all() {
    let mut world = World::new();
    let mut writing = world.store.begin(world.phone).unwrap();
    writing.write("a", "u", b"1", None).unwrap();
    writing.write("b", "v", b"1", None).unwrap();
    drop(writing);
    assert_eq!((world.counter(), world.bodies()), (0, 0));
}

#[test]
fn texts_are_kept_once_and_no_longer_than_somebody_has_them() {
    let mut world = World::new();
    let tablet = world.store.add(&NewDevice::of("tablet"), 0).unwrap();
    world.run_writes("a", "one");
    let mut writing = world.store.begin(tablet).unwrap();
    writing.write("a", "uid-a", b"one", None).unwrap();
    writing.commit().unwrap();
    assert_eq!(world.bodies(), 1);
    world.get("a");
    world.run_writes("a", "two");
    assert_eq!(world.bodies(), 2, "what the device has seen is kept");
    world.put("a", "three");
    assert_eq!((world.bodies(), world.base("a").as_deref()), (2, Some("one")));
    world.store.delete(world.phone, "a", &NONE).unwrap();
    assert_eq!(world.bodies(), 1);
    assert!(world.store.revoke("tablet").unwrap() && !world.store.revoke("tablet").unwrap());
    assert_eq!(world.bodies(), 1, "what the removed card was is remembered");
    assert!(world.store.revoke("phone").unwrap());
    assert_eq!(world.bodies(), 0);
    assert!(matches!(world.store.put(world.phone, "a", "u", b"x", &NONE), Err(StoreError::NoDevice)));
    assert!(matches!(world.store.look(world.phone), Err(StoreError::NoDevice)));
}

#[test]
fn devices_are_told_apart() {
    let mut world = World::new();
    let first = world.store.look(world.phone).unwrap();
    assert!(matches!(world.store.add(&NewDevice::of("phone"), 0), Err(StoreError::NameTaken(_))));
    let new =
        NewDevice { book: Some("sales".into()), read_only: true, password_hash: "h".into(), ..NewDevice::of("desk") };
    let desk = world.store.add(&new, 5).unwrap();
    world.put("a", "1");
    assert_eq!(world.store.card(desk, "a").unwrap(), None);
    world.store.put(desk, "b", "uid-a", b"1", &NONE).unwrap();
    world.store.seen(desk, Some("Phone/1"), 100).unwrap();
    world.store.seen(desk, Some("Phone/1"), 159).unwrap();
    world.store.seen(desk, None, 159).unwrap();
    assert_eq!(world.store.device("desk").unwrap().unwrap().last_seen_at, Some(100));
    world.store.seen(desk, None, 160).unwrap();
    assert!(world.store.set_password("desk", "other").unwrap() && !world.store.set_password("none", "x").unwrap());
    let device = world.store.device("desk").unwrap().unwrap();
    let expected = Device {
        id: desk,
        name: "desk".into(),
        book: Some("sales".into()),
        read_only: true,
        password_hash: "other".into(),
        created_at: 5,
        last_seen_at: Some(160),
        program: Some("Phone/1".into()),
    };
    assert_eq!(device, expected);
    let names: Vec<String> = world.store.devices().unwrap().into_iter().map(|device| device.name).collect();
    assert_eq!(names, ["desk", "phone"]);
    world.store.revoke("phone").unwrap();
    let again = world.store.add(&NewDevice::of("phone"), 0).unwrap();
    assert!(again != world.phone && world.store.look(again).unwrap().book_id != first.book_id);
    let before = world.store.look(again).unwrap();
    world.store.forget_tokens().unwrap();
    assert_ne!(world.store.look(again).unwrap().book_id, before.book_id);
}

#[test]
fn what_waits_for_a_run_is_counted() {
    let mut world = World::new();
    let waiting = |world: &World| world.store.counts(world.phone).unwrap();
    world.run_writes("a", "1");
    world.put("b", "1");
    world.put("b", "2");
    world.put("c", "1");
    world.store.delete(world.phone, "a", &NONE).unwrap();
    assert_eq!(waiting(&world), Counts { cards: 2, waiting: 3 });
    world.store.taken(world.phone, 3).unwrap();
    assert_eq!(waiting(&world), Counts { cards: 2, waiting: 2 });
    world.store.taken(world.phone, world.counter()).unwrap();
    world.store.taken(world.phone, 1).unwrap();
    assert_eq!(waiting(&world), Counts { cards: 2, waiting: 0 });
}

#[test]
fn two_connections_see_each_other_and_nothing_half_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.db");
    let mut server = DeviceStore::open(&path).unwrap();
    let phone = server.add(&NewDevice::of("phone"), 0).unwrap();
    let mut run = DeviceStore::open(&path).unwrap();
    let mut writing = run.begin(phone).unwrap();
    writing.write("a", "u", b"1", None).unwrap();
    assert_eq!(server.look(phone).unwrap().counter, 0);
    writing.commit().unwrap();
    assert_eq!(server.card(phone, "a").unwrap().unwrap().body, b"1");
    server.put(phone, "a", "u", b"2", &NONE).unwrap();
    assert_eq!(run.record(phone, "a").unwrap().unwrap().base.unwrap().edited, Edited::Text(b"1".to_vec()));
}

/// No statement that a request makes reads a whole table.
#[test]
fn statements_use_an_index() {
    let world = World::new();
    let sources =
        [include_str!("read.rs"), include_str!("write.rs"), include_str!("runs.rs"), include_str!("bodies.rs")];
    let mut explained = 0;
    for source in sources {
        for text in source.split('"').skip(1).step_by(2) {
            if !["SELECT ", "UPDATE ", "DELETE "].iter().any(|verb| text.starts_with(verb)) {
                continue;
            }
            let sql = text.replace("{MEMBER}", "name, uid, version, digest, size");
            let mut plan = world.store.conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect(&sql);
            let count = plan.parameter_count();
            let rows =
                plan.query_map(rusqlite::params_from_iter(vec![1; count]), |row| row.get::<_, String>(3)).unwrap();
            for step in rows.map(rusqlite::Result::unwrap) {
                assert!(!step.starts_with("SCAN") || step.contains("CONSTANT ROW"), "{step}: {sql}");
            }
            explained += 1;
        }
    }
    assert!(explained > 15, "{explained}");
}
