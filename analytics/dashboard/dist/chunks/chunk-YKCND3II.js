import{Da as e,Ha as r}from"./chunk-7Z6IC6P2.js";r(await(e==="de"?import("./words_insights_de-TPKXNDD7.js").then(o=>o.de):import("./words_insights-KVSFPHSB.js").then(o=>o.en)));
