import{Da as e,Ha as r}from"./chunk-7Z6IC6P2.js";r(await(e==="de"?import("./words_pages_de-DPIWSE6J.js").then(o=>o.de):import("./words_pages-ACG3BRBO.js").then(o=>o.en)));
