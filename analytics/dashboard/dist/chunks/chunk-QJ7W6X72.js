import{Da as e,Ha as r}from"./chunk-LMH6HY35.js";r(await(e==="de"?import("./words_funnels_de-PIDHIPXT.js").then(o=>o.de):import("./words_funnels-X5T2F3HF.js").then(o=>o.en)));
