import{Da as e,Ha as r}from"./chunk-7Z6IC6P2.js";r(await(e==="de"?import("./words_funnels_de-XWVUKK6L.js").then(o=>o.de):import("./words_funnels-R33EBF2N.js").then(o=>o.en)));
