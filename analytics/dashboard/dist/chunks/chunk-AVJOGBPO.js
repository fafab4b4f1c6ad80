import{Na as e,Ra as r}from"./chunk-MWYMKBW2.js";r(await(e==="de"?import("./words_pages_de-AS7TUWWL.js").then(o=>o.de):import("./words_pages-IGL3Y7TV.js").then(o=>o.en)));
