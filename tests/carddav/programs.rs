//! Programs that people use beside carnet, on the same address book: vdirsyncer carries it to a folder, khard reads that.

use std::{collections::BTreeMap, fs, process::Command};

use crate::{
    desk::{Desk, card},
    server::{self, About, python},
};

/// vdirsyncer and khard, on a folder of their own.
struct Programs<'d>(&'d Desk);

impl Programs<'_> {
    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let folder = self.0.folder.path();
        let About { url, username, password, .. } = &self.0.about;
        let copy = folder.join("copy");
        fs::create_dir_all(&copy).unwrap();
        let text = format!(
            "[general]\nstatus_path = \"{}\"\n[pair all]\na = \"folder\"\nb = \"server\"\ncollections = null\n\
             [storage folder]\ntype = \"filesystem\"\npath = \"{}\"\nfileext = \".vcf\"\n\
             [storage server]\ntype = \"carddav\"\nurl = \"{url}\"\nusername = \"{username}\"\npassword = \"{password}\"\n",
            folder.join("status").display(),
            copy.display()
        );
        fs::write(folder.join("vdirsyncer.conf"), text).unwrap();
        fs::write(folder.join("khard.conf"), format!("[addressbooks]\n[[copy]]\npath = {}\n", copy.display())).unwrap();
        let mut command = Command::new(python().with_file_name(program));
        let output = command
            .env("HOME", folder)
            .arg("-c")
            .arg(folder.join(format!("{program}.conf")))
            .args(arguments)
            .output()
            .unwrap();
        let told = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(output.status.success(), "{} {program} {arguments:?}: {told}", self.0.about.name);
        told
    }

    /// The folder, once vdirsyncer has carried everything both ways.
    fn copy(&self) -> BTreeMap<String, String> {
        self.run("vdirsyncer", &["sync"]);
        let files = fs::read_dir(self.0.folder.path().join("copy")).unwrap().map(|entry| entry.unwrap().path());
        files.map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap())).collect()
    }
}

#[test]
fn vdirsyncer_carries_what_carnet_did_and_no_more() {
    for name in server::names() {
        let desk = Desk::new(&name, 3);
        for (number, first_name) in ["Ada", "Bob"].iter().enumerate() {
            let lines = [format!("UID:own-{number}"), format!("FN:{first_name} Own"), format!("N:Own;{first_name};;;")];
            let text = card(&lines.each_ref().map(String::as_str));
            assert!(desk.other.put(&desk.other.at(&format!("own-{number}.vcf")), &text).is_success(), "{name}");
        }
        let programs = Programs(&desk);
        programs.run("vdirsyncer", &["discover"]);
        let before = programs.copy();
        assert_eq!(before.len(), 2, "{name}");
        desk.says(&["sync"], 0, &[]);
        let first = programs.copy();
        assert_eq!(first.len(), 5, "{name}: {first:#?}");
        for (file, text) in &before {
            assert_eq!(first.get(file), Some(text), "{name}: a card of somebody's own was rewritten");
        }
        desk.is_quiet();
        assert_eq!(programs.copy(), first, "{name}");

        desk.edit_in_crm("Chosen by the CRM");
        desk.says(&["sync"], 0, &[]);
        let second = programs.copy();
        let differing: Vec<&String> =
            second.iter().filter(|(file, text)| first.get(*file) != Some(text)).map(|it| it.1).collect();
        assert_eq!((second.len(), differing.len()), (5, 1), "{name}: {differing:#?}");
        assert!(differing[0].contains("TITLE:Chosen by the CRM"), "{name}");
        desk.is_quiet();

        // An edit in the folder comes the other way.
        let (file, text) = second.iter().find(|(_, text)| text.contains("Own;Ada")).unwrap();
        fs::write(file, text.replace("END:VCARD", "TITLE:Typed in a folder\r\nEND:VCARD")).unwrap();
        programs.copy();
        desk.says(&["sync"], 0, &[]);
        let last = *desk.crm.ids().unwrap().last().unwrap();
        let titles = [last - 1, last].map(|id| desk.crm.value(id, "job_title").unwrap().unwrap_or_default());
        assert!(titles.contains(&"Typed in a folder".to_owned()), "{name}: {titles:?}");

        let listed = programs.run("khard", &["list"]);
        for id in desk.crm.ids().unwrap() {
            let last_name = desk.crm.value(id, "last_name").unwrap().unwrap();
            assert!(listed.contains(&last_name), "{name}: {last_name} is not in:\n{listed}");
        }
    }
}
