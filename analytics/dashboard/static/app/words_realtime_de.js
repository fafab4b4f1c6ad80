// The German words of realtime. tsc compares their keys with the English ones.

/** @type {import("./words_realtime.js").RealtimeWords} */
export const de = {
  onlineNow: "Gerade online", activeUsers: "Aktive Personen",
  activeTitle: "Personen mit irgendeinem Ereignis in den letzten fünf Minuten",
  last5: "letzte 5 Minuten", last30: "letzte 30 Minuten", last60: "letzte 60 Minuten",
  last30Title: "Seitenaufrufe je Minute, die letzten 30 Minuten",
  minutesLabel: "Seitenaufrufe der letzten 30 Minuten: {n}. Die Pfeiltasten lesen die Minuten.",
  minuteText: "{time}: {views} Seitenaufrufe, {visitors} Besucher",
  ago: "vor {time}", nowWord: "jetzt", nothingNow: "Keine Seitenaufrufe in den letzten fünf Minuten.",
  noSeries: "Zu viele Ereignisse in der letzten Stunde, um jede Minute zu zählen.",
  feed_connecting: "Verbindet", feed_live: "Live", feed_reconnecting: "Verbindet wieder", feed_paused: "Angehalten",
  pause: "Anhalten", resume: "Fortsetzen",
  feedTitle: "Ereignisse, wie sie kommen", feedEmpty: "Kein Ereignis, seit Sie diese Seite geöffnet haben",
  feedEmptyText: "Ereignisse erscheinen hier Sekunden nach dem Empfang, ohne die von Bots.",
  feedBehind: "{time} im Rückstand", feedGap: "Nicht gezeigt: Ereignisse, empfangen von {from} bis {to}",
  trace: "Weg dieses Ereignisses (JSON)",
};
