//! Files in each program's manner, and what is read from them and changed in them.

use super::*;
use crate::contact::{Address, AddressType, Civility, Contact, Field, FieldSet, Item, ItemType, identity::Identity};

/// A row as one line: scalars, items, addresses, what was refused.
fn show(row: &Row) -> String {
    let contact = &row.contact;
    let scalars = Field::ALL.into_iter().filter(|field| !field.is_list()).filter_map(|field| {
        let text = contact.scalar(field);
        (!text.is_empty()).then(|| format!("{}={text}", field.name()))
    });
    let mut parts: Vec<String> = row.crm_id.iter().map(|id| format!("id={id}")).collect();
    parts.extend(row.uid.iter().map(|uid| format!("uid={uid}")));
    parts.extend(scalars);
    parts.extend(contact.items.iter().map(Item::one_line));
    parts.extend(contact.addresses.iter().map(Address::one_line));
    parts.extend(row.notes.iter().map(|note| format!("{:?} {}", note.sort, note.column)));
    parts.extend(row.malformed.map(|malformed| malformed.to_string()));
    format!("{}: {}", row.line, parts.join("; ").replace('\n', "/"))
}

/// A file's dialect, then its rows as an import reads them.
fn check(bytes: &[u8], dialect: &str, rows: &[&str]) {
    let import = import(bytes, None).unwrap();
    assert_eq!(import.recognised.profile, dialect);
    assert_eq!(import.rows.iter().map(show).collect::<Vec<_>>(), rows);
}

fn fails(text: &str, profile: Option<&Profile>, message: &str, hint: &str) {
    let error = Table::parse(text.as_bytes(), profile).unwrap_err();
    assert!(error.to_string().contains(message), "{error}");
    assert!(error.hint().unwrap_or_default().contains(hint), "{:?}", error.hint());
}

#[test]
fn google_new_and_old() {
    check(
        b"First Name,Last Name,Name Prefix,File As,Organization Name,Notes,Labels,E-mail 1 - Label,E-mail 1 - Value,\
          E-mail 2 - Label,E-mail 2 - Value,Phone 1 - Label,Phone 1 - Value,Phone 2 - Label,Phone 2 - Value,\
          Address 1 - Label,Address 1 - Formatted,Address 1 - Street,Address 1 - City,Address 1 - Postal Code,\
          Custom Field 1 - Label,Custom Field 1 - Value\n\
          Ada,Lovelace,Mme,,Engine,x,Client ::: * myContacts,* Work,ada@e.fr ::: a@e.fr,Domicile,ada@h.fr,Mobile,\
          06 12 34 56 78,Fax (bureau),01 23 45 67 89,Home,ignored,3 rue X,Paris,75001,Skype,ada.l\n\
          ,,,Babbage,,,* starred,Autre,c@b.fr,,,,,,,,\"3 rue Y\n75001 Paris\",,,,VIP,yes\n",
        "google",
        &[
            "2: civility_label_id=18; last_name=Lovelace; first_name=Ada; comment=x; contact_type=client; \
             company=Engine; professional_email: ada@e.fr; professional_email: a@e.fr; personal_email: ada@h.fr; \
             professional_cell_phone: 06 12 34 56 78; professional_fax: 01 23 45 67 89; skype: ada.l; \
             personal: 3 rue X, 75001 Paris",
            "3: last_name=Babbage; personal_email: c@b.fr; other: 3 rue Y/75001 Paris",
        ],
    );
    check(
        b"Name,Given Name,Family Name,Group Membership,E-mail 1 - Type,E-mail 1 - Value,IM 1 - Type,IM 1 - Service,\
          IM 1 - Value,Phone 1 - Type,Phone 1 - Value,Organization 1 - Name,Organization 1 - Title\n\
          Ada Lovelace,Ada,Lovelace,* My Contacts ::: Prospects,* ,a@e.fr,Other,ICQ,123,Main,0123456789,Engine,Analyst\n",
        "google",
        &["2: last_name=Lovelace; first_name=Ada; job_title=Analyst; contact_type=prospect; company=Engine; \
           professional_email: a@e.fr; main_professional_phone: 0123456789; icq: 123"],
    );
}

#[test]
fn outlook_in_english_and_french_of_both_generations() {
    check(
        b"\"Title\",\"First Name\",\"Last Name\",\"Job Title\",\"Business Street\",\"Business Street 2\",\
          \"Business Street 3\",\"Business Postal Code\",\"Business Country/Region\",\"Mobile Phone\",\
          \"E-mail Address\",\"E-mail 2 Address\",\"Categories\",\"Web Page\"\r\n\
          \"Mrs.\",\"Ada\",\"Lovelace\",\"Analyst\",\"3 rue X\",\"2nd floor\",\"left\",\"1310\",\"\",\"612345678\",\
          \"ada@h.fr\",\"a@h.fr\",\"Blue, Supplier\",\"x\"\r\n",
        "outlook",
        &["2: civility_label_id=18; last_name=Lovelace; first_name=Ada; job_title=Analyst; contact_type=supplier; \
           personal_cell_phone: 0612345678; personal_email: ada@h.fr; personal_email: a@h.fr; \
           professional: 3 rue X, 2nd floor/left, 01310; Repaired Business Postal Code; Repaired Mobile Phone"],
    );
    let recent = "\u{feff}\"Titre\",\"Prénom\",\"Nom\",\"Société\",\"Service\",\"Titre\",\"Adresse de courrier\",\"Téléphone de l’assistant(e)\"\r\n\
                  \"M.\",\"Charles\",\"Babbage\",\"Engine\",\"R&D\",\"Inventeur\",\"c@b.fr\",\"01\"\r\n";
    let read = "civility_label_id=17; last_name=Babbage; first_name=Charles; job_title=Inventeur; job_department=R&D; \
                company=Engine; professional_email: c@b.fr";
    check(recent.as_bytes(), "outlook-fr", &[&format!("2: {read}")]);
    let old = "Titre;Nom;Prénom;Nom;Société ;Service ;Titre;Adresse de messagerie;Pays (bureau)\r\n\
               M;Babbage Charles;Charles;Babbage;Engine;R&D;Inventeur;c@b.fr;\r\n";
    let (bytes, ..) = encoding_rs::WINDOWS_1252.encode(old);
    check(&bytes, "outlook-fr", &[&format!("2: {read}")]);
    let (bytes, ..) = encoding_rs::MACINTOSH.encode(old);
    check(&bytes, "outlook-fr", &[&format!("2: {read}")]);
}

#[test]
fn a_single_titre_is_what_it_holds() {
    let file = |titles: [&str; 3]| {
        let rows = titles.map(|title| format!("{title},Ada,Lovelace,ada@e.fr\n")).concat();
        format!("Titre,Prénom,Nom,Adresse de courrier\n{rows}")
    };
    let read = |titles: [&str; 3]| {
        let import = import(file(titles).as_bytes(), None).unwrap();
        import.rows.into_iter().map(|row| (row.contact.civility.is_some(), row.contact.job_title)).collect::<Vec<_>>()
    };
    assert_eq!(read(["M.", "", "Mme"]), [(true, String::new()), (false, String::new()), (true, String::new())]);
    let jobs = [(false, "Analyste".into()), (false, "M.".into()), (false, "Inventeur".into())];
    assert_eq!(read(["Analyste", "M.", "Inventeur"]), jobs);
    // Outlook.com: "Title" is the civility, unless there is no "Job Title" and it holds something else.
    let text = "First Name,Last Name,Title,E-mail Address,Business City\nAda,Lovelace,Analyst,a@e.fr,Paris\n";
    assert_eq!(import(text.as_bytes(), None).unwrap().rows[0].contact.job_title, "Analyst");
}

#[test]
fn thunderbird_in_english_and_french() {
    check(
        b"First Name,Last Name,Display Name,Primary Email,Screen Name,Work Phone,Fax Number,Home ZipCode,Organisation,\n\
          Ada,Lovelace,The Countess,a@e.fr,ada,01 23 45 67 89,01,75001,Engine\n\
          ,,Engine,b@e.fr,,,,,Engine,\n",
        "thunderbird",
        &[
            "2: last_name=Lovelace; first_name=Ada; company=Engine; professional_email: a@e.fr; aim: ada; \
             professional_phone: 01 23 45 67 89; professional_fax: 01; personal: 75001",
            "3: company=Engine; professional_email: b@e.fr",
        ],
    );
    check(
        "Prénom,Nom de famille,Nom à afficher,Portable,Adresse privée,Ville,Code postal,Adresse professionnelle,Ville,Code postal,Profession\n\
         Ada,Lovelace,,06 12,1 rue A,Évry,91000,2 rue B,Paris,75002,Analyste\n"
            .as_bytes(),
        "thunderbird-fr",
        &["2: last_name=Lovelace; first_name=Ada; job_title=Analyste; personal_cell_phone: 06 12; \
           personal: 1 rue A, 91000 Évry; professional: 2 rue B, 75002 Paris"],
    );
}

#[test]
fn linkedin_hubspot_salesforce_and_a_sheet_of_ones_own() {
    check(
        b"Notes:\n\"When exporting, some\nmay be missing\"\n\nFirst Name,Last Name,URL,Email Address,Company,Position,\
          Connected On\nAda,Lovelace,https://x,,Engine,Analyst,12 Mar 2024\n",
        "linkedin",
        &["6: last_name=Lovelace; first_name=Ada; job_title=Analyst; company=Engine"],
    );
    check(
        b"First name,Last name,Email,Phone number,Company name,Lifecycle stage\nAda,Lovelace,a@e.fr,0123456789,Engine,\
          Customer\n",
        "hubspot",
        &["2: last_name=Lovelace; first_name=Ada; contact_type=client; company=Engine; \
           professional_email: a@e.fr; professional_phone: 0123456789"],
    );
    let filled = import(b"First name,Last name,Pager,Nickname\nA,,1,\nC,D,2,\n", None).unwrap().filled;
    let filled: Vec<_> = filled.iter().map(|f| (f.name.as_str(), f.read_as.as_deref(), f.rows)).collect();
    let expected = [("First name", Some("first_name"), 2), ("Last name", Some("last_name"), 1), ("Pager", None, 2)];
    assert_eq!(filled, expected);
    check(
        b"Salutation,FirstName,LastName,Title,AccountName,MobilePhone,MailingCity\nMr.,Ada,Lovelace,Analyst,Engine,06,Paris\n",
        "salesforce",
        &["2: civility_label_id=17; last_name=Lovelace; first_name=Ada; job_title=Analyst; company=Engine; \
           professional_cell_phone: 06; professional: Paris"],
    );
    check(
        "sep=;\r\nNom;Prénom;Téléphone;E-mail;CP;Ville;Couleur\r\nLovelace;Ada;'+33123456789;'@ada;1310;Nantua;bleu\r\n;;;;;;\r\n"
            .as_bytes(),
        "excel-fr",
        &["3: last_name=Lovelace; first_name=Ada; professional_phone: +33123456789; professional_email: @ada; \
           professional: 01310 Nantua; Repaired CP"],
    );
}

#[test]
fn what_a_spreadsheet_damaged_is_repaired_or_refused() {
    let text = "last_name;professional_phone;personal_phone;professional_zip_code;professional_country;civility\n\
                A;612345678;3,36E+10;1310;;Dr\n\
                B;\"612345678\";+33 1;\"1310\";Belgique;M.\n\
                C;912345678;;1310;Espagne;\n\
                D;1\n\
                E;1;2;3;4;5;6\n";
    let import = import(text.as_bytes(), None).unwrap();
    assert_eq!(
        import.rows.iter().map(show).collect::<Vec<_>>(),
        [
            "2: last_name=A; professional_phone: 0612345678; professional: 01310; Refused civility; \
             Repaired professional_zip_code; Lost personal_phone; Repaired professional_phone",
            "3: civility_label_id=17; last_name=B; personal_phone: +33 1; professional_phone: 612345678; \
             professional: 1310, Belgique",
            "4: last_name=C; professional_phone: 912345678; professional: 1310, Espagne",
            "5: has 2 cells, the header 6",
            "6: has 7 cells, the header 6",
        ]
    );
    assert_eq!(import.rows[0].keep, FieldSet::NONE.with(Field::Items).with(Field::Civility));
    assert_eq!(import.rows[1].keep, FieldSet::NONE);
}

#[test]
fn a_mark_whose_digits_are_lost_marks_nobody_and_is_written_anew() {
    let mut table = Table::parse("id;uid;last_name\n812;4,1E+17;A\n".as_bytes(), None).unwrap();
    let row = table.row(0).unwrap();
    assert_eq!((row.uid, row.crm_id.as_deref()), (None, Some("812")));
    let identity = Identity { uid: Some("410000000000000001".into()), crm_id: None };
    table.update(0, &row.contact, &row.contact, &identity).unwrap();
    assert_eq!(table.to_bytes(), b"id;uid;last_name\n\"812\";\"410000000000000001\";\"A\"\n");
}

#[test]
fn a_good_number_takes_the_place_of_a_damaged_one() {
    let file = |cells: &str| format!("last_name;professional_phone;professional_phone_2;personal_email\n{cells}\n");
    let number = |value: &str| item(ItemType::ProfessionalPhone, value);
    let add_mail = |contact: &mut Contact| contact.items.push(item(ItemType::PersonalEmail, "a@e.fr"));
    edit(&file("A;4E+11;02;"), None, add_mail, &file("\"A\";4E+11;\"02\";\"a@e.fr\""));
    edit(
        &file("A;4E+11;02;"),
        None,
        |to| to.items = vec![number("01"), number("02")],
        &file("\"A\";\"01\";\"02\";\"\""),
    );
    edit(&file("A;4E+11;02;"), None, |to| to.items.clear(), &file("\"A\";\"\";\"\";\"\""));
}

#[test]
fn files_that_cannot_be_read_are_told_why() {
    fails("", None, "the file is empty", "");
    fails(" \r\n", None, "the file is empty", "");
    fails(
        "a,b\n1,2\n",
        None,
        "looked at the first 2 lines, as utf-8, separated by \";\", \",\", a tab, \"|\"",
        "[csv.NAME]",
    );
    fails("Nom:Prénom:E-mail\na:b:c\n", None, "no header line", "separated by \":\"");
    fails(
        "Nom;Prénom;E-mail\na,b,c\nd,e,f\n",
        None,
        "the header on line 1 is separated by \";\", the rows below it by \",\"",
        "with \";\" everywhere",
    );
    fails("Nom;Prénom\na;\"b\nc;d\n", None, "the row on line 2 is never closed", "double it");
    fails("Nom;Prénom\n", Profile::named("linkedin"), "for the columns of linkedin", "");
    let mixed = Table::parse(
        "Nom;Prénom\nÉ;è\nA;à".as_bytes().iter().chain(b"\xE9\n").copied().collect::<Vec<u8>>().as_slice(),
        None,
    );
    assert!(mixed.unwrap_err().to_string().contains("line 3 holds bytes that are not"));
    let broken = Table::parse(b"\xFF\xFEN\0o", None).unwrap_err();
    assert!(broken.to_string().contains("not valid utf-16le"), "{broken}");
}

/// Reads a file, changes its first row, and compares the file.
fn edit(before: &str, profile: Option<&Profile>, change: impl Fn(&mut Contact), after: &str) -> Vec<String> {
    let mut table = Table::parse(before.as_bytes(), profile).unwrap();
    let row = table.rows().find(|row| row.malformed.is_none()).unwrap();
    let mut to = row.contact.clone();
    change(&mut to);
    let missed = table.update(row.index, &row.contact, &to, &Identity::default()).unwrap();
    assert_eq!(String::from_utf8(table.to_bytes()).unwrap(), after);
    missed.into_iter().map(|missed| missed.what).collect()
}

fn item(item_type: ItemType, value: &str) -> Item {
    Item::new(item_type, value)
}

#[test]
fn an_edit_changes_its_cell_and_nothing_else() {
    let set_name = |contact: &mut Contact| contact.first_name = "Aug;ta".into();
    edit(
        "Nom;\"Prénom\";E-mail;Couleur\r\n\"Lovelace\";Ada;a@e.fr;\"bleu\"\r\n\r\nX;Y;Z;\"\"",
        None,
        set_name,
        "Nom;\"Prénom\";E-mail;Couleur\r\n\"Lovelace\";\"Aug;ta\";a@e.fr;\"bleu\"\r\n\r\nX;Y;Z;\"\"",
    );
    // The whole name follows the names that it was made of; a user's own stays.
    let thunderbird = |display: &str, first: &str| {
        format!("First Name,Last Name,Display Name,Primary Email\n{first},Lovelace,{display},a@e.fr\n")
    };
    let rename = |contact: &mut Contact| contact.first_name = "Augusta".into();
    edit(&thunderbird("Ada Lovelace", "Ada"), None, rename, &thunderbird("Augusta Lovelace", "Augusta"));
    edit(&thunderbird("Lovelace Ada", "Ada"), None, rename, &thunderbird("Augusta Lovelace", "Augusta"));
    edit(&thunderbird("The Countess", "Ada"), None, rename, &thunderbird("The Countess", "Augusta"));
    // Neither a doctor nor the other categories are lost.
    let type_of = |contact: &mut Contact| {
        contact.civility = Some(Civility::Mr);
        contact.contact_type = Some(crate::contact::ContactType::Supplier);
    };
    let missed = edit(
        "Title,First Name,Last Name,Job Title,Categories,Business City\nDr,A,L,,\"Blue;Client;VIP\",Paris\n",
        None,
        type_of,
        "Title,First Name,Last Name,Job Title,Categories,Business City\nDr,A,L,,\"Blue;Supplier;VIP\",Paris\n",
    );
    assert_eq!(missed, ["civility"]);
}

#[test]
fn a_company_card_has_no_person_after_its_company_changed() {
    let file =
        |name: &str| format!("First Name,Last Name,Display Name,Primary Email,Organization\n,,{name},a@e.fr,{name}\n");
    edit(&file("Engine"), None, |contact| contact.company = "Engines".into(), &file("Engines"));
}

#[test]
fn labelled_entries_stay_where_they_are() {
    let head = "First Name,Last Name,Phone 1 - Label,Phone 1 - Value,Phone 2 - Label,Phone 2 - Value";
    let add = |contact: &mut Contact| {
        contact.items.push(item(ItemType::PersonalCellPhone, "07"));
        contact.items[0].value = "02".into();
    };
    edit(
        &format!("{head}\nA,L,* Bureau,01,Yacht,03\nB,M,,,Home,04\n"),
        None,
        add,
        &format!("{head},Phone 3 - Label,Phone 3 - Value\nA,L,* Bureau,02,Yacht,03,Home Mobile,07\nB,M,,,Home,04,,\n"),
    );
    let retype = |contact: &mut Contact| contact.items[0].item_type = ItemType::PersonalPhone;
    edit(&format!("{head}\nA,L,* Bureau,01,Yacht,03\n"), None, retype, &format!("{head}\nA,L,Home,01,Yacht,03\n"));
    // What the CRM calls a private number was read as a professional one: the same number is no change.
    let known_better = |contact: &mut Contact| {
        contact.items = vec![item(ItemType::ProfessionalPhone, "01"), item(ItemType::PersonalPhone, "03")];
        contact.items.push(item(ItemType::ProfessionalEmail, "a@e.fr"));
    };
    let same = format!("{head}\nA,L,* Bureau,01,Yacht,03\n");
    assert_eq!(edit(&same, None, known_better, &same), ["professional_email"]);
}

#[test]
fn a_second_value_adds_a_column_to_every_row() {
    let add = |contact: &mut Contact| {
        contact.items.push(item(ItemType::ProfessionalPhone, "612345678"));
        contact.items.push(item(ItemType::Skype, "ada"));
        contact.addresses.push(Address { city: "Évry".into(), ..Address::new(AddressType::Personal) });
        contact.addresses.push(Address { city: "Pau".into(), ..Address::new(AddressType::Personal) });
    };
    let missed = edit(
        "last_name,professional_phone,personal_city\nA,01,\nB,02,\nC,03\n",
        None,
        add,
        "last_name,professional_phone,personal_city,personal_2_city,professional_phone_2\n\
         \"A\",\"01\",\"Évry\",\"Pau\",\"612345678\"\nB,02,,,\nC,03,,\n",
    );
    // A user took the column away: it is not given back.
    assert_eq!(missed, ["skype"]);
    // A column that goes by another name has brothers by that name, read and written.
    let add = |contact: &mut Contact| contact.items.push(item(ItemType::ProfessionalPhone, "03"));
    let after = "Nom;Prénom;Tél.;Tél. 2;Notes;Tél. 3\nA;;01;02;n;03\n";
    edit("Nom;Prénom;Tél.;Tél. 2;Notes\nA;;01;02;n\n", None, add, after);
    // A header that ends with a delimiter: short rows are filled up first.
    let add = |contact: &mut Contact| contact.items.push(item(ItemType::ProfessionalPhone, "03"));
    let after = "last_name,professional_phone,,professional_phone_2\n\"B\",\"02\",\"\",\"03\"\nA,01,,\n";
    edit("last_name,professional_phone,\nB,02\nA,01,\n", None, add, after);
    // One column more would make the overlong row a sound one.
    let overlong = "last_name,professional_phone\nA,01\nB,02,03\n";
    let missed = edit(overlong, None, |contact| contact.items.push(item(ItemType::ProfessionalPhone, "04")), overlong);
    assert_eq!(missed, ["professional_phone"]);
}

#[test]
fn countries_do_not_change_numbers_that_stay() {
    let file = |cells: &str| format!("last_name,professional_phone,professional_zip_code,country\n{cells}\n");
    edit(
        &file("A,612345678,1310,"),
        None,
        |contact| contact.country = "Suisse".into(),
        &file("\"A\",\"0612345678\",\"01310\",\"Suisse\""),
    );
    edit(
        &file("A,912345678,1310,Suisse"),
        None,
        |contact| contact.country.clear(),
        &file("\"A\",\"912345678\",\"1310\",\"\""),
    );
}

#[test]
fn a_character_outside_the_encoding_turns_the_file_into_utf_8() {
    let (bytes, ..) = encoding_rs::WINDOWS_1252.encode("Nom;Prénom\nLovelace;Élodie\n");
    let mut table = Table::parse(&bytes, None).unwrap();
    let row = table.rows().next().unwrap();
    let to = Contact { last_name: "Łódź".into(), ..row.contact.clone() };
    table.update(row.index, &row.contact, &to, &Identity::default()).unwrap();
    assert_eq!(table.to_bytes(), "\u{feff}Nom;Prénom\nŁódź;Élodie\n".as_bytes());
}

#[test]
fn rows_come_and_go_and_the_end_of_the_file_stays_as_it_is() {
    for end in ["", "\r\n"] {
        let mut table = Table::parse(format!("id,uid,last_name\r\n1,,A\r\n2,,B{end}").as_bytes(), None).unwrap();
        let indexes: Vec<usize> = table.rows().map(|row| row.index).collect();
        assert!(table.remove(indexes[1]));
        assert!(!table.remove(indexes[1]) && !table.remove(99));
        assert!(matches!(
            table.update(indexes[1], &Contact::default(), &Contact::default(), &Identity::default()),
            Err(CsvError::NoRow(_))
        ));
        let new = Contact { last_name: "C".into(), ..Contact::default() };
        let (index, missed) = table.push(&new, &Identity { uid: Some("u".into()), crm_id: None }).unwrap();
        assert!(missed.is_empty());
        let id = Identity { uid: Some("other".into()), crm_id: Some("3".into()) };
        table.update(index, &new, &new, &id).unwrap();
        let text = String::from_utf8(table.to_bytes()).unwrap();
        assert_eq!(text, format!("id,uid,last_name\r\n1,,A\r\n\"3\",\"u\",\"C\"{end}"), "the uid that is there stays");
        assert_eq!(table.row(index).unwrap().line, 4);
    }
}

#[test]
fn a_row_is_never_left_blank() {
    let mut table = Table::parse(b"last_name,skype,Couleur\nA,ada,\n", None).unwrap();
    let (bytes, row) = (table.to_bytes(), table.rows().next().unwrap());
    let bare = Contact { first_name: "Ada".into(), ..Contact::default() };
    let no_mark = Identity::default();
    assert!(matches!(table.push(&bare, &no_mark), Err(CsvError::BlankRow)));
    assert!(matches!(table.update(row.index, &row.contact, &bare, &no_mark), Err(CsvError::BlankRow)));
    assert_eq!(table.to_bytes(), bytes);
}

#[test]
fn an_excel_export_is_safe_to_open_and_reads_back() {
    let contact = Contact {
        last_name: "=HYPERLINK(\"x\")".into(),
        first_name: "'Ada".into(),
        civility: Some(Civility::Mr),
        items: vec![item(ItemType::ProfessionalPhone, "0123456789"), item(ItemType::ProfessionalPhone, "+33123456789")],
        ..Contact::default()
    };
    let profile = Profile::named("excel-fr").unwrap();
    let mut widths = Widths::new(profile);
    widths.measure(&contact);
    let mut bytes = Vec::new();
    let exported = export([(contact.clone(), Identity::default())], &widths, &mut bytes).unwrap();
    assert!(exported.missed.is_empty());
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.starts_with("\u{feff}\"Identifiant CRM\";"), "{text}");
    for cell in
        [";\"M.\";", ";\"'=HYPERLINK(\"\"x\"\")\";", ";\"''Ada\";", "\"01 23 45 67 89\"", "\"+33 1 23 45 67 89\""]
    {
        assert!(text.contains(cell), "{cell} in {text}");
    }
    let read = import(&bytes, None).unwrap().rows.remove(0).contact;
    assert_eq!((read.last_name, read.first_name), (contact.last_name, contact.first_name));
}

#[test]
fn an_export_counts_what_finds_no_column() {
    let contact = Contact {
        last_name: "Lovelace".into(),
        firm_id: "7".into(),
        country: "France".into(),
        extra: vec!["BDAY:18151210".into()],
        items: vec![item(ItemType::Skype, "a"), item(ItemType::Skype, "b"), item(ItemType::PersonalEmail, "c@d.fr")],
        ..Contact::default()
    };
    let widths = Widths::new(Profile::named("outlook").unwrap());
    let mut bytes = Vec::new();
    let rows = [(contact.clone(), Identity::default()), (contact, Identity::default())];
    let exported = export(rows, &widths, &mut bytes).unwrap();
    let missed: Vec<_> = exported.missed.iter().map(|(what, count)| (what.as_str(), *count)).collect();
    assert_eq!((exported.rows, missed), (2, vec![("country", 2), ("extra", 2), ("firm_id", 2), ("skype", 4)]));
}

#[test]
fn a_huge_header_is_no_header() {
    for names in [",x".repeat(1_000_000), ",professional_phone".repeat(10_000)] {
        assert!(matches!(
            Table::parse(format!("last_name{names}\n").as_bytes(), None),
            Err(CsvError::Unrecognised { .. })
        ));
    }
}

#[test]
fn every_built_in_profile_is_recognised_by_its_own_header() {
    for profile in Profile::all() {
        let table = Table::parse(&Table::new(profile).to_bytes(), None).unwrap();
        assert_eq!(table.profile().name(), profile.name());
        assert!(!profile.title().is_empty() && Profile::named(profile.name()).is_some());
        assert!(table.weak().less(table.fields()).is_empty());
        let unread: Vec<_> = profile.columns.iter().filter(|column| column.means.is_none()).collect();
        assert!(unread.len() < profile.columns.len(), "{}", profile.name());
    }
    let all = FieldSet::ALL.without(Field::Extra);
    assert_eq!(Table::new(Profile::carnet()).fields(), all);
    assert_eq!(Table::new(Profile::named("excel-fr").unwrap()).fields(), all);
    assert!(Table::new(Profile::carnet()).has_uid() && !Table::new(Profile::named("google").unwrap()).has_uid());
}
