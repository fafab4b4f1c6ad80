// The English words of the dialog that shares a site.

export const en = {
  shareTitle: "Share this site",
  shareIntro:
    "Whoever has a link sees the overview and realtime of this site without an account: no people, no exports, no settings.",
  linkName: "Name of the link", linkNameHint: "For the board", linkEnds: "Ends", linkAfter: "after {n} days",
  never: "never", linkNever: "never ends", linkCreate: "Create a link", linkMade: "The link is ready.",
  linkOnce: "Copy it now: only its beginning is shown later.",
  shareAddress: "Address", shareCode: "Code for a page that shows it in a frame", shareFrame: "Visitor statistics",
  linksNone: "No links yet.", linksOver: "Ended and revoked links: {n}", linkNameless: "Without a name",
  linkCreated: "created {day}", linkUntil: "ends {day}", linkEnded: "ended {day}", linkRevoked: "revoked {day}",
  linkUsed: "used {day}", linkUnused: "never used",
  linkRevoke: "Revoke", linkRevokeText: "It will show nothing to anybody, for ever.", linkKeep: "Keep",
  sharePublic: "Public address", sharePublicText: "The statistics of this site are public: no link is needed.",
  embedTitle: "In frames of other pages",
  embedText: "Only pages of these origins may show a link of this site in a frame. Browsers refuse it to all others.",
  embedNone: "No page may.", embedOrigin: "Origin, as in the address bar", embedAllow: "Allow",
};

/** @typedef {typeof en} ShareWords */
