//! The words themselves: the name, English, French.

macro_rules! words {
    ($($name:ident: $english:literal, $french:literal;)+) => {
        /// Every word of one language.
        #[derive(Debug)]
        pub(in crate::http::desk) struct Words {
            $(pub $name: &'static str,)+
        }
        pub(super) const ENGLISH: Words = Words { $($name: $english,)+ };
        pub(super) const FRENCH: Words = Words { $($name: $french,)+ };
        #[cfg(test)]
        pub(super) const ALL: &[(&str, &str, &str)] = &[$((stringify!($name), $english, $french),)+];
    };
}

words! {
    // The frame of every page.
    today: "Today", "Aujourd’hui";
    waiting: "Waiting", "À décider";
    skip: "To the content", "Aller au contenu";
    pages: "Pages", "Pages";
    leave: "Leave", "Quitter";
    other_language: "Français", "English";
    may_look: "You may look, and not decide.", "Vous pouvez regarder, sans décider.";
    earlier: "Previous page", "Page précédente";
    later: "Next page", "Page suivante";
    page_of: "Page {n} of {all}", "Page {n} sur {all}";

    // Coming in.
    enter_title: "The desk", "Le bureau";
    enter_ready: "This address lets one browser in, once.", "Cette adresse laisse entrer un navigateur, une seule fois.";
    enter: "Come in", "Entrer";
    enter_how: "To come in, ask whoever looks after carnet for an address: they type “carnet desk”.",
        "Pour entrer, demandez une adresse à la personne qui s’occupe de carnet : elle tape « carnet desk ».";
    enter_void: "This address was used already, or is too old. Ask for another one.",
        "Cette adresse a déjà servi, ou elle est trop ancienne. Demandez-en une autre.";
    enter_slow: "Too many tries. Wait {n} seconds, then try again.",
        "Trop d’essais. Attendez {n} secondes, puis réessayez.";
    session_over: "Your session is over.", "Votre session est terminée.";

    // What went wrong.
    not_found: "There is no such page.", "Cette page n’existe pas.";
    forbidden: "This was not sent from the desk’s own page, or your session is over. Nothing was done.",
        "Ceci n’a pas été envoyé depuis le bureau, ou votre session est terminée. Rien n’a été fait.";
    viewers_do_not: "You may look, and not decide. Nothing was done.",
        "Vous pouvez regarder, sans décider. Rien n’a été fait.";
    unreadable: "The contacts cannot be read right now.", "Les fiches ne peuvent pas être lues pour le moment.";
    no_run_yet: "Nothing is here yet: no synchronisation has run.",
        "Il n’y a encore rien ici : aucune synchronisation n’a eu lieu.";
    too_large: "That is too long. Nothing was done.", "C’est trop long. Rien n’a été fait.";
    back: "Back", "Retour";

    // Today.
    in_step: "Everything is in step", "Tout est à jour";
    not_in_step: "Not everything is in step", "Tout n’est pas à jour";
    working: "A synchronisation is at work", "Une synchronisation est en cours";
    last_good: "All was compared {when}.", "Tout a été comparé {when}.";
    last_good_never: "All was not compared yet since carnet started.",
        "Tout n’a pas encore été comparé depuis le démarrage de carnet.";
    next_run: "Next synchronisation: {when}.", "Prochaine synchronisation : {when}.";
    runs_failed_one: "The last try failed.", "Le dernier essai a échoué.";
    runs_failed_many: "The last {n} tries failed.", "Les {n} derniers essais ont échoué.";
    login_refused: "The CRM refused the password. Whoever looks after carnet must mend that.",
        "Le CRM a refusé le mot de passe. La personne qui s’occupe de carnet doit le corriger.";
    contacts_one: "{n} contact", "{n} contact";
    contacts_many: "{n} contacts", "{n} contacts";
    nothing_waits: "Nothing waits for you.", "Rien ne vous attend.";
    things_wait_one: "{n} matter waits for you", "{n} question vous attend";
    things_wait_many: "{n} matters wait for you", "{n} questions vous attendent";
    answered_one: "{n} answer will be carried out by the next synchronisation.",
        "{n} réponse sera appliquée par la prochaine synchronisation.";
    answered_many: "{n} answers will be carried out by the next synchronisation.",
        "{n} réponses seront appliquées par la prochaine synchronisation.";
    troubles_one: "{n} thing failed, and is tried again.", "{n} chose a échoué, et sera réessayée.";
    troubles_many: "{n} things failed, and are tried again.", "{n} choses ont échoué, et seront réessayées.";
    place: "Place", "Endroit";
    holds: "Contacts", "Fiches";
    to_write: "To be sent", "À envoyer";
    nothing: "nothing", "rien";
    crm: "CRM", "CRM";

    // Waiting.
    waiting_about: "Say what is right. Nothing is sent before the next synchronisation, and until then every answer can be taken back.",
        "Dites ce qui est juste. Rien n’est envoyé avant la prochaine synchronisation, et jusque-là chaque réponse peut être reprise.";
    field: "Field", "Champ";
    before: "Before", "Avant";
    your_books: "Your address books", "Vos carnets";
    stands: "stands now", "en vigueur";
    absent: "(nothing)", "(rien)";
    since: "first seen {when}", "vu la première fois {when}";
    two_values: "{field}: which is right?", "{field} : lequel est juste ?";
    deleted_or_changed: "Deleted on one side, changed on the other", "Supprimée d’un côté, modifiée de l’autre";
    gone_from_crm: "It was deleted in the CRM and changed in an address book.",
        "Elle a été supprimée dans le CRM et modifiée dans un carnet.";
    gone_from_book: "It was deleted in the address book {book} and changed elsewhere.",
        "Elle a été supprimée dans le carnet {book} et modifiée ailleurs.";
    differs_from_crm: "The CRM and the address books do not say the same.",
        "Le CRM et les carnets ne disent pas la même chose.";
    differs_from_book: "The address book {book} does not say the same as the CRM.",
        "Le carnet {book} ne dit pas la même chose que le CRM.";
    whose_card: "Whose card is this?", "À qui est cette fiche ?";
    could_be_several: "The card {record} of the address book {book} could be one of these contacts. It was left alone.",
        "La fiche {record} du carnet {book} pourrait être l’un de ces contacts. Elle n’a pas été touchée.";
    looks_like_copy: "The card {record} of the address book {book} looks like a copy of {other}. It was left alone.",
        "La fiche {record} du carnet {book} ressemble à une copie de {other}. Elle n’a pas été touchée.";
    foreign_id: "The card {record} of the address book {book} bears the CRM’s number of a contact with which it has nothing in common.",
        "La fiche {record} du carnet {book} porte le numéro CRM d’un contact avec lequel elle n’a rien en commun.";
    copy_of_deleted: "The card {record} of the address book {book} was a copy of a contact that has been deleted.",
        "La fiche {record} du carnet {book} était la copie d’un contact qui a été supprimé.";
    one_is_company: "The card {record} of the address book {book} has the number or the e-mail of a contact, and one of the two is a company.",
        "La fiche {record} du carnet {book} a le numéro ou l’adresse d’un contact, et l’un des deux est une société.";
    other_generation: "The card {record} of the address book {book} has a contact’s name and another birthday or generation.",
        "La fiche {record} du carnet {book} a le nom d’un contact, mais une autre date de naissance ou une autre génération.";
    other_mailbox: "The card {record} of the address book {book} has a contact’s name and landline, and an e-mail of its own.",
        "La fiche {record} du carnet {book} a le nom et le fixe d’un contact, mais sa propre adresse e-mail.";
    namesake: "The card {record} of the address book {book} has a contact’s name and nothing else in common with it.",
        "La fiche {record} du carnet {book} a le nom d’un contact, et rien d’autre en commun avec lui.";
    second_copy: "Two versions of one card", "Deux versions d’une même fiche";
    second_copy_is: "A program set a second version beside this card when two machines changed it. The first one stands.",
        "Un programme a ajouté une seconde version de cette fiche quand deux appareils l’ont modifiée. La première est en vigueur.";
    lost_creation: "Was this contact created?", "Ce contact a-t-il été créé ?";
    lost_creation_is: "carnet sent it to the CRM and got no answer. It may be there, or not.",
        "carnet l’a envoyé au CRM et n’a pas eu de réponse. Il y est peut-être, ou non.";
    not_taken: "The CRM did not take this", "Le CRM n’a pas pris ceci";
    not_taken_is: "The CRM shows otherwise: {fields}.", "Le CRM montre autre chose : {fields}.";
    held_deletions: "Deletions are held back", "Des suppressions sont retenues";
    held_deletions_are: "{missing} of {known} contacts are missing from {book}; up to {allowed} may go without asking. Nothing was deleted.",
        "Il manque {missing} contacts sur {known} dans {book} ; jusqu’à {allowed} peuvent partir sans demander. Rien n’a été supprimé.";
    held_todo: "If they are not to go, put them back in {book}; the next synchronisation finds them there.",
        "S’ils ne doivent pas partir, remettez-les dans {book} ; la prochaine synchronisation les y retrouvera.";
    no_firm: "A company that the CRM does not know", "Une société que le CRM ne connaît pas";
    no_firm_is: "No firm of the CRM is called {name}, or several are.",
        "Aucune société du CRM ne s’appelle {name}, ou plusieurs.";
    stopped: "Stopped for safety", "Arrêté par prudence";
    stopped_emptied: "{book} is empty, and held {n} contacts before. Nothing is believed or written there.",
        "{book} est vide, et contenait {n} contacts auparavant. Rien n’y est cru ni écrit.";
    stopped_mass_edit: "{n} of {known} contacts of {book} changed at once. Nothing is believed or written there.",
        "{n} contacts sur {known} de {book} ont changé d’un coup. Rien n’y est cru ni écrit.";
    stopped_listing: "The CRM’s list leaves out {n} contacts that the address books know. Nothing is written there.",
        "La liste du CRM omet {n} contacts que les carnets connaissent. Rien n’y est écrit.";
    stopped_account: "The settings name another account than the one whose contacts are here.",
        "Les réglages désignent un autre compte que celui dont les fiches sont ici.";
    stopped_place: "The folder or file of {book} is not where it was, or its disk is not there.",
        "Le dossier ou le fichier de {book} n’est plus à sa place, ou son disque est absent.";
    stopped_todo: "Whoever looks after carnet sees what to do with “carnet status”.",
        "La personne qui s’occupe de carnet voit quoi faire avec « carnet status ».";
    to_look_at: "To look at", "À regarder";

    // Answers.
    keep_crm: "Keep the CRM’s", "Garder celui du CRM";
    keep_books: "Keep the address books’", "Garder celui des carnets";
    keep_book: "Keep the address book’s", "Garder celui du carnet";
    keep_both: "Keep both", "Garder les deux";
    type_another: "Or type what is right", "Ou tapez ce qui est juste";
    choose_another: "Or choose what is right", "Ou choisissez ce qui est juste";
    keep_typed: "Keep what I typed", "Garder ma saisie";
    keep_chosen: "Keep my choice", "Garder mon choix";
    delete_everywhere: "Delete it here too", "La supprimer ici aussi";
    keep_contact: "Keep the contact", "Garder le contact";
    keep_and_create: "Keep it, and create it again in the CRM", "La garder, et la recréer dans le CRM";
    is_this_one: "It is {name}", "C’est {name}";
    is_this_one_id: "It is {name} (CRM no. {id})", "C’est {name} (n° CRM {id})";
    is_that_firm: "It is this firm of the CRM", "C’est cette société du CRM";
    firm_name_or_number: "Name or number of a firm of the CRM", "Nom ou numéro d’une société du CRM";
    somebody_else: "Somebody else, a new contact", "Quelqu’un d’autre, un nouveau contact";
    somebody_known: "It is another contact", "C’est un autre contact";
    contact_name_or_mail: "Name, e-mail or CRM number of the contact", "Nom, e-mail ou n° CRM du contact";
    not_created: "It was not created: send it again", "Il n’a pas été créé : l’envoyer de nouveau";
    send_again: "Send it to the CRM again", "L’envoyer de nouveau au CRM";
    take_the_crms: "Take what the CRM has", "Prendre ce qu’a le CRM";
    make_firm: "Make this firm in the CRM", "Créer cette société dans le CRM";
    leave_company: "Leave it in the address books alone", "La laisser dans les carnets seulement";
    take_copy: "Take what the copy says beyond the card, then remove the copy",
        "Prendre ce que la copie dit en plus, puis supprimer la copie";
    drop_copy: "Take nothing of it, and remove the copy", "N’en rien prendre, et supprimer la copie";
    seen: "I have seen it", "J’ai vu";
    is_numbered: "It is CRM no. {id}: not read yet, look at it there",
        "C’est le n° CRM {id} : pas encore lu, regardez-le là-bas";

    // What was answered.
    you_said: "Answered: {answer}.", "Répondu : {answer}.";
    they_said: "{who} answered: {answer}.", "{who} a répondu : {answer}.";
    somebody: "Somebody", "Quelqu’un";
    typed_value: "“{value}”", "« {value} »";
    a_known_contact: "it is a contact that we know", "c’est un contact que nous connaissons";
    take_back: "Take back", "Reprendre";
    carried_out_next: "The next synchronisation carries it out.", "La prochaine synchronisation l’applique.";
    overtaken: "Somebody was faster: your answer was not taken.",
        "Quelqu’un a été plus rapide : votre réponse n’a pas été prise en compte.";
    overtaken_settled: "It is settled, and waits no more.", "C’est réglé, la question n’attend plus.";
    overtaken_open: "The first answer was taken back, and it waits again.",
        "La première réponse a été reprise, la question attend de nouveau.";
    refused: "This answer is not possible: {why}. Nothing was changed.",
        "Cette réponse n’est pas possible : {why}. Rien n’a été modifié.";
    why_one_only: "there is only one of these", "il n’y en a qu’un seul";
    why_code: "this value is not in the list", "cette valeur n’est pas dans la liste";
    why_digits: "it must be a number of the CRM", "ce doit être un numéro du CRM";
    why_nobody: "nobody is called that", "personne ne s’appelle ainsi";
    why_several: "several are called that", "plusieurs s’appellent ainsi";
    why_deleted: "the contact has been deleted", "le contact a été supprimé";
    why_other: "it does not fit what waits", "elle ne convient pas à la question";
    nameless: "Without a name", "Sans nom";

    // Dates.
    at_today: "today at {time}", "aujourd’hui à {time}";
    at_yesterday: "yesterday at {time}", "hier à {time}";
    at_tomorrow: "tomorrow at {time}", "demain à {time}";
    at_date: "on {date} at {time}", "le {date} à {time}";

    entry: "{kind}: {value}", "{kind} : {value}";

    // Fields, as the CRM calls them.
    civility: "Title", "Civilité";
    last_name: "Last name", "Nom";
    first_name: "First name", "Prénom";
    comment: "Comment", "Commentaire";
    job_title: "Job title", "Fonction";
    job_department: "Department", "Service";
    country: "Country", "Pays";
    contact_type: "Type", "Type";
    firm_id: "Firm number", "N° de société";
    addresses: "Addresses", "Adresses";
    items: "Numbers and e-mails", "Coordonnées";
    company: "Company", "Société";
    extra: "Other", "Autre";
    mr: "Mr", "M.";
    madam: "Mrs", "Mme";
    miss: "Miss", "Mlle";
    client: "Client", "Client";
    prospect: "Prospect", "Prospect";
    supplier: "Supplier", "Fournisseur";
    press: "Press", "Presse";
    partner: "Partner", "Partenaire";
    staff: "Staff", "Équipe";
    personal_contact: "Personal", "Personnel";
    other: "Other", "Autre";
    personal: "Home address", "Adresse personnelle";
    professional: "Work address", "Adresse professionnelle";
    other_address: "Other address", "Autre adresse";
    personal_phone: "Home telephone", "Tél. personnel";
    personal_fax: "Home fax", "Fax personnel";
    personal_email: "Personal e-mail", "E-mail personnel";
    personal_cell: "Personal mobile", "Mobile personnel";
    main_phone: "Main telephone", "Tél. standard";
    work_phone: "Work telephone", "Tél. professionnel";
    work_fax: "Work fax", "Fax professionnel";
    work_email: "Work e-mail", "E-mail professionnel";
    work_cell: "Work mobile", "Mobile professionnel";

    // Runs at work.
    sync_now: "Synchronise now", "Synchroniser maintenant";
    pause: "Pause", "Mettre en pause";
    resume: "Go on", "Reprendre la synchronisation";
    paused: "Paused {when}: nothing is synchronised by itself.", "En pause {when} : rien n’est synchronisé tout seul.";
    pause_hint: "It lasts until somebody goes on here, or carnet starts anew.",
        "Elle dure jusqu’à ce que quelqu’un la lève ici, ou que carnet redémarre.";
    run_begins: "It begins.", "Elle commence.";
    run_reads: "Reading {place}: {n} contacts.", "Lecture de {place} : {n} fiches.";
    run_writes: "Sending to {place}: {n} of {all}.", "Envoi à {place} : {n} sur {all}.";
    look_again: "Look again", "Actualiser";

    // Held deletions.
    let_go: "Delete these {n} contacts now", "Supprimer maintenant ces {n} contacts";
    let_go_sure: "They are deleted here at once, and then where the settings allow it.",
        "Ils sont supprimés ici tout de suite, puis là où les réglages le permettent.";
    and_more: "and {n} more", "et {n} de plus";
    the_card: "The card", "La fiche";

    // Runs.
    runs: "Runs", "Historique";
    runs_about: "The last 50 synchronisations and decisions.", "Les 50 dernières synchronisations et décisions.";
    run_number: "Run {n}", "Passage {n}";
    no_runs: "Nothing was done yet.", "Rien n’a encore été fait.";
    by_schedule: "Synchronisation", "Synchronisation";
    by_decision: "Decision", "Décision";
    by_undo: "Taken back", "Reprise";
    unfinished: "unfinished", "inachevé";
    went_well: "done", "terminé";
    went_partly: "done, something waits", "terminé, il reste à faire";
    went_wrong: "failed", "échoué";
    made: "{n} made", "{n} créés";
    changed: "{n} changed", "{n} modifiés";
    deleted: "{n} deleted", "{n} supprimés";
    no_change: "nothing changed", "aucun changement";
    when_column: "When", "Quand";
    what_column: "What", "Quoi";
    written_column: "Written", "Écrit";
    contact: "Contact", "Contact";
    from: "From", "Depuis";
    old_value: "Before", "Avant";
    new_value: "After", "Après";
    whole_contact: "whole contact", "fiche entière";
    by_person: "somebody’s decision", "décision d’une personne";
    by_import: "imported file", "fichier importé";
    run_replaced_nothing: "This run replaced no value.", "Ce passage n’a remplacé aucune valeur.";
    only_first: "Only the first {n} are shown.", "Seuls les {n} premiers sont affichés.";
    undo: "Undo…", "Annuler…";
    undo_title: "What would be undone", "Ce qui serait annulé";
    undo_about: "Nothing is written yet. Undoing is an ordinary edit, which the next synchronisation carries everywhere.",
        "Rien n’est encore écrit. Annuler est une modification ordinaire, que la prochaine synchronisation porte partout.";
    undo_now: "Undo this", "Annuler ceci";
    undo_nothing: "There is nothing to undo.", "Il n’y a rien à annuler.";
    undo_left: "These are left alone:", "Ceux-ci ne sont pas touchés :";
    undo_made: "These contacts were made then, and stay:", "Ces contacts ont été créés alors, et restent :";
    undo_made_too: "Delete the contacts that were made then, too", "Supprimer aussi les contacts créés alors";
    left_overtaken: "it was changed again since", "modifié de nouveau depuis";
    left_deleted: "the contact has been deleted", "le contact a été supprimé";
    left_merged: "the contact is part of another one now", "le contact fait partie d’un autre désormais";
    left_unreadable: "the old value cannot be read", "l’ancienne valeur est illisible";
    busy: "A synchronisation is at work. Try again once it is over.",
        "Une synchronisation est en cours. Réessayez quand elle sera terminée.";
    too_many_deletions: "That would delete too many contacts at once. Nothing was done.",
        "Cela supprimerait trop de contacts d’un coup. Rien n’a été fait.";
    would_make: "comes back", "revient";
    would_delete: "is deleted", "est supprimé";
    would_change: "is changed", "est modifié";

    // People.
    people: "People", "Contacts";
    find: "Find", "Chercher";
    find_label: "A part of a name, number or e-mail", "Une partie du nom, du numéro ou de l’e-mail";
    nobody_found: "Nobody was found.", "Personne n’a été trouvé.";
    first_found: "The first {n} by name. Type more to find others.",
        "Les {n} premiers par nom. Précisez pour en trouver d’autres.";
    held_by: "Where it is", "Où elle se trouve";
    held_by_none: "Here alone, until the next synchronisation.", "Ici seulement, jusqu’à la prochaine synchronisation.";
    holds_same: "the same", "identique";
    holds_behind: "to be updated", "à mettre à jour";
    holds_to_delete: "to be deleted there", "à y supprimer";
    holds_detached: "not followed any more", "n’est plus suivi";
    history: "What was replaced", "Ce qui a été remplacé";
    history_none: "Nothing of it was replaced yet.", "Rien n’en a encore été remplacé.";
    is_deleted: "This contact has been deleted.", "Ce contact a été supprimé.";
    crm_number: "CRM no.", "N° CRM";

    // Devices.
    devices: "Devices", "Appareils";
    devices_about: "Telephones and mail programs that carnet serves address books to.",
        "Téléphones et logiciels de messagerie auxquels carnet sert des carnets d’adresses.";
    devices_none: "There is no device yet.", "Il n’y a pas encore d’appareil.";
    devices_unserved: "The settings do not say where devices connect to; whoever looks after carnet must set that first.",
        "Les réglages ne disent pas où les appareils se connectent ; la personne qui s’occupe de carnet doit d’abord le régler.";
    device: "Device", "Appareil";
    device_book: "Contacts on it", "Fiches servies";
    all_contacts: "all contacts", "tous les contacts";
    read_only: "read only", "lecture seule";
    cards: "Cards", "Fiches";
    last_seen: "Last seen", "Vu la dernière fois";
    never_seen: "never", "jamais";
    revoke: "Revoke…", "Révoquer…";
    revoke_title: "Revoke {name}", "Révoquer {name}";
    revoke_about: "It can log in no more, and its cards are gone. Contacts stay.",
        "Il ne peut plus se connecter, et ses fiches disparaissent. Les contacts restent.";
    revoke_loses: "{n} changes of it that no synchronisation has taken yet are lost.",
        "{n} de ses modifications, qu’aucune synchronisation n’a encore prises, sont perdues.";
    revoke_now: "Revoke it", "Le révoquer";
    add_device: "Add a device", "Ajouter un appareil";
    device_name: "Its name: letters, digits, - and _", "Son nom : lettres, chiffres, - et _";
    device_read_only: "It may read and not write", "Il peut lire, sans écrire";
    add: "Add", "Ajouter";
    device_added: "The device {name} was added", "L’appareil {name} est ajouté";
    device_once: "The password is shown this once.", "Le mot de passe n’est affiché que cette fois.";
    server: "Server", "Serveur";
    user: "User", "Utilisateur";
    password: "Password", "Mot de passe";
    qr_code: "QR code for DAVx5 on Android", "Code QR pour DAVx5 sur Android";
    device_refused: "The device was not added: its name is taken, or cannot be one.",
        "L’appareil n’a pas été ajouté : son nom est pris, ou impossible.";

    // Health.
    health: "Health", "Santé";
    check_now: "Check everything now", "Tout vérifier maintenant";
    check_about: "The settings, the CRM and every address book are looked at; nothing is written.",
        "Les réglages, le CRM et chaque carnet sont examinés ; rien n’est écrit.";
    check_at_work: "It is being checked. Look again in a moment.", "La vérification est en cours. Actualisez dans un instant.";
    checked: "Checked {when}.", "Vérifié {when}.";
    check_never: "It was not checked yet.", "Rien n’a encore été vérifié.";
    is_ok: "ok", "bien";
    is_warning: "to look at", "à regarder";
    is_failed: "does not work", "ne marche pas";
    subject: "What", "Quoi";
    finding: "Found", "Constat";
    troubles: "What failed, and is tried again by each synchronisation",
        "Ce qui a échoué, et que chaque synchronisation réessaie";
    no_troubles: "Nothing failed.", "Rien n’a échoué.";
    could_not_read: "could not be read", "n’a pas pu être lu";
    could_not_write: "could not be written", "n’a pas pu être écrit";
    unsettled_sent: "sent, without an answer yet", "envoyé, sans réponse pour l’instant";
    unsettled_refused: "refused by the CRM", "refusé par le CRM";
    book_rests: "{book} is in trouble, and is not tried before {when}.",
        "{book} est en difficulté, et n’est pas réessayé avant {when}.";
    mirror: "the mirror", "le miroir";
    settings: "the settings", "les réglages";
}
