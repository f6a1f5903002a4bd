//! Countries under one key, however they are written: ISO 3166-1 codes of two and three letters, and the names in French,
//! in English and in the country's own language. A country that is not here is itself.

use std::{collections::HashMap, sync::LazyLock};

use super::keys;

/// One a line: the codes, then the names as [`keys::plain`] has them.
const COUNTRIES: &str = "\
ad,and,andorre,andorra
ae,are,emirats arabes unis,united arab emirates,uae
ar,arg,argentine,argentina
at,aut,autriche,austria,osterreich
au,aus,australie,australia
be,bel,belgique,belgium,belgie,belgien
bg,bgr,bulgarie,bulgaria
br,bra,bresil,brazil,brasil
ca,can,canada
ch,che,suisse,switzerland,schweiz,svizzera
ci,civ,cote d ivoire,ivory coast
cm,cmr,cameroun,cameroon
cn,chn,chine,china
cy,cyp,chypre,cyprus
cz,cze,tchequie,republique tcheque,czechia,czech republic
de,deu,allemagne,germany,deutschland
dk,dnk,danemark,denmark,danmark
dz,dza,algerie,algeria
ee,est,estonie,estonia
eg,egy,egypte,egypt
es,esp,espagne,spain,espana
fi,fin,finlande,finland,suomi
fr,fra,france,france metropolitaine
gb,gbr,royaume uni,united kingdom,uk,grande bretagne,great britain
gf,guf,guyane,guyane francaise,french guiana
gp,glp,guadeloupe
gr,grc,grece,greece
hr,hrv,croatie,croatia,hrvatska
hu,hun,hongrie,hungary,magyarorszag
ie,irl,irlande,ireland
il,isr,israel
in,ind,inde,india
is,isl,islande,iceland
it,ita,italie,italy,italia
jp,jpn,japon,japan
lb,lbn,liban,lebanon
li,lie,liechtenstein
lt,ltu,lituanie,lithuania
lu,lux,luxembourg,luxemburg
lv,lva,lettonie,latvia
ma,mar,maroc,morocco
mc,mco,monaco
mg,mdg,madagascar
mq,mtq,martinique
mt,mlt,malte,malta
mx,mex,mexique,mexico
nc,ncl,nouvelle caledonie,new caledonia
nl,nld,pays bas,netherlands,the netherlands,nederland
no,nor,norvege,norway,norge
pf,pyf,polynesie francaise,french polynesia
pl,pol,pologne,poland,polska
pt,prt,portugal
re,reu,reunion,la reunion
ro,rou,roumanie,romania
rs,srb,serbie,serbia
ru,rus,russie,russia
se,swe,suede,sweden,sverige
si,svn,slovenie,slovenia
sk,svk,slovaquie,slovakia
sn,sen,senegal
tn,tun,tunisie,tunisia
tr,tur,turquie,turkey,turkiye
ua,ukr,ukraine
us,usa,etats unis,etats unis d amerique,united states,united states of america
yt,myt,mayotte
za,zaf,afrique du sud,south africa";

static CODES: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    let named = |line: &'static str| {
        let code = line.split(',').next().unwrap_or_default();
        line.split(',').map(move |name| (name, code))
    };
    COUNTRIES.lines().flat_map(named).collect()
});

/// The key of a country: the code of two letters, where it is known.
pub fn country(written: &str) -> String {
    if written.is_empty() {
        return String::new();
    }
    let key = keys::plain(&keys::text(written));
    CODES.get(key.as_str()).map_or(key, |code| (*code).to_owned())
}

/// What a country that is written as its code is called, in the CRM's language; none for what is no code.
pub fn name_of_code(code: &str) -> Option<&'static str> {
    let is_code = (2..=3).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_uppercase());
    let two = CODES.get(code.to_lowercase().as_str()).filter(|_| is_code)?;
    NAMES.iter().find(|(of, _)| of == two).map(|(_, name)| *name)
}

/// The countries that people's codes mostly are, as they are written.
const NAMES: &[(&str, &str)] = &[
    ("fr", "France"),
    ("be", "Belgique"),
    ("ch", "Suisse"),
    ("lu", "Luxembourg"),
    ("mc", "Monaco"),
    ("de", "Allemagne"),
    ("es", "Espagne"),
    ("it", "Italie"),
    ("pt", "Portugal"),
    ("nl", "Pays-Bas"),
    ("gb", "Royaume-Uni"),
    ("ie", "Irlande"),
    ("at", "Autriche"),
    ("us", "États-Unis"),
    ("ca", "Canada"),
    ("ma", "Maroc"),
    ("dz", "Algérie"),
    ("tn", "Tunisie"),
    ("sn", "Sénégal"),
    ("ci", "Côte d’Ivoire"),
    ("pl", "Pologne"),
    ("dk", "Danemark"),
    ("se", "Suède"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(written: &[&str], key: &str) {
        for written in written {
            assert_eq!(country(written), key, "{written}");
        }
    }

    #[test]
    fn a_country_is_itself_however_it_is_written() {
        check(&["France", "FRANCE", " fr ", "FRA"], "fr");
        check(&["États-Unis", "USA", "United States"], "us");
        check(&["Pays-Bas", "The Netherlands", "NL"], "nl");
        check(&["Côte d’Ivoire", "CI"], "ci");
        check(&["Österreich", "Autriche"], "at");
        check(&["Bordurie", "BORDURIE"], "bordurie");
        check(&["", "  "], "");
    }

    #[test]
    fn a_code_has_its_countrys_name() {
        for (code, name) in [
            ("FR", Some("France")),
            ("DEU", Some("Allemagne")),
            ("fr", None),
            ("UK", Some("Royaume-Uni")),
            ("France", None),
            ("ZZ", None),
        ] {
            assert_eq!(name_of_code(code), name, "{code}");
        }
        assert!(NAMES.iter().all(|(code, name)| country(name) == *code));
    }

    #[test]
    fn no_name_is_two_countries() {
        let names: Vec<&str> = COUNTRIES.split([',', '\n']).collect();
        let mut once = names.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), names.len());
        assert!(names.iter().all(|name| keys::plain(name) == *name), "as they are looked up");
    }
}
