// The German words of the page start. tsc compares their keys with the English ones.

/** @type {import("./words_start.js").StartWords} */
export const de = {
  startTitle: "Das erste Ereignis senden",
  startIntro:
    "Bauen Sie eines davon in Ihre Website oder Ihr Programm ein. Diese Seite meldet, wann das erste Ereignis von {name} da ist.",
  openOverview: "Zur Übersicht",
  waitsFirst: "Wartet auf das erste Ereignis von {name}",
  hasEvents: "{name} empfängt Ereignisse; wartet auf das nächste",
  waitsLive: "Verbunden: Ein Ereignis erscheint hier ein, zwei Sekunden nach seiner Ankunft.",
  waitsSlow: "Sieht alle fünf Sekunden nach.",
  firstArrived: "Das erste Ereignis ist da", nextArrived: "Ein Ereignis ist da",
  arrivedAt: "empfangen um {time}, nach {waited} auf dieser Seite",
  arrivedBot: "Der Absender gilt als Bot; Berichte zählen das Ereignis nur mit Bots.",
  keyless: "Diese Website nimmt Ereignisse ihrer Seiten ohne Schlüssel an.",
  keyKnown: "Die Zeilen unten enthalten den öffentlichen Schlüssel der Website:",
  keyAsk:
    "Ersetzen Sie pk_… in den Zeilen unten durch einen öffentlichen Schlüssel. Eine Verwalterin macht ihn auf dieser Seite oder mit",
  keyTitle: "Ein Schlüssel für Ihre Seiten",
  keyText:
    "Ein öffentlicher Schlüssel sendet nur Ereignisse dieser Website von dieser Herkunft und liest nichts: Seiten dürfen ihn enthalten.",
  keyOrigin: "Herkunft Ihrer Website, wie in der Adresszeile", keyCreate: "Schlüssel anlegen",
  wayScript: "Script-Tag", wayNpm: "npm", wayReact: "React", wayCurl: "curl", wayPython: "Python",
  wayScriptText:
    "Der Tracker, 6 KB, zeichnet Seitenaufrufe, ausgehende Links und Downloads von selbst auf, ohne Cookies. Die Zeile gehört in den Kopf jeder Seite.",
  wayNpmText:
    "Das SDK für Anwendungen: Ereignisse warten im Browser, bis der Dienst sie hat, und jedes wird einmal gespeichert. Der Ordner sdk ist im Repository dieses Dienstes.",
  wayReactText: "Hooks für React; für Vue aus analytics-sdk/vue importieren. Das SDK wie unter npm installieren.",
  wayCurlText:
    "Ein einzelnes Ereignis aus der Shell. TOKEN enthält ein Token oder einen geheimen Schlüssel mit dem Recht ingest; ein öffentlicher Schlüssel ist nur für Seiten.",
  wayPythonText:
    "Für Server: Ereignisse werden zuerst in eine Datei geschrieben und auch nach einem Absturz zugestellt. Ein Server hat einen geheimen Schlüssel, sk_…, den die erste Zeile einmal ausgibt.",
  codeInstall: "Installieren", codeScript: "Im Kopf jeder Seite", codePinned: "Dasselbe, auf diese Version festgelegt",
  codePinnedText: "Mit dem Hash der Datei: Der Browser führt genau diese Version aus.", codePixel: "Ohne JavaScript",
  codePixelText: "Zählt Seitenaufrufe von Browsern, die keine Skripte ausführen. Braucht einen Referer Ihrer Website.",
};
