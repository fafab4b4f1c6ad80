import{Da as e,Ha as r}from"./chunk-LMH6HY35.js";r(await(e==="de"?import("./words_pages_de-CNEFPC2E.js").then(o=>o.de):import("./words_pages-TGLCXE3O.js").then(o=>o.en)));
