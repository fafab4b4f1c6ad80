import{Na as e,Ra as r}from"./chunk-MWYMKBW2.js";r(await(e==="de"?import("./words_insights_de-WYRIFF7U.js").then(o=>o.de):import("./words_insights-EXIHYBH6.js").then(o=>o.en)));
