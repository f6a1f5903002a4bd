//! Cards in each client's manner, and what is read from them. The people are invented.

use super::{Card, Version, read, update};
use crate::contact::{Contact, Field, Item, ItemType};

pub(super) const APPLE: &str = "BEGIN:VCARD\r
VERSION:3.0\r
PRODID:-//Apple Inc.//iOS 18.1//EN\r
N:Martin;Chloé;;Mme;\r
FN:Chloé Martin\r
ORG:Atelier Martin;Achats;\r
TITLE:Acheteuse\r
EMAIL;type=INTERNET;type=WORK;type=pref:chloe@atelier.example\r
item1.EMAIL;type=INTERNET:perso@chloe.example\r
item1.X-ABLabel:_$!<Home>!$_\r
TEL;type=CELL;type=VOICE;type=pref:06 11 22 33 44\r
TEL;type=WORK;type=VOICE:01 44 55 66 77\r
TEL;type=MAIN:01 44 55 66 00\r
item2.TEL:01 99 88 77 66\r
item2.X-ABLabel:Ligne directe\r
item3.ADR;type=WORK;type=pref:;;3 rue des Lilas\\nBâtiment B;Lyon;Rhône;69003;France\r
item3.X-ABADR:fr\r
item4.URL;type=pref:http\\://atelier.example\r
item4.X-ABLabel:_$!<HomePage>!$_\r
IMPP;X-SERVICE-TYPE=Skype;type=HOME;type=pref:skype:chloe.m\r
IMPP;X-SERVICE-TYPE=ICQ:aim:123456\r
NOTE:Appelle le matin.\\nPas le lundi\\, ni le mardi.\r
BDAY;X-APPLE-OMIT-YEAR=1604:1604-03-08\r
REV:2026-10-01T08:00:00Z\r
UID:0F1B2C3D-0000-4000-8000-1234567890AB\r
END:VCARD\r
";

const APPLE_COMPANY: &str = "BEGIN:VCARD\r
VERSION:3.0\r
N:;;;;\r
FN:Boulangerie du Port\r
ORG:Boulangerie du Port;\r
TEL;type=WORK;type=VOICE;type=pref:02 98 00 00 01\r
X-ABShowAs:COMPANY\r
END:VCARD\r
";

const GOOGLE: &str = "BEGIN:VCARD\r
VERSION:3.0\r
FN:Jean-Pierre Durand\r
N:Durand;Jean-Pierre;;;\r
EMAIL;TYPE=INTERNET;TYPE=WORK:jp@durand.example\r
EMAIL;TYPE=INTERNET:jp2@durand.example\r
TEL;TYPE=HOME;TYPE=FAX:0145000000\r
TEL;TYPE=CELL:+33 7 12 34 56 78\r
TEL:0612345678\r
ADR;TYPE=HOME:;;12 av. de la Gare;Brest;;29200;France\r
CATEGORIES:Clients,Salon 2026,myContacts\r
X-PHONETIC-LAST-NAME:duran\r
END:VCARD\r
";

const OUTLOOK: &str = "BEGIN:VCARD\r
VERSION:2.1\r
N;LANGUAGE=fr;CHARSET=Windows-1252;ENCODING=QUOTED-PRINTABLE:Petit;Zo=EB\r
FN;CHARSET=Windows-1252;ENCODING=QUOTED-PRINTABLE:Zo=EB Petit\r
ORG:Cabinet Petit;Conseil\r
TITLE:Associ\u{e9}e\r
TEL;WORK;VOICE:01 40 00 00 00\r
TEL;HOME;VOICE:01 41 00 00 00\r
TEL;CELL;VOICE:06 40 00 00 00\r
TEL;WORK;FAX:01 40 00 00 01\r
X-MS-TEL;TYPE=COMPANY:01 40 00 00 99\r
ADR;WORK;PREF;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:;;5 all=C3=A9e=0D=0AEscalier 2;Paris;;75010;France\r
LABEL;WORK;PREF;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:5 all=C3=A9e=0D=0A=\r
Escalier 2=0D=0A=\r
75010 Paris\r
X-MS-IMADDRESS:zoe@im.example\r
EMAIL;PREF;INTERNET:zoe@petit.example\r
PHOTO;TYPE=JPEG;ENCODING=BASE64:\r
 /9j/4AAQSkZJRgABAQAAAQABAAD\r
 /2wBDAAgG\r
\r
REV:20260801T184631Z\r
END:VCARD\r
";

const ANDROID: &str = "BEGIN:VCARD
VERSION:2.1
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Lef=C3=A8vre;No=C3=A9mie;;;
FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:No=C3=A9mie Lef=C3=A8vre
TEL;CELL;PREF:06-98-76-54-32
TEL;WORK;PREF:01-30-00-00-01
TEL;WORK:01-30-00-00-02
NOTE;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Vue au salon=2E =C3=80 rappeler tr=C3=A8s vite =
apr=C3=A8s le 3=0D=0Aou le 4
END:VCARD
";

const DAVX5: &str = "BEGIN:VCARD\r
VERSION:4.0\r
PRODID:+//IDN bitfire.at//DAVx5/4.4 ez-vcard/0.12.1\r
UID:urn:uuid:6b3b1a52-3a3c-4d7e-9a53-6f1f0a1f2b3c\r
FN:Dr Amina Benali\r
N:Benali;Amina;;Dr;\r
ORG:Clinique du Lac;Cardiologie;Étage 2\r
TEL;TYPE=cell,work:+33 6 00 00 00 01\r
TEL;TYPE=x-company_main;VALUE=uri:tel:+33-4-00-00-00-00\r
TEL;TYPE=fax,home:04 00 00 00 02\r
EMAIL;TYPE=work;PREF=1:amina@lac.example\r
IMPP;TYPE=home:icq:9876\r
ADR;TYPE=home:;;7 quai Nord;Annecy;;74000;France\r
CATEGORIES:Partenaire,Médecins\r
X-INCWO-CONTACT-TYPE:partner\r
X-INCWO-ID:4711\r
REV:20261101T101010Z\r
END:VCARD\r
";

const THUNDERBIRD: &str = "BEGIN:VCARD\r
VERSION:4.0\r
FN:Paul Roux\r
EMAIL;PREF=1:paul@roux.example\r
NICKNAME:Polo\r
TEL;VALUE=TEXT:04 90 00 00 00\r
TEL;TYPE=home;VALUE=TEXT:04 90 00 00 01\r
ADR;TYPE=home:;Apt 4;1 place Vieille;Avignon;Vaucluse;84000;France\r
NOTE:pr\u{e9}f\u{e8}re le mail\r
X-CUSTOM1;VALUE=TEXT:un\r
UID:7f9f8a4e-1111-4222-8333-444455556666\r
END:VCARD\r
";

const NEXTCLOUD: &str = "BEGIN:VCARD\r
VERSION:3.0\r
PRODID:-//Sabre//Sabre VObject 4.5.6//EN\r
UID:2a0d8a4c-aaaa-4bbb-8ccc-ddddeeeeffff\r
FN:Tante Lili\r
N:Bernard;Liliane;;;\r
TEL;TYPE=\"HOME,VOICE\":03 80 00 00 00\r
TEL;TYPE=WORK,CELL:06 80 00 00 00\r
IMPP;TYPE=SKYPE:lili.b\r
IMPP;TYPE=XMPP:lili@jabber.example\r
CATEGORIES:Famille,Perso\r
PHOTO;ENCODING=b;TYPE=image/png:iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ\r
 AAAADUlEQVR42mNk\r
END:VCARD\r
";

const EVOLUTION: &str = "BEGIN:VCARD\r
VERSION:3.0\r
X-EVOLUTION-FILE-AS:Faure\\, Louis\r
FN:M. Louis Faure\r
N:Faure;Louis;Marie;M.;\r
TITLE:\r
X-SKYPE;X-EVOLUTION-UI-SLOT=1;TYPE=HOME:louis.f\r
IMPP:skype:louis.f\r
TEL;X-EVOLUTION-UI-SLOT=1;TYPE=OTHER,FAX:05 61 00 00 00\r
EMAIL;TYPE=OTHER;X-EVOLUTION-UI-SLOT=1:louis@faure.example\r
ADR;TYPE=HOME:BP 12;;Mas du Loup;Albi;;81000;\r
item1.X-ABLabel:seule\r
END:VCARD\r
";

pub(super) const ALL: [&str; 9] =
    [APPLE, APPLE_COMPANY, GOOGLE, OUTLOOK, ANDROID, DAVX5, THUNDERBIRD, NEXTCLOUD, EVOLUTION];

fn described(contact: &Contact) -> String {
    let fields = Field::ALL.into_iter().filter(|field| contact.set_fields().contains(*field));
    fields.map(|field| format!("{}: {}\n", field.name(), contact.describe(field).replace('\n', "|"))).collect()
}

fn check(card: &str, expected: &str) {
    let card = Card::parse(card.as_bytes()).expect("a card");
    let expected: String = expected.trim().lines().map(|line| format!("{}\n", line.trim())).collect();
    assert_eq!(described(&read(&card, None)), expected);
}

#[test]
fn cards_of_each_client_are_read() {
    check(
        APPLE,
        "civility_label_id: 18
        last_name: Martin
        first_name: Chloé
        comment: Appelle le matin.|Pas le lundi, ni le mardi.
        job_title: Acheteuse
        job_department: Achats
        contact_addresses: professional: 3 rue des Lilas, Bâtiment B, 69003 Lyon, France
        contact_items: professional_email: chloe@atelier.example; personal_email: perso@chloe.example; \
         professional_cell_phone: 06 11 22 33 44; professional_phone: 01 44 55 66 77; \
         main_professional_phone: 01 44 55 66 00; professional_phone: 01 99 88 77 66; skype: chloe.m; icq: 123456
        company: Atelier Martin
        extra: URL;type=pref;X-ABLABEL=\"_$!<HomePage>!$_\":http://atelier.example; \
         BDAY:--0308",
    );
    check(
        APPLE_COMPANY,
        "contact_items: professional_phone: 02 98 00 00 01
        company: Boulangerie du Port",
    );
    check(
        GOOGLE,
        "last_name: Durand
        first_name: Jean-Pierre
        contact_type: client
        contact_addresses: personal: 12 av. de la Gare, 29200 Brest, France
        contact_items: professional_email: jp@durand.example; professional_email: jp2@durand.example; \
         personal_fax: 0145000000; professional_cell_phone: +33 7 12 34 56 78; professional_cell_phone: 0612345678
        extra: CATEGORIES:Salon 2026,myContacts; X-PHONETIC-LAST-NAME:duran",
    );
    check(
        OUTLOOK,
        "last_name: Petit
        first_name: Zoë
        job_title: Associée
        job_department: Conseil
        contact_addresses: professional: 5 allée, Escalier 2, 75010 Paris, France
        contact_items: professional_phone: 01 40 00 00 00; personal_phone: 01 41 00 00 00; \
         professional_cell_phone: 06 40 00 00 00; professional_fax: 01 40 00 00 01; \
         main_professional_phone: 01 40 00 00 99; professional_email: zoe@petit.example
        company: Cabinet Petit
        extra: X-MS-IMADDRESS:zoe@im.example; \
         PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgG",
    );
    check(
        ANDROID,
        "last_name: Lefèvre
        first_name: Noémie
        comment: Vue au salon. À rappeler très vite après le 3|ou le 4
        contact_items: professional_cell_phone: 06-98-76-54-32; main_professional_phone: 01-30-00-00-01; \
         professional_phone: 01-30-00-00-02",
    );
    check(
        DAVX5,
        "last_name: Benali
        first_name: Amina
        job_department: Cardiologie
        contact_type: partner
        contact_addresses: personal: 7 quai Nord, 74000 Annecy, France
        contact_items: professional_cell_phone: +33 6 00 00 00 01; main_professional_phone: +33-4-00-00-00-00; \
         personal_fax: 04 00 00 00 02; professional_email: amina@lac.example; icq: 9876
        company: Clinique du Lac
        extra: N:;;;Dr; ORG:;;Étage 2; CATEGORIES:Médecins",
    );
    check(
        THUNDERBIRD,
        "last_name: Roux
        first_name: Paul
        comment: préfère le mail
        contact_addresses: personal: 1 place Vieille, Apt 4, 84000 Avignon, France
        contact_items: personal_email: paul@roux.example; personal_phone: 04 90 00 00 00; \
         personal_phone: 04 90 00 00 01
        extra: NICKNAME:Polo; X-CUSTOM1;VALUE=TEXT:un",
    );
    check(
        NEXTCLOUD,
        "last_name: Bernard
        first_name: Liliane
        contact_type: perso
        contact_items: personal_phone: 03 80 00 00 00; professional_cell_phone: 06 80 00 00 00; skype: lili.b
        extra: FN:Tante Lili; IMPP;TYPE=XMPP:lili@jabber.example; CATEGORIES:Famille; \
         PHOTO;ENCODING=b;TYPE=PNG:iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
    );
    check(
        EVOLUTION,
        "civility_label_id: 17
        last_name: Faure
        first_name: Louis
        contact_addresses: personal: Mas du Loup, BP 12, 81000 Albi
        contact_items: skype: louis.f; personal_fax: 05 61 00 00 00; personal_email: louis@faure.example
        extra: X-EVOLUTION-FILE-AS:Faure\\, Louis; N:;;Marie",
    );
}

/// What a change makes of a card: only the lines that differ, `-` before and `+` after.
fn check_change(card: &str, change: impl Fn(&mut Contact), expected: &[&str]) {
    let mut parsed = Card::parse(card.as_bytes()).expect("a card");
    let from = read(&parsed, None);
    let mut to = from.clone();
    change(&mut to);
    assert!(update(&mut parsed, &from, &to));
    let bytes = parsed.to_bytes();
    let after = String::from_utf8(bytes.clone()).expect("UTF-8");
    let eol = if card.contains("\r\n") { "\r\n" } else { "\n" };
    let mut difference: Vec<String> = Vec::new();
    let (old, new): (Vec<&str>, Vec<&str>) = (card.split(eol).collect(), after.split(eol).collect());
    difference.extend(old.iter().filter(|line| !new.contains(line)).map(|line| format!("-{line}")));
    difference.extend(new.iter().filter(|line| !old.contains(line)).map(|line| format!("+{line}")));
    assert_eq!(difference, expected);
    assert_eq!(after.matches('\n').count(), after.matches(eol).count(), "the card's own line ends");
    let again = read(&Card::parse(&bytes).expect("still a card"), None);
    assert_eq!(described(&again), described(&Contact { extra: again.extra.clone(), ..to }));
}

#[test]
fn a_change_touches_its_line_alone() {
    let set = |at: usize, item: Item| move |contact: &mut Contact| contact.items[at] = item.clone();
    check_change(
        APPLE,
        set(5, Item::new(ItemType::ProfessionalPhone, "01 00 00 00 00")),
        &["-item2.TEL:01 99 88 77 66", "+item2.TEL:01 00 00 00 00"],
    );
    check_change(
        APPLE,
        set(1, Item::new(ItemType::ProfessionalEmail, "perso@chloe.example")),
        &[
            "-item1.EMAIL;type=INTERNET:perso@chloe.example",
            "-item1.X-ABLabel:_$!<Home>!$_",
            "+item1.EMAIL;TYPE=INTERNET,WORK:perso@chloe.example",
        ],
    );
    check_change(
        APPLE,
        |contact| {
            contact.items.remove(5);
        },
        &["-item2.TEL:01 99 88 77 66", "-item2.X-ABLabel:Ligne directe"],
    );
    check_change(
        APPLE,
        |contact| contact.addresses[0].zip_code = "69004".into(),
        &[
            "-item3.ADR;type=WORK;type=pref:;;3 rue des Lilas\\nBâtiment B;Lyon;Rhône;69003;France",
            "+item3.ADR;type=WORK;type=pref:;;3 rue des Lilas\\nBâtiment B;Lyon;Rhône;69",
            "+ 004;France",
        ],
    );
    check_change(
        APPLE,
        |contact| contact.last_name = "Martin-Leroy".into(),
        &["-N:Martin;Chloé;;Mme;", "-FN:Chloé Martin", "+N:Martin-Leroy;Chloé;;Mme;", "+FN:Chloé Martin-Leroy"],
    );
    check_change(
        APPLE_COMPANY,
        |contact| contact.company = "Boulangerie du Quai".into(),
        &[
            "-FN:Boulangerie du Port",
            "-ORG:Boulangerie du Port;",
            "+FN:Boulangerie du Quai",
            "+ORG:Boulangerie du Quai",
        ],
    );
    check_change(
        OUTLOOK,
        |contact| contact.job_title = "Gérante".into(),
        &["-TITLE:Associée", "+TITLE;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:G=C3=A9rante"],
    );
    check_change(
        DAVX5,
        set(1, Item::new(ItemType::MainProfessionalPhone, "04 11 11 11 11")),
        &["-TEL;TYPE=x-company_main;VALUE=uri:tel:+33-4-00-00-00-00", "+TEL;TYPE=x-company_main:04 11 11 11 11"],
    );
    check_change(
        THUNDERBIRD,
        |contact| contact.addresses[0].street_address2 = "Apt 5".into(),
        &[
            "-ADR;TYPE=home:;Apt 4;1 place Vieille;Avignon;Vaucluse;84000;France",
            "+ADR;TYPE=home:;Apt 5;1 place Vieille;Avignon;Vaucluse;84000;France",
        ],
    );
    // A first company would make the bare values professional: they are made explicit.
    check_change(
        THUNDERBIRD,
        |contact| contact.company = "Roux & fils".into(),
        &[
            "-EMAIL;PREF=1:paul@roux.example",
            "-TEL;VALUE=TEXT:04 90 00 00 00",
            "+EMAIL;TYPE=home;PREF=1:paul@roux.example",
            "+TEL;TYPE=home,voice;VALUE=TEXT:04 90 00 00 00",
            "+ORG:Roux & fils",
        ],
    );
    check_change(
        EVOLUTION,
        set(0, Item::new(ItemType::Skype, "louis.faure")),
        &[
            "-X-SKYPE;X-EVOLUTION-UI-SLOT=1;TYPE=HOME:louis.f",
            "-IMPP:skype:louis.f",
            "+X-SKYPE;X-EVOLUTION-UI-SLOT=1;TYPE=HOME:louis.faure",
            "+IMPP:skype:louis.faure",
        ],
    );
    check_change(
        NEXTCLOUD,
        |contact| contact.contact_type = Some(crate::contact::ContactType::Client),
        &["-CATEGORIES:Famille,Perso", "+CATEGORIES:Client,Famille", "+X-INCWO-CONTACT-TYPE:client"],
    );
}

/// Which of two handles is the newer one cannot be told from the card: a program that knows X-SKYPE alone may have added
/// its own beside an IMPP that it never showed. Nothing is taken back on a guess.
#[test]
fn two_forms_of_one_service_that_differ_are_two_accounts() {
    let text = "BEGIN:VCARD\nVERSION:3.0\nN:Roux;Paul\nIMPP:skype:paul.1\nX-SKYPE:paul.2\nEND:VCARD\n";
    let card = Card::parse(text.as_bytes()).expect("a card");
    let both = [Item::new(ItemType::Skype, "paul.1"), Item::new(ItemType::Skype, "paul.2")];
    for known in [&both[..0], &both[..1], &both[1..], &both[..]] {
        let known = Contact { items: known.to_vec(), ..Contact::default() };
        assert_eq!(read(&card, Some(&known)).items, both);
    }
    check_change(
        text,
        |contact| contact.items[0].value = "paul.3".into(),
        &["-IMPP:skype:paul.1", "+IMPP:skype:paul.3"],
    );
    check_change(text, |contact| drop(contact.items.remove(0)), &["-IMPP:skype:paul.1"]);
    // Said alike, the two lines are one account, and one edit concerns both.
    let equal_normalised = &text.replace("paul.2", "paul.1");
    let edited = ["-IMPP:skype:paul.1", "-X-SKYPE:paul.1", "+IMPP:skype:paul.3", "+X-SKYPE:paul.3"];
    check_change(equal_normalised, |contact| contact.items[0].value = "paul.3".into(), &edited);
}

#[test]
fn a_line_that_would_go_on_takes_nothing_in() {
    let card = "BEGIN:VCARD\nVERSION:2.1\nN:Roux;Paul\nTITLE;ENCODING=QUOTED-PRINTABLE:Chef=\nEND:VCARD\n";
    check_change(card, |contact| contact.comment = "vu".into(), &["+NOTE:vu"]);
}

#[test]
fn a_card_that_loses_the_line_that_told_its_version_says_it() {
    let card = "BEGIN:VCARD\nN:Roux;Paul\nTEL;HOME:01 99 00 00 01\nNOTE:C:\\new\nEND:VCARD\n";
    check_change(card, |contact| drop(contact.items.pop()), &["-TEL;HOME:01 99 00 00 01", "+VERSION:2.1"]);
}

#[test]
fn what_the_mirror_knows_keeps_its_type() {
    let card = |types: &str| {
        let text = format!("BEGIN:VCARD\nVERSION:3.0\nN:Roux;Paul\nTEL{types}:+33 6 12 34 56 78\nEND:VCARD\n");
        Card::parse(text.as_bytes()).expect("a card")
    };
    for (types, known, expected) in [
        ("", ItemType::ProfessionalPhone, ItemType::ProfessionalPhone),
        (";TYPE=VOICE", ItemType::MainProfessionalPhone, ItemType::MainProfessionalPhone),
        (";TYPE=HOME", ItemType::PersonalFax, ItemType::PersonalFax),
        (";TYPE=HOME", ItemType::ProfessionalPhone, ItemType::PersonalPhone),
        (";TYPE=FAX", ItemType::PersonalPhone, ItemType::PersonalFax),
        (";TYPE=CELL", ItemType::ProfessionalCellPhone, ItemType::ProfessionalCellPhone),
        (";TYPE=HOME,VOICE", ItemType::PersonalFax, ItemType::PersonalPhone),
    ] {
        let known = Contact { items: vec![Item::new(known, "06 12 34 56 78")], ..Contact::default() };
        let found = read(&card(types), Some(&known));
        assert_eq!(found.items, [Item::new(expected, "+33 6 12 34 56 78")], "TEL{types}");
    }
}

#[test]
fn a_type_that_only_the_mirror_knows_is_not_written() {
    let text = "BEGIN:VCARD\nVERSION:3.0\nN:Roux;Paul\nORG:Roux\nTEL:06 12 34 56 78\nEND:VCARD\n";
    let mut card = Card::parse(text.as_bytes()).expect("a card");
    let known = Contact { items: vec![Item::new(ItemType::PersonalCellPhone, "0612345678")], ..Contact::default() };
    let from = read(&card, Some(&known));
    assert_eq!(from.items[0].item_type, ItemType::PersonalCellPhone);
    let to = Contact { comment: "x".into(), ..from.clone() };
    assert!(update(&mut card, &from, &to));
    assert_eq!(String::from_utf8_lossy(&card.to_bytes()), text.replace("END:", "NOTE:x\nEND:"));
    let retyped = Contact { items: vec![Item::new(ItemType::PersonalPhone, "06 12 34 56 78")], ..to.clone() };
    assert!(update(&mut card, &to, &retyped));
    assert_eq!(read(&card, None), retyped);
}

#[test]
fn identities_are_read_and_completed() {
    let mut card = Card::parse(DAVX5.as_bytes()).expect("a card");
    assert_eq!(card.uid().as_deref(), Some("6b3b1a52-3a3c-4d7e-9a53-6f1f0a1f2b3c"));
    assert_eq!((card.crm_id().as_deref(), card.version()), (Some("4711"), Version::V40));
    let identity = crate::contact::identity::Identity { uid: Some("other".into()), crm_id: Some("4711".into()) };
    assert!(!super::set_identity(&mut card, &identity));
    assert_eq!(card.to_bytes(), DAVX5.as_bytes());
    let mut card = Card::parse(ANDROID.as_bytes()).expect("a card");
    assert!(super::set_identity(&mut card, &identity));
    let expected = ANDROID.replace("END:", "UID:other\nX-INCWO-ID:4711\nEND:");
    assert_eq!(String::from_utf8_lossy(&card.to_bytes()), expected);
    for (kind, is_group) in [("KIND:group", true), ("X-ADDRESSBOOKSERVER-KIND:group", true), ("KIND:org", false)] {
        let text = format!("BEGIN:VCARD\nVERSION:3.0\nFN:x\n{kind}\nEND:VCARD\n");
        assert_eq!(Card::parse(text.as_bytes()).map(|card| card.is_group()), Ok(is_group));
    }
}

#[test]
fn what_is_no_card_is_named_with_its_line() {
    for (text, line, message) in [
        ("", 1, "there is no BEGIN:VCARD"),
        ("\n\nBEGIN:VCARD\nFN:x\n", 3, "card has no END:VCARD"),
        ("BEGIN:VCARD\nEND:VCARD\n\nBEGIN:VCARD\nEND:VCARD\n", 4, "a second card begins here"),
        (&format!("BEGIN:VCARD\n{}END:VCARD\n", "TEL:1\n".repeat(5_000)), 1, "card has more than 5,000 lines"),
        (
            &format!("BEGIN:VCARD\nN:{}\nEND:VCARD\n", ";".repeat(200_001)),
            2,
            "a line of the card has more than 200,000 parts",
        ),
        ("BEGIN:VCARD\nVERSION:9.0\nEND:VCARD\n", 2, "card is of an unknown version"),
    ] {
        let error = Card::parse(text.as_bytes()).map(|_| ()).expect_err("no card");
        assert_eq!((error.line, error.message), (line, message), "{text:.80?}");
    }
}
