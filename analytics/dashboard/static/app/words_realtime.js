// The English words of realtime.

export const en = {
  onlineNow: "Online now", activeUsers: "Active people",
  activeTitle: "People with an event of any type in the last five minutes",
  last5: "last 5 minutes", last30: "last 30 minutes", last60: "last 60 minutes",
  last30Title: "Page views a minute, the last 30 minutes",
  minutesLabel: "Page views of the last 30 minutes: {n}. Left and right arrow keys read the minutes.",
  minuteText: "{time}: {views} page views, {visitors} visitors",
  ago: "{time} ago", nowWord: "now", nothingNow: "No page views in the last five minutes.",
  noSeries: "Too many events in the last hour to count each minute.",
  feed_connecting: "Connecting", feed_live: "Live", feed_reconnecting: "Reconnecting", feed_paused: "Paused",
  pause: "Pause", resume: "Resume",
  feedTitle: "Events as they come", feedEmpty: "No event since you opened this page",
  feedEmptyText: "Events appear here seconds after they were received, without those of bots.",
  feedBehind: "{time} behind", feedGap: "Not shown: events received from {from} to {to}", 
  trace: "Trace of this event (JSON)",
};

/** @typedef {typeof en} RealtimeWords */
