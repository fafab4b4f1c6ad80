import{Na as e,Ra as r}from"./chunk-U5DHTGOJ.js";r(await(e==="de"?import("./words_pages_de-NURLGJXP.js").then(o=>o.de):import("./words_pages-4JUKOHAO.js").then(o=>o.en)));
