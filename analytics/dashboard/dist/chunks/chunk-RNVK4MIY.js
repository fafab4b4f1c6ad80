import{Na as e,Ra as r}from"./chunk-QY3K5IEE.js";r(await(e==="de"?import("./words_insights_de-NPYUOOSK.js").then(o=>o.de):import("./words_insights-UWGXLAR2.js").then(o=>o.en)));
