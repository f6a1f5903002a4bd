//! What other programs leave in an address book: odd names, groups, copies; and what servers make of cards.

use std::fs;

use crate::{
    desk::{Desk, card},
    server,
};

#[test]
fn cards_with_odd_names_are_found_changed_and_deleted() {
    for name in server::names() {
        let desk = Desk::new(&name, 2);
        let odd = [("a%20b%3B%C3%A9%40x.vcf", "a b;é@x.vcf", "Ada"), ("h%25i.vcf", "h%i.vcf", "Hugo")];
        for (address, _, first_name) in odd {
            let uid = format!("UID:odd-{first_name}");
            let text = card(&[&uid, &format!("FN:{first_name} Odd"), &format!("N:Odd;{first_name};;;")]);
            let status = desk.other.put(&desk.other.at(address), &text);
            assert!(status.is_success(), "{name}: {address}: {status}");
        }
        let names = || desk.other.listed().into_iter().map(|(_, name, _)| name).collect::<Vec<_>>();
        desk.says(&["sync"], 0, &[]);
        assert_eq!(desk.crm.count().unwrap(), 4, "{name}");
        for (_, shown, first_name) in odd {
            assert!(names().contains(&shown.to_owned()), "{name}: {:?}", names());
            let file = desk.team(&format!("Odd;{first_name}"));
            let text = fs::read_to_string(&file).unwrap();
            fs::write(&file, text.replace("END:VCARD", "TITLE:Odd job\r\nEND:VCARD")).unwrap();
            desk.says(&["sync"], 0, &[]);
            assert!(desk.phone(&format!("Odd;{first_name}")).contains("TITLE:Odd job"), "{name}: {shown}");
            fs::remove_file(file).unwrap();
            desk.says(&["sync"], 0, &[]);
            assert!(!names().contains(&shown.to_owned()), "{name}: {:?}", names());
        }
        desk.is_quiet();
    }
}

#[test]
fn groups_are_left_alone() {
    for name in server::names() {
        let desk = Desk::new(&name, 2);
        let group = |number: usize, members: &str| {
            let (uid, full) = (format!("UID:group-{number}"), format!("FN:Group {number}"));
            card(&[&uid, &full, &format!("N:Group {number};;;;"), "X-ADDRESSBOOKSERVER-KIND:group", members])
        };
        let mut kept = Vec::new();
        // One that a whole listing meets, and one for each of three looks for changes.
        for number in 1..=4 {
            let address = desk.other.at(&format!("g{number}.vcf"));
            let put = |members: &str| {
                let status = desk.other.put(&address, &group(number, members));
                assert!(status.is_success(), "{name}: {status}");
            };
            put("X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:1");
            desk.says(&["sync"], 0, &[]);
            put("X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:2");
            kept.push((address.clone(), desk.other.get(&address)));
            desk.is_quiet();
        }
        for (address, text) in kept {
            assert_eq!(desk.other.get(&address), text, "{name}");
        }
        assert_eq!((desk.crm.count().unwrap(), desk.other.cards().len()), (2, 6), "{name}");
    }
}

#[test]
fn of_two_cards_with_one_uid_the_second_is_left_alone() {
    for name in server::names() {
        let desk = Desk::new(&name, 2);
        let text = card(&["UID:twin", "FN:Ada Twin", "N:Twin;Ada;;;"]);
        assert!(desk.other.put(&desk.other.at("one.vcf"), &text).is_success(), "{name}");
        desk.says(&["sync"], 0, &[]);
        let second = desk.other.at("two.vcf");
        let status = desk.other.put(&second, &text.replace("FN:Ada", "TITLE:Other\r\nFN:Ada"));
        if !status.is_success() {
            println!("{name} does not take a second card with one UID: {status}");
            desk.is_quiet();
            continue;
        }
        let left = desk.other.get(&second);
        for _ in 0..2 {
            desk.says(&["sync"], 3, &[]);
            assert_eq!((desk.crm.count().unwrap(), desk.other.get(&second)), (3, left.clone()), "{name}");
        }
        desk.says(&["status"], 3, &["has the same UID as another card and is left alone"]);
        desk.other.delete(&second);
        desk.says(&["sync"], 0, &[]);
        desk.is_quiet();
    }
}

#[test]
fn what_a_server_does_not_keep_is_said_and_changes_nothing_elsewhere() {
    for name in server::names() {
        let desk = Desk::new(&name, 2);
        desk.says(&["sync"], 0, &[]);
        let text = card(&["UID:nick", "FN:Ada Nick", "N:Nick;Ada;;;", "NICKNAME:Jo,Joe", "EMAIL:ada@nick.example"]);
        fs::write(desk.folder.path().join("team/nick.vcf"), &text).unwrap();
        desk.says(&["sync"], 0, &[]);
        let file = desk.team("Nick;Ada");
        let (there, here) = (desk.phone("Nick;Ada"), fs::read_to_string(&file).unwrap());
        assert!(here.contains("NICKNAME:Jo,Joe"), "{name}: {here}");
        let keeps = there.contains("NICKNAME:Jo,Joe");
        assert!(!keeps || name != "radicale", "{name} keeps it now: {there}");
        let (_, status) = desk.carnet(&["status"]);
        assert_eq!(status.contains("does not keep as sent: NICKNAME"), !keeps, "{name}: {status}");
        desk.is_quiet();
        // Another change of the same contact takes nothing with it.
        fs::write(&file, here.replace("END:VCARD", "TITLE:Countess\r\nEND:VCARD")).unwrap();
        desk.says(&["sync"], 0, &[]);
        desk.is_quiet();
        assert!(desk.phone("Nick;Ada").contains("TITLE:Countess"), "{name}");
        assert!(fs::read_to_string(&file).unwrap().contains("NICKNAME:Jo,Joe"), "{name}");
    }
}
