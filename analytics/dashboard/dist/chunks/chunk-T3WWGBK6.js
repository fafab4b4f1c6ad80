import{Na as e,Ra as r}from"./chunk-U5DHTGOJ.js";r(await(e==="de"?import("./words_insights_de-55Y2AIDW.js").then(o=>o.de):import("./words_insights-35WAZAQK.js").then(o=>o.en)));
