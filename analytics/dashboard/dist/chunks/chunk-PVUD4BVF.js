import{Ma as e,Qa as r}from"./chunk-5WGAML6X.js";r(await(e==="de"?import("./words_insights_de-YSO2C6AO.js").then(o=>o.de):import("./words_insights-4PQVX74K.js").then(o=>o.en)));
