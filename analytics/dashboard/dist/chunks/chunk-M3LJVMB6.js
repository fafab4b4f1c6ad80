import{Na as e,Ra as r}from"./chunk-MWYMKBW2.js";r(await(e==="de"?import("./words_funnels_de-LWSNPM4Q.js").then(o=>o.de):import("./words_funnels-AM72PO4I.js").then(o=>o.en)));
