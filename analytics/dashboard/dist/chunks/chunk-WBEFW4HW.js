import{ta as e,xa as r}from"./chunk-FO6ITUQE.js";r(await(e==="de"?import("./words_funnels_de-GKR7V32T.js").then(o=>o.de):import("./words_funnels-E7T6NGDB.js").then(o=>o.en)));
