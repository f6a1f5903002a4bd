//! What the mutations start from: the cards of this folder, and a few tables and pages as programs write them.

/// Tables of several dialects, delimiters and encodings.
pub fn tables() -> Vec<Vec<u8>> {
    let texts: [&str; 7] = [
        "id,uid,civility,last_name,first_name,company,comment,personal_street,personal_zip_code,personal_city,\
         professional_phone,professional_phone_2,personal_email\n\
         12,u-12,madam,Aubry,Lise,Aubry & fils,\"deux\nlignes\",3 rue A,02000,Laon,01 99 00 10 01,01 99 00 10 02,\n\
         13,,,\"Le \"\"Gros\"\"\",Jo,,,,,,,,jo@gros.example\n",
        "First Name,Last Name,Name Prefix,File As,Organization Name,Notes,Labels,E-mail 1 - Label,E-mail 1 - Value,\
         Phone 1 - Label,Phone 1 - Value,Phone 2 - Label,Phone 2 - Value,Address 1 - Label,Address 1 - Street,\
         Address 1 - City,Address 1 - Postal Code\n\
         Ines,Brunel,Mme,,Atelier,\"note, une\",Clients ::: * myContacts,* Work,ines@brunel.example ::: i@brunel.example,\
         Mobile,06 39 98 10 03,Fax (bureau),01 99 00 10 04,Home,3 rue B,Foix,09000\n\
         ,,,Taxi,,,,,,,01 99 00 10 05,,,,,,\n",
        "\"Titre\",\"Pr\u{e9}nom\",\"Nom\",\"Soci\u{e9}t\u{e9}\",\"Service\",\"Titre\",\"Rue (bureau)\",\"Code postal (bureau)\",\
         \"T\u{e9}l\u{e9}phone (bureau)\",\"T\u{e9}l. mobile\",\"Adresse de courrier\",\"Notes\"\r\n\
         \"M.\",\"Rui\",\"Costa\",\"Chantiers\",\"Gros \u{153}uvre\",\"Chef\",\"5 rue C\",\"1310\",\"199001006\",\"3,36E+10\",\
         \"rui@costa.example\",\"\u{e0} rappeler\"\r\n",
        "Pr\u{e9}nom;Nom de famille;Portable;Adresse priv\u{e9}e;Ville;Code postal;Adresse professionnelle;Ville;Code postal;Notes\n\
         Ada;Roux;06 39 98 10 07;1 rue D;\u{c9}vry;91000;2 rue E;Paris;75002;\n",
        "Notes:\n\"When exporting, some\nmay be missing\"\n\nFirst Name,Last Name,URL,Email Address,Company,Position,Connected On\n\
         Ada,Roux,https://in.example/ada,,Roux,Analyste,12 Mar 2026\n",
        "sep=;\r\nlast_name;first_name;comment;skype;professional_cell_phone\r\nRoux;\"A;d\";\"'=1+1\";ada.r;'+33 6 39 98 10 08\r\n;;;;\r\n",
        "First name\tLast name\tEmail\tPhone number\nAda\tRoux\tada@roux.example\t01 99 00 10 09\n",
    ];
    let mut tables: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    tables.push(encoding_rs::WINDOWS_1252.encode(texts[2]).0.into_owned());
    tables.push(std::iter::once('\u{feff}').chain(texts[3].chars()).collect::<String>().into_bytes());
    tables.push(format!("\u{feff}{}", texts[3]).encode_utf16().flat_map(u16::to_le_bytes).collect());
    tables
}

/// Pages of the listing in the forms that servers give them.
pub fn pages() -> Vec<Vec<u8>> {
    [
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<contacts type=\"array\">\n  <pagination>\n    \
         <current_page_items_count type=\"integer\">2</current_page_items_count>\n    <total_pages type=\"integer\">7</total_pages>\n  \
         </pagination>\n  <contact>\n    <id type=\"integer\">41</id>\n    <last_name>M\u{fc}ller &amp; Co</last_name>\n    \
         <first_name nil=\"true\"/>\n    <contact_items type=\"array\">\n      <contact_item><id>9</id><type_id>24</type_id>\
         <value>01 99 00 10 10</value></contact_item>\n    </contact_items>\n  </contact>\n  <contact><id>42</id>\
         <comment><![CDATA[a <b> & c]]></comment></contact>\n</contacts>\n",
        "<contacts><pagination total_pages='1' current_page_items_count='1'/><contact><id>7</id><last_name>&#201;lie &#x41;</last_name>\
         <contact_addresses><contact_address><address_type>21</address_type><street_address>1 rue F</street_address>\
         <zip_code>02000</zip_code></contact_address></contact_addresses><created_at>2026-01-01</created_at></contact></contacts>",
        "<!-- list --><contacts/><!-- end -->\n",
        "<contacts><contact><id>1</id><comment>&nope;</comment></contact><contact><last_name>x</last_name></contact></contacts>",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect()
}
