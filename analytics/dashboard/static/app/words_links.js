// The English words of links.

export const en = {
  linksPage: "Short links", linksIntro: "Clicks are events of the type click; their subject is the link's short code.",
  allLinks: "All links", openLink: "Open the page of {name}",
  clicks: "Clicks", clickers: "People", thisWeek: "this week", impressions: "Impressions",
  clickRate: "Click rate", clickRateText: "clicks per impression",
  topLinks: "Most clicked", trending: "Growing", last7: "7 days", before7: "Before",
  noTrend: "No link has more clicks than in the seven days before.",
  findLink: "Short code of a link", show: "Show", noClicks: "No clicks in this period",
  noClicksText: "Send events of the type click with the link's short code as subject, or choose a longer period.",
  noClicksLink: "Choose a longer period, or check the short code.",
  clicksByDay: {
    one: "Clicks by day, the last day of the period",
    other: "Clicks by day, the last {n} days of the period",
  },
  clicksLabel: "Clicks by day: {n} in all. Left and right arrow keys read the days.",
  columnText: { one: "{name}: {n} click", other: "{name}: {n} clicks" }, hoursTitle: "Hours of the day",
  hoursLabel: "Clicks by hour of the day. Left and right arrow keys read the hours.", referred: "From a site",
};

/** @typedef {typeof en} LinksWords */
