//! A big mixed pile of contacts, imported: a vCard 3.0 file, a Google sheet and a French Outlook sheet, half of whose
//! people the mirror knows already. Nobody is doubled, every record is counted once, and the rehearsal says to the word
//! what the import then does.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use carnet::{
    app::{self, ImportOptions},
    config::{Environment, Settings},
    contact::{Contact, Item, ItemType, identity::Identity},
    formats::jsonl,
    mirror::{Mirror, Search},
    sync::{ImportCounts, Stop, SyncEvent},
    transfer::ImportSource,
};

const PEOPLE: usize = 10_000;

/// What a person of the pile is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// Known; the file says what is known.
    Same,
    /// Known; the file spells number and address otherwise, and their types differ.
    SameRespelled,
    /// Known; the file has the name alone.
    SameByName,
    /// Known; the file has another job.
    NewJob,
    /// Known; the file has a fax more.
    NewFax,
    /// Known twice under one name; the file has the name alone.
    Twins,
    /// Not known.
    New,
    /// Not known, and in the file twice.
    NewTwice,
    /// Not known, a company with neither telephone nor e-mail address.
    NewBare,
    /// A record that cannot be read.
    Broken,
}

const SORTS: [Sort; 20] = [
    Sort::Same,
    Sort::New,
    Sort::SameRespelled,
    Sort::New,
    Sort::NewJob,
    Sort::New,
    Sort::Same,
    Sort::NewBare,
    Sort::NewFax,
    Sort::New,
    Sort::Same,
    Sort::NewTwice,
    Sort::SameByName,
    Sort::New,
    Sort::NewJob,
    Sort::New,
    Sort::Twins,
    Sort::New,
    Sort::Same,
    Sort::Broken,
];

struct Person {
    number: usize,
    sort: Sort,
}

impl Person {
    fn all(count: usize) -> Vec<Person> {
        (0..count).map(|number| Person { number, sort: SORTS[number % SORTS.len()] }).collect()
    }

    fn is_known(&self) -> bool {
        !matches!(self.sort, Sort::New | Sort::NewTwice | Sort::NewBare | Sort::Broken)
    }

    fn first(&self) -> String {
        format!("Prénom{}", self.number % 37)
    }

    fn last(&self) -> String {
        format!("Nom{}", self.number)
    }

    fn company(&self) -> String {
        format!("Société {}", self.number)
    }

    /// "01 99 00 12 34"
    fn phone(&self) -> String {
        format!("01 99 00 {:02} {:02}", self.number / 100 % 100, self.number % 100)
    }

    fn email(&self) -> String {
        format!("p{}@pile.example", self.number)
    }

    /// As the mirror knows them: one, or two of one name.
    fn known(&self) -> Vec<(Contact, Identity)> {
        let contact = |items: Vec<Item>, job: &str| Contact {
            last_name: self.last(),
            first_name: self.first(),
            job_title: job.to_owned(),
            company: self.company(),
            items,
            ..Contact::default()
        };
        let item = |item_type: ItemType, value: String| Item::new(item_type, value);
        let identity = |mark: &str| Identity { uid: Some(format!("pile-{}{mark}", self.number)), crm_id: None };
        if self.sort == Sort::Twins {
            return vec![
                (contact(Vec::new(), "Aînée"), identity("a")),
                (contact(Vec::new(), "Cadette"), identity("b")),
            ];
        }
        let items =
            vec![item(ItemType::ProfessionalPhone, self.phone()), item(ItemType::ProfessionalEmail, self.email())];
        vec![(contact(items, "Acheteuse"), identity(""))]
    }

    /// As the file has them.
    fn record(&self) -> Record {
        let mut record = Record {
            first: self.first(),
            last: self.last(),
            company: self.company(),
            job: "Acheteuse".to_owned(),
            phone: self.phone(),
            email: self.email(),
            fax: String::new(),
        };
        match self.sort {
            Sort::Same | Sort::New | Sort::NewTwice | Sort::Broken => {}
            Sort::SameRespelled => {
                record.phone = format!("+33{}", &self.phone()[1..].replace(' ', ""));
                record.email = self.email().to_uppercase();
            }
            Sort::SameByName | Sort::Twins => {
                record = Record { first: self.first(), last: self.last(), ..Record::default() };
            }
            Sort::NewJob => record.job = "Directrice".to_owned(),
            Sort::NewFax => record.fax = "01 99 01 00 01".to_owned(),
            Sort::NewBare => {
                record = Record { company: self.company(), job: "Accueil".to_owned(), ..Record::default() }
            }
        }
        record
    }
}

#[derive(Debug, Clone, Default)]
struct Record {
    first: String,
    last: String,
    company: String,
    job: String,
    phone: String,
    email: String,
    fax: String,
}

fn cards(people: &[&Person]) -> Vec<u8> {
    let mut out = String::from("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Groupe\r\nKIND:group\r\nEND:VCARD\r\n");
    for person in people {
        let Record { first, last, company, job, phone, email, fax } = person.record();
        let mut card = format!("BEGIN:VCARD\r\nVERSION:3.0\r\nN:{last};{first};;;\r\nFN:{first} {last}\r\n");
        for (head, value) in [
            ("ORG", &company),
            ("TITLE", &job),
            ("TEL;TYPE=WORK,VOICE", &phone),
            ("EMAIL;TYPE=INTERNET,HOME", &email),
            ("TEL;TYPE=FAX,WORK", &fax),
        ] {
            if !value.is_empty() {
                let _ = write!(card, "{head}:{value}\r\n");
            }
        }
        if person.sort != Sort::Broken {
            card += "END:VCARD\r\n";
        }
        out += &card;
        if person.sort == Sort::NewTwice {
            out += &card;
        }
    }
    out.into_bytes()
}

fn sheet(people: &[&Person], header: &str, row: impl Fn(Record) -> String) -> String {
    let mut out = format!("{header}\r\n");
    for person in people {
        let mut line = row(person.record());
        if person.sort == Sort::Broken {
            line += ",\"trop\"";
        }
        out += &format!("{line}\r\n");
        if person.sort == Sort::NewTwice {
            out += &format!("{line}\r\n");
        }
    }
    out
}

fn google(people: &[&Person]) -> Vec<u8> {
    let header = "First Name,Last Name,Organization Name,Organization Title,Labels,E-mail 1 - Label,E-mail 1 - Value,\
                  Phone 1 - Label,Phone 1 - Value,Phone 2 - Label,Phone 2 - Value";
    sheet(people, header, |Record { first, last, company, job, phone, email, fax }| {
        let label = if fax.is_empty() { "" } else { "Work Fax" };
        format!("{first},{last},{company},{job},* myContacts,* Home,{email},Travail,{phone},{label},{fax}")
    })
    .into_bytes()
}

fn outlook(people: &[&Person]) -> Vec<u8> {
    let header = "\"Titre\",\"Prénom\",\"Nom\",\"Société\",\"Service\",\"Titre\",\"Télécopie (bureau)\",\
                  \"Téléphone (bureau)\",\"Adresse de courrier\"";
    let text = sheet(people, header, |Record { first, last, company, job, phone, email, fax }| {
        format!("\"\",\"{first}\",\"{last}\",\"{company}\",\"\",\"{job}\",\"{fax}\",\"{phone}\",\"{email}\"")
    });
    encoding_rs::WINDOWS_1252.encode(&text).0.into_owned()
}

/// What must become of the records of these people.
fn expected(people: &[&Person]) -> (ImportCounts, BTreeMap<String, u64>) {
    let mut tally = ImportCounts::default();
    for person in people {
        match person.sort {
            Sort::Same | Sort::SameRespelled | Sort::SameByName => tally.same += 1,
            Sort::NewJob | Sort::NewFax => tally.updated += 1,
            Sort::Twins => tally.ambiguous += 1,
            Sort::New | Sort::NewBare => tally.new += 1,
            Sort::NewTwice => {
                tally.new += 1;
                tally.same += 1;
            }
            Sort::Broken => tally.refused += 1,
        }
    }
    let count = |sort: Sort| people.iter().filter(|person| person.sort == sort).count() as u64;
    let fields = [("job_title", count(Sort::NewJob)), ("contact_items", count(Sort::NewFax))];
    let fields = fields.into_iter().filter(|(_, n)| *n > 0).map(|(name, n)| (name.to_owned(), n));
    (tally, fields.collect())
}

/// Settings without books, in a folder.
pub fn settings(folder: &Path) -> Settings {
    let text = "[crm]\nurl = \"sandbox\"\n[mirror]\npath = \"carnet.db\"\n";
    Settings::parse(&folder.join("carnet.toml"), text, Environment::from_fn(&|_| None)).expect("settings")
}

/// New, updated, same, ambiguous, refused.
pub fn five(tally: &ImportCounts) -> [u64; 5] {
    [tally.new, tally.updated, tally.same, tally.ambiguous, tally.refused]
}

/// An import's tally, and all that it told, in order.
pub async fn import(settings: &Settings, name: &str, bytes: &[u8], dry_run: bool) -> (ImportCounts, Vec<String>, u8) {
    let source = ImportSource::of_bytes(name, bytes);
    let options = ImportOptions { dry_run, ..ImportOptions::default() };
    let mut told = Vec::new();
    let mut events = |event: SyncEvent| match event {
        SyncEvent::Change(change) => told.push(serde_json::to_string(&change).expect("a change")),
        // A rehearsal adds how each column was read.
        SyncEvent::Notice { message, .. } => {
            told.push(message.split("; columns: ").next().unwrap_or_default().to_owned());
        }
        other => told.push(format!("{other:?}")),
    };
    let summary = app::import(settings, source, &options, &Stop::new(), &mut events).await.expect("an import");
    let code = summary.exit_code();
    (summary.import.expect("a tally"), told, code)
}

/// The living contacts of the mirror, with their UIDs.
pub fn contacts(settings: &Settings) -> Vec<(String, Contact)> {
    let mirror = Mirror::open_read_only(&settings.mirror.path).expect("the mirror");
    let mut contacts = Vec::new();
    mirror
        .for_each_contact(&Search::default(), &mut |stored| {
            contacts.push((stored.uid, stored.contact));
            Ok(())
        })
        .expect("the contacts");
    contacts
}

#[tokio::test]
async fn a_pile_is_imported_as_its_rehearsal_says_and_nobody_is_doubled() {
    let people = Person::all(PEOPLE);
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(folder.path());
    let known: Vec<(Contact, Identity)> =
        people.iter().filter(|person| person.is_known()).flat_map(Person::known).collect();
    let lines: String = known.iter().map(|(contact, identity)| jsonl::line(contact, identity)).collect();
    let (first, ..) = import(&settings, "known.jsonl", lines.as_bytes(), false).await;
    assert_eq!((first.new, first.refused), (known.len() as u64, 0));

    let third = |rest: usize| people.iter().filter(|person| person.number % 3 == rest).collect::<Vec<&Person>>();
    let mut made = 0;
    let mut spent = Duration::ZERO;
    for (name, people, bytes) in [
        ("cards.vcf", third(0), cards(&third(0))),
        ("google.csv", third(1), google(&third(1))),
        ("outlook.csv", third(2), outlook(&third(2))),
    ] {
        let before = contacts(&settings);
        let (wanted, fields) = expected(&people);
        let rehearsed = import(&settings, name, &bytes, true).await;
        assert_eq!(contacts(&settings), before, "a rehearsal writes nothing");
        let start = Instant::now();
        let done = import(&settings, name, &bytes, false).await;
        spent += start.elapsed();
        for (at, (said, is)) in rehearsed.1.iter().zip(&done.1).enumerate() {
            assert_eq!(said, is, "{name}: what was told at {at}");
        }
        assert_eq!(rehearsed, done, "{name}");

        let tally = done.0;
        assert_eq!(five(&tally), five(&wanted), "{name}: new, updated, same, ambiguous, refused");
        assert_eq!(tally.fields, fields, "{name}");
        assert_eq!(tally.reasons.values().sum::<u64>(), tally.refused, "{name}: every refusal has a reason");
        assert_eq!(done.2, 3, "what waits for a person is told by the exit code");
        made += tally.new;
        assert_eq!(contacts(&settings).len() as u64, known.len() as u64 + made, "{name}");

        let (again, told, _) = import(&settings, name, &bytes, false).await;
        let all = tally.new + tally.updated + tally.same;
        assert_eq!(five(&again), [0, 0, all, tally.ambiguous, tally.refused], "{name}: a second time");
        assert!(!told.iter().any(|line| line.contains("\"action\"")), "{name}: a second time changes nothing");
    }
    println!("{PEOPLE} people in three files: {spent:?} to import");

    // Known numbers and addresses keep their types, whatever the files call them.
    for (uid, contact) in contacts(&settings).iter().filter(|(uid, _)| uid.starts_with("pile-")) {
        let types: Vec<&str> = contact.items.iter().map(|item| item.item_type.word()).collect();
        let allowed: [&[&str]; 3] = [
            &[],
            &["professional_phone", "professional_email"],
            &["professional_phone", "professional_email", "professional_fax"],
        ];
        assert!(allowed.contains(&types.as_slice()), "{uid}: {types:?}");
    }
}
