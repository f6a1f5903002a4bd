// Ten matters of an office, prepared as they arise: by editing on both sides, losing an answer, copying a card.
import assert from "node:assert/strict";
import fs from "node:fs";

// So the world is to be for them.
export const wanted = {
  contacts: 14,
  crm: ["--quirk", "ignores-department"],
  settings: '[[book]]\nname = "belgique"\nkind = "vdir"\npath = "belgique"\nwhere = { country = ["Belgique"] }\n',
};

export async function prepare(world) {
  const petit = (comment) => `<last_name>Petit</last_name><first_name>Ada</first_name><comment>${comment}</comment>`;
  await world.create(petit("la comtesse"));
  await world.create(petit("la duchesse"));
  // Two that have gone from the CRM are asked for twice.
  await world.sync();
  const uid = world.card(1010).match(/^UID:(.*)\r$/m)[1];
  await world.edit(1001, "<job_title>Géomètre</job_title>");
  world.setCard(1001, "TITLE", "Arpenteur");
  await world.edit(1002, "<job_title>Vendeuse</job_title>");
  world.setCard(1002, "TITLE", "Libraire");
  await world.edit(1003, "<comment>bleu nuit</comment>");
  world.setCard(1003, "NOTE", "vert pomme");
  await world.edit(1004, "<job_title>Cheffe</job_title>");
  world.setCard(1004, "TITLE", "Sous-cheffe");
  await world.edit(1005, "<contact_type>partner</contact_type>");
  world.setCard(1005, "X-INCWO-CONTACT-TYPE", "press");
  world.setCard(1005, "CATEGORIES", "Presse");
  await world.remove(1006);
  world.setCard(1006, "TITLE", "Toujours là");
  const [, , department] = world.card(1008).match(/^ORG:([^;\r]*)(.*)\r$/m) ?? [];
  world.setCard(1008, "ORG", `Neuf et Fils${department ?? ""}`);
  world.setCard(1009, "ORG", `${world.card(1009).match(/^ORG:([^;\r]*)/m)?.[1] ?? ""};Comptabilité`);
  world.newCard("belgique/ada", "FN:Ada Petit", "N:Petit;Ada;;;", "TITLE:Régente");
  const copy = world.cardOf(1010).replace(/\.vcf$/, ".sync-conflict-20261129-181234-ABCDEFG");
  const name = world.card(1010).match(/^N:.*$/m)[0].trim();
  world.newCard(copy.slice(world.folder.length), `UID:${uid}`, name, "FN:x", "TEL;TYPE=WORK,VOICE:01 99 00 12 34");
  world.newCard("cards/zoe", "UID:zoe-1", "FN:Zoé Lost", "N:Lost;Zoé;;;", "TITLE:Trouvée", "EMAIL;TYPE=INTERNET,WORK:zoe@example.org");
  world.road.losses.push("after");
  await world.sync();
  world.zoe = (await world.ask("GET", "contacts.xml?page=1")).match(/<id type="integer">(\d+)<\/id>(?:(?!<\/contact>)[^])*zoe@/)?.[1];
  await world.edit(world.zoe, "<job_title>Perdue</job_title>");
  await world.settled();
  await world.sync();
  await world.settled();
  await world.sync();
}

// Each: what its card says in either language, what is answered, and what must hold after the next synchronisation.
export const matters = [
  {
    about: ["Géomètre", "Géomètre"],
    press: ["Garder celui du CRM : « Géomètre »", "Keep the CRM’s: “Géomètre”"],
    holds: async (world) => {
      assert.equal(await world.inCrm(1001, "job_title"), "Géomètre");
      assert.match(world.card(1001), /TITLE:Géomètre/);
    },
  },
  {
    about: ["Libraire", "Libraire"],
    press: ["Garder celui du carnet : « Libraire »", "Keep the address book’s: “Libraire”"],
    holds: async (world) => {
      assert.equal(await world.inCrm(1002, "job_title"), "Libraire");
      assert.match(world.card(1002), /TITLE:Libraire/);
    },
  },
  {
    about: ["vert pomme", "vert pomme"],
    press: ["Garder les deux", "Keep both"],
    holds: async (world) => {
      assert.equal(await world.inCrm(1003, "comment"), "bleu nuit\nvert pomme");
      assert.match(world.card(1003), /NOTE:bleu nuit\\nvert pomme/);
    },
  },
  {
    about: ["Sous-cheffe", "Sous-cheffe"],
    type: "Directrice",
    press: ["Garder ma saisie", "Keep what I typed"],
    holds: async (world) => {
      assert.equal(await world.inCrm(1004, "job_title"), "Directrice");
      assert.match(world.card(1004), /TITLE:Directrice/);
    },
  },
  {
    about: ["Partenaire", "Partner"],
    choose: ["Fournisseur", "Supplier"],
    press: ["Garder mon choix", "Keep my choice"],
    holds: async (world) => {
      assert.equal(await world.inCrm(1005, "contact_type"), "supplier");
      assert.match(world.card(1005), /X-INCWO-CONTACT-TYPE:supplier/);
    },
  },
  {
    about: ["supprimée dans le CRM", "deleted in the CRM"],
    press: ["La garder, et la recréer dans le CRM", "Keep it, and create it again in the CRM"],
    holds: async (world) => {
      assert.equal((await world.ask("GET", "contacts.xml?page=1")).match(/Toujours là/g)?.length, 1);
      assert.match(world.cardFile("Toujours là"), /vcf/);
    },
  },
  {
    about: ["À qui est cette fiche", "Whose card is this"],
    press: ["Quelqu’un d’autre, un nouveau contact", "Somebody else, a new contact"],
    holds: async (world) => {
      assert.match(await world.ask("GET", "contacts.xml?page=1"), /Régente/);
    },
  },
  {
    about: ["Deux versions d’une même fiche", "Two versions of one card"],
    press: [
      "Prendre ce que la copie dit en plus, puis supprimer la copie",
      "Take what the copy says beyond the card, then remove the copy",
    ],
    holds: async (world) => {
      assert.match(world.card(1010), /01 99 00 12 34/);
      assert.match(await world.ask("GET", "contacts/1010.xml"), /01 99 00 12 34/);
      assert.throws(() => world.cardFile("FN:x\r\nTEL"));
    },
  },
  {
    about: ["Ce contact a-t-il été créé", "Was this contact created"],
    press: [/^C’est le n° CRM/, /^It is CRM no\./],
    holds: async (world) => {
      const all = await world.ask("GET", "contacts.xml?page=1");
      assert.equal(all.match(/zoe@example.org/g).length, 1, "Zoé is there once");
      assert.match(world.cardFile("zoe@example.org"), /zoe/);
      assert.match(fs.readFileSync(world.cardFile("zoe@example.org"), "utf8"), /TITLE:Perdue/);
    },
  },
  {
    about: ["Le CRM n’a pas pris ceci", "The CRM did not take this"],
    press: ["Prendre ce qu’a le CRM", "Take what the CRM has"],
    holds: async (world) => assert.doesNotMatch(world.card(1009), /Comptabilité/),
  },
  {
    about: ["Une société que le CRM ne connaît pas", "A company that the CRM does not know"],
    press: ["Créer cette société dans le CRM", "Make this firm in the CRM"],
    holds: async (world) => {
      assert.match(await world.ask("GET", "firms.xml?page=1"), /Neuf et Fils/);
      assert.match(world.card(1008), /ORG:Neuf et Fils/);
    },
  },
];
