//! The formats' speed beside other readers', in one run: `cargo bench --bench formats`.
//!
//! 50 MB of 3.0 cards in three clients' manners: carnet splits, parses and maps them to contacts; `calcard` and `vcard-rs`
//! parse the same bytes to their own trees, which is less work. Then the contacts are written as new cards, and a table of
//! 100,000 rows is read and written. Everything is made up here; nothing is read from disk.
//!
//! What is measured is the time on the processor (Linux; elsewhere the clock's), so that a busy machine tells the same.
//!
//! `cargo bench --bench formats -- stream MEGABYTES` only streams that many megabytes of cards through carnet, made as they
//! are read, and prints the peak of memory that the system counted (Linux): it does not grow with the file.

use std::{
    hint::black_box,
    io::{self, Read},
    time::{Duration, Instant},
};

use carnet::{
    contact::{Contact, identity::Identity},
    formats::{
        csv::{Profile, Table, Widths, export, import},
        vcard::{Card, Version, new_card, read, split, stream},
    },
};
use criterion::{
    Criterion, Throughput,
    measurement::{Measurement, ValueFormatter, WallTime},
};

const CARDS_BYTES: usize = 50_000_000;
const ROWS: usize = 100_000;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["stream", megabytes] => match megabytes.parse::<usize>() {
            Ok(megabytes) => streamed(megabytes),
            Err(_) => eprintln!("stream: how many megabytes?"),
        },
        _ => {
            let mut criterion = Criterion::default()
                .with_measurement(Processor { clock: Instant::now() })
                .sample_size(10)
                .configure_from_args();
            cards(&mut criterion);
            tables(&mut criterion);
            criterion.final_summary();
        }
    }
}

/// Time that this thread was on a processor.
struct Processor {
    clock: Instant,
}

impl Processor {
    fn now(&self) -> Duration {
        let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
        let nanoseconds = told.and_then(|told| told.split(' ').next()?.parse().ok());
        nanoseconds.map_or_else(|| self.clock.elapsed(), Duration::from_nanos)
    }
}

impl Measurement for Processor {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        self.now()
    }

    fn end(&self, start: Duration) -> Duration {
        self.now().saturating_sub(start)
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

/// The card of one person, in a manner that depends on the number.
fn card(number: usize) -> String {
    let (a, b) = (number % 100, number / 100 % 100);
    let name = ["Quentin", "Le Goff", "Benaïssa", "Études & Fils", "O'Brien"][number % 5];
    match number % 3 {
        0 => format!(
            "BEGIN:VCARD\r\nVERSION:3.0\r\nPRODID:-//Apple Inc.//iPhone OS 18.1//EN\r\nN:{name};Solène;;Mme;\r\nFN:Solène {name}\r\n\
             ORG:Voiles du Ponant;Ateliers\r\nTITLE:Voilière\r\nEMAIL;type=INTERNET;type=WORK;type=pref:s{number}@ponant.example\r\n\
             item1.EMAIL;type=INTERNET:sol{number}@boite.example\r\nitem1.X-ABLabel:_$!<Home>!$_\r\n\
             TEL;type=CELL;type=VOICE;type=pref:06 39 98 {b:02} {a:02}\r\nTEL;type=WORK;type=VOICE:01 99 00 {b:02} {a:02}\r\n\
             item2.ADR;type=WORK;type=pref:;;{a} quai du Large\\nHangar 3;Port-Louis;Morbihan;56290;France\r\nitem2.X-ABADR:fr\r\n\
             NOTE:Absente le mercredi.\\nPréfère les SMS\\, toujours\\; sinon rappeler en fin \r\n de journée.\r\nBDAY:1984-02-29\r\n\
             REV:2026-09-30T06:12:44Z\r\nUID:6F0C5E11-7A10-4B7E-9D9A-{number:012X}\r\nEND:VCARD\r\n"
        ),
        1 => format!(
            "BEGIN:VCARD\r\nVERSION:3.0\r\nPRODID:-//Sabre//Sabre VObject 4.5.6//EN\r\nUID:7c0d1e2f-0000-4000-8000-{number:012x}\r\n\
             FN:Jean {name}\r\nN:{name};Jean;;;\r\nORG:Coopérative du Val\r\nTEL;TYPE=\"HOME,VOICE\":01 99 00 {a:02} {b:02}\r\n\
             TEL;TYPE=WORK,CELL:+33 6 39 98 {a:02} {b:02}\r\nEMAIL;TYPE=WORK:jean{number}@val.example\r\n\
             ADR;TYPE=HOME:;;{b} cours Clé;Agen;;47000;France\r\nIMPP;X-SERVICE-TYPE=Skype:skype:jean.{number}\r\nCATEGORIES:Client,Judo\r\n\
             PHOTO;ENCODING=b;TYPE=PNG:iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJA\r\n AAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==\r\n\
             REV:20260707T070707Z\r\nEND:VCARD\r\n"
        ),
        _ => format!(
            "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Clémence {name}\r\nN:{name};Clémence;;;\r\n\
             EMAIL;TYPE=INTERNET;TYPE=WORK:clemence{number}@aubry.example\r\nTEL;TYPE=CELL:+336399{number:06}\r\nTEL;TYPE=WORK:01990{number:05}\r\n\
             ORG:Aubry Design\r\nTITLE:Directrice artistique\r\nNOTE:Rencontrée à Lille.\r\nCATEGORIES:myContacts\r\nEND:VCARD\r\n"
        ),
    }
}

fn file(bytes: usize) -> Vec<u8> {
    let mut file = Vec::with_capacity(bytes + 2_000);
    for number in 0.. {
        if file.len() >= bytes {
            break;
        }
        file.extend_from_slice(card(number).as_bytes());
    }
    file
}

fn contacts(file: &[u8]) -> impl Iterator<Item = Contact> {
    let pieces = split::cards(file).into_iter().filter(|piece| piece.kind == split::Kind::Card);
    pieces.filter_map(|piece| Some(read(&Card::parse(&file[piece.range]).ok()?, None)))
}

fn cards(criterion: &mut Criterion<Processor>) {
    let file = file(CARDS_BYTES);
    let text = std::str::from_utf8(&file).unwrap_or_default();
    let mut group = criterion.benchmark_group("50 MB of 3.0 cards");
    group.throughput(Throughput::Bytes(file.len() as u64));
    group.bench_function("carnet parses and maps", |bencher| {
        bencher.iter(|| contacts(&file).map(|contact| black_box(contact).items.len()).sum::<usize>());
    });
    group.bench_function("carnet streams, parses and maps", |bencher| {
        bencher.iter(|| streamed_items(&file[..]));
    });
    group.bench_function("calcard parses", |bencher| bencher.iter(|| calcard_entries(text)));
    group.bench_function("vcard-rs parses", |bencher| {
        bencher.iter(|| {
            let cards = vcard::tree::cst::VcardCst::parse_many(&file);
            cards.filter_map(Result::ok).map(|card| black_box(card).props.len()).sum::<usize>()
        });
    });
    group.bench_function("vcard-rs parses and decodes", |bencher| {
        bencher.iter(|| {
            let cards = vcard::tree::cst::VcardCst::parse_many(&file);
            cards.filter_map(Result::ok).map(|card| black_box(card.decode()).properties.len()).sum::<usize>()
        });
    });
    let contacts: Vec<Contact> = contacts(&file).collect();
    group.bench_function("carnet writes new cards", |bencher| {
        bencher.iter(|| {
            let cards = contacts.iter().map(|contact| new_card(Version::V30, contact, &Identity::default()));
            cards.map(|card| black_box(card.to_bytes()).len()).sum::<usize>()
        });
    });
    group.finish();
}

fn calcard_entries(text: &str) -> usize {
    let mut parser = calcard::Parser::new(text);
    let mut entries = 0;
    loop {
        match parser.entry() {
            calcard::Entry::VCard(card) => entries += black_box(card).entries.len(),
            calcard::Entry::Eof => return entries,
            _ => {}
        }
    }
}

fn tables(criterion: &mut Criterion<Processor>) {
    let contacts: Vec<(Contact, Identity)> = (0..ROWS)
        .filter_map(|number| Some((read(&Card::parse(card(number).as_bytes()).ok()?, None), Identity::default())))
        .collect();
    let profile = Profile::carnet();
    let mut widths = Widths::new(profile);
    contacts.iter().for_each(|(contact, _)| widths.measure(contact));
    let mut file = Vec::new();
    export(contacts.iter().cloned(), &widths, &mut file).expect("writing to memory");
    let mut group = criterion.benchmark_group("100,000 rows of CSV");
    group.throughput(Throughput::Bytes(file.len() as u64));
    group.bench_function("carnet reads", |bencher| {
        bencher.iter(|| import(black_box(&file), None).map(|import| import.rows.len()).unwrap_or_default());
    });
    group.bench_function("carnet reads to edit, and writes as it was", |bencher| {
        bencher.iter(|| Table::parse(black_box(&file), None).map(|table| table.to_bytes().len()).unwrap_or_default());
    });
    group.bench_function("carnet writes", |bencher| {
        bencher.iter(|| {
            let mut out = Vec::with_capacity(file.len());
            export(contacts.iter().cloned(), &widths, &mut out).map(|exported| exported.rows).unwrap_or_default()
        });
    });
    group.finish();
}

/// How many items the cards of a source hold, read one card at a time.
fn streamed_items(source: impl Read) -> usize {
    let cards = stream::Cards::new(source).filter_map(Result::ok);
    let contacts = cards.filter_map(|found| Some(read(&Card::parse(&found.bytes).ok()?, None)));
    contacts.map(|contact| black_box(contact).items.len()).sum()
}

/// Makes its cards as they are read.
struct Cards {
    number: usize,
    left: usize,
    ready: Vec<u8>,
    given: usize,
}

impl Read for Cards {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.ready.len() {
            if self.left == 0 {
                return Ok(0);
            }
            self.ready = card(self.number).into_bytes();
            (self.number, self.left, self.given) = (self.number + 1, self.left.saturating_sub(self.ready.len()), 0);
        }
        let count = out.len().min(self.ready.len() - self.given);
        out[..count].copy_from_slice(&self.ready[self.given..][..count]);
        self.given += count;
        Ok(count)
    }
}

fn streamed(megabytes: usize) {
    let started = Instant::now();
    let source = Cards { number: 0, left: megabytes * 1_000_000, ready: Vec::new(), given: 0 };
    let items = streamed_items(source);
    let seconds = started.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: unknown here");
    println!("{megabytes} MB, {items} items, {seconds:.1} s, {peak}");
}
