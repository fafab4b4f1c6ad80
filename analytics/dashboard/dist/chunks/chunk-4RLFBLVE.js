import{Na as e,Ra as r}from"./chunk-QY3K5IEE.js";r(await(e==="de"?import("./words_funnels_de-BX77VZQL.js").then(o=>o.de):import("./words_funnels-EMBFSUIV.js").then(o=>o.en)));
