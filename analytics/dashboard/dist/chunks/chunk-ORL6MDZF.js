import{Na as e,Ra as r}from"./chunk-QY3K5IEE.js";r(await(e==="de"?import("./words_pages_de-PFAQJBTV.js").then(o=>o.de):import("./words_pages-FBA7CDLZ.js").then(o=>o.en)));
