// The English words of the page start.

export const en = {
  startTitle: "Send the first event",
  startIntro: "Put one of these into your website or program. This page says when the first event of {name} is there.",
  openOverview: "Open the overview",
  waitsFirst: "Waiting for the first event of {name}", hasEvents: "{name} receives events; waiting for the next one",
  waitsLive: "Connected: an event is shown here within a second or two of its arrival.",
  waitsSlow: "Looking every five seconds.",
  firstArrived: "The first event is here", nextArrived: "An event is here",
  arrivedAt: "received at {time}, after {waited} on this page",
  arrivedBot: "Its sender is counted as a bot, so reports leave it out unless bots are included.",
  keyless: "This site accepts events of its pages without a key.",
  keyKnown: "The lines below have the site's publishable key:",
  keyAsk:
    "Replace pk_… in the lines below by a publishable key. An administrator makes one on this page, or with",
  keyTitle: "A key for your pages",
  keyText: "A publishable key only sends events of this site, from this origin, and reads nothing: pages may carry it.",
  keyOrigin: "Origin of your website, as in the address bar", keyCreate: "Create the key",
  wayScript: "Script tag", wayNpm: "npm", wayReact: "React", wayCurl: "curl", wayPython: "Python",
  wayScriptText:
    "The tracker, 6 KB, records page views, outbound links and downloads by itself, without cookies. Put the line into the head of each page.",
  wayNpmText:
    "The SDK for applications: events wait in the browser until the service has them, and each is stored once. The folder sdk is in the repository of this service.",
  wayReactText: "Hooks for React; for Vue, import from analytics-sdk/vue. Install the SDK as on the tab npm.",
  wayCurlText:
    "A single event from a shell. TOKEN holds a token or secret key with the scope ingest; a publishable key is for pages only.",
  wayPythonText:
    "For servers: events are written to a file first, and delivered also after a crash. A server has a secret key, sk_…, which the first line prints once.",
  codeInstall: "Install", codeScript: "In the head of each page", codePinned: "The same, pinned to this version",
  codePinnedText: "With the hash of the file: the browser runs exactly this version.", codePixel: "Without JavaScript",
  codePixelText: "Counts page views of browsers that run no scripts. Needs a Referer of your site.",
};

/** @typedef {typeof en} StartWords */
