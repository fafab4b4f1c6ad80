// The German words of links. tsc compares their keys with the English ones.

/** @type {import("./words_links.js").LinksWords} */
export const de = {
  linksPage: "Kurzlinks",
  linksIntro: "Klicks sind Ereignisse der Art click; ihr Gegenstand ist der Kurzname des Links.",
  allLinks: "Alle Links", openLink: "Seite von {name} öffnen",
  clicks: "Klicks", clickers: "Personen", thisWeek: "diese Woche",
  impressions: "Einblendungen", clickRate: "Klickrate", clickRateText: "Klicks je Einblendung",
  topLinks: "Am häufigsten geklickt", trending: "Wachsend", last7: "7 Tage", before7: "Davor",
  noTrend: "Kein Link hat mehr Klicks als in den sieben Tagen davor.",
  findLink: "Kurzname eines Links", show: "Zeigen", noClicks: "Keine Klicks in diesem Zeitraum",
  noClicksText:
    "Senden Sie Ereignisse der Art click mit dem Kurznamen des Links als Gegenstand, oder wählen Sie einen längeren Zeitraum.",
  noClicksLink: "Wählen Sie einen längeren Zeitraum, oder prüfen Sie den Kurznamen.",
  clicksByDay: {
    one: "Klicks je Tag, der letzte Tag des Zeitraums",
    other: "Klicks je Tag, die letzten {n} Tage des Zeitraums",
  },
  clicksLabel: "Klicks je Tag: insgesamt {n}. Die Pfeiltasten lesen die Tage.",
  columnText: { one: "{name}: {n} Klick", other: "{name}: {n} Klicks" }, hoursTitle: "Stunden des Tages",
  hoursLabel: "Klicks nach Stunde des Tages. Die Pfeiltasten lesen die Stunden.", referred: "Von einer Website",
};
