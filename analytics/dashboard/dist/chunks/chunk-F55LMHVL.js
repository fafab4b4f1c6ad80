import{Da as e,Ha as r}from"./chunk-UMTCUHV3.js";r(await(e==="de"?import("./words_insights_de-KYFJM2W3.js").then(o=>o.de):import("./words_insights-UH3VCSFE.js").then(o=>o.en)));
