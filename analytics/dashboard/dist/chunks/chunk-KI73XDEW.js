import{Da as e,Ha as r}from"./chunk-LMH6HY35.js";r(await(e==="de"?import("./words_insights_de-LOXHVS2E.js").then(o=>o.de):import("./words_insights-B2KL2OIG.js").then(o=>o.en)));
