import{Na as e,Ra as r}from"./chunk-QY3K5IEE.js";r(await(e==="de"?import("./words_events_de-UCHPOMW4.js").then(o=>o.de):import("./words_events-CFEZ7G3X.js").then(o=>o.en)));
