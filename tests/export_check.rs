//! `export --check` with a contact whose card the strict reader refuses.

use std::fs;

use crate::cli::{carnet, settings};

const SETTINGS: &str = "[crm]\nurl = \"sandbox\"\n[mirror]\npath = \"carnet.db\"\n\
                        [[book]]\nname = \"cards\"\nkind = \"vdir\"\npath = \"cards\"\n";

const CARDS: &str = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Bancal;Odile;;;\r\nFN:Odile Bancal\r\nURL:pas une adresse\r\n\
                     NICKNAME:Odi\r\nCLASS:PUBLIC\r\nADR;TYPE=HOME:;;1 rue Haute;Corte;Corse;20250;\r\nEND:VCARD\r\n\
                     BEGIN:VCARD\r\nVERSION:3.0\r\nN:Droit;Rémi;;;\r\nFN:Rémi Droit\r\nGEO:geo:43.30,5.37\r\n\
                     END:VCARD\r\n";

#[test]
fn what_the_check_refuses_is_named_and_the_rest_is_written() {
    let folder = tempfile::tempdir().unwrap();
    settings(folder.path(), SETTINGS);
    let (file, out) = (folder.path().join("in.vcf"), folder.path().join("out.vcf"));
    fs::write(&file, CARDS).unwrap();
    let (code, _, told) = carnet(folder.path(), &["import", "--no-push", file.to_str().unwrap()]);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("no place for it: the region of an address (line 1)"), "{told}");
    let arguments = ["export", "--format", "vcard4", "--check", out.to_str().unwrap()];
    let (code, _, told) = carnet(folder.path(), &arguments);
    assert_eq!(code, 3, "{told}");
    assert!(told.contains("2 contacts written") || told.contains("252 contacts written"), "{told}");
    assert!(told.contains("vcard4 has no property for: CLASS 1"), "{told}");
    let refused = told.lines().find(|line| line.starts_with("Odile Bancal (")).unwrap_or_default();
    assert!(refused.ends_with("RFC 6350 has it otherwise: URL"), "{told}");
    let written = fs::read_to_string(&out).unwrap();
    assert!(written.contains("NICKNAME:Odi\r\n") && !written.contains("pas une adresse"), "{written}");
    assert!(written.contains("GEO:geo:43.30,5.37\r\n"), "the other card is whole");
}
