// The German words of the dialog that shares a site. tsc compares their keys with the English ones.

/** @type {import("./words_share.js").ShareWords} */
export const de = {
  shareTitle: "Diese Website teilen",
  shareIntro:
    "Wer einen Link hat, sieht ohne Konto die Übersicht und die Echtzeit dieser Website: keine Personen, keine Exporte, keine Einstellungen.",
  never: "nie", linkName: "Name des Links", linkNameHint: "Für den Vorstand", linkEnds: "Endet", linkAfter: "nach {n} Tagen",
  linkNever: "endet nie", linkCreate: "Link anlegen", linkMade: "Der Link ist fertig.",
  linkOnce: "Jetzt kopieren: später ist nur noch sein Anfang zu sehen.",
  shareAddress: "Adresse", shareCode: "Code für eine Seite, die ihn in einem Rahmen zeigt",
  shareFrame: "Besucherstatistik",
  linksNone: "Noch keine Links.", linksOver: "Beendete und widerrufene Links: {n}", linkNameless: "Ohne Namen",
  linkCreated: "angelegt am {day}", linkUntil: "endet am {day}", linkEnded: "beendet am {day}",
  linkRevoked: "widerrufen am {day}", linkUsed: "benutzt am {day}", linkUnused: "nie benutzt",
  linkRevoke: "Widerrufen", linkRevokeText: "Er zeigt dann niemandem mehr etwas, für immer.", linkKeep: "Behalten",
  sharePublic: "Öffentliche Adresse",
  sharePublicText: "Die Statistik dieser Website ist öffentlich: Es braucht keinen Link.",
  embedTitle: "In Rahmen anderer Seiten",
  embedText: "Nur Seiten dieser Herkünfte dürfen einen Link dieser Website in einem Rahmen zeigen. Allen anderen verweigert es der Browser.",
  embedNone: "Keine Seite darf es.", embedOrigin: "Herkunft, wie in der Adresszeile", embedAllow: "Erlauben",
};
