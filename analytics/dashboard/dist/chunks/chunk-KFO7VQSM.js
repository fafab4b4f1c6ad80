import{Na as e,Ra as r}from"./chunk-MWYMKBW2.js";r(await(e==="de"?import("./words_events_de-CDK46VM2.js").then(o=>o.de):import("./words_events-BMWBZVYD.js").then(o=>o.en)));
