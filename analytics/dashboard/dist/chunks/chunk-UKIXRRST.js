import{Da as e,Ha as r}from"./chunk-7Z6IC6P2.js";r(await(e==="de"?import("./words_events_de-IPJ7KYEF.js").then(o=>o.de):import("./words_events-PKTT4LI4.js").then(o=>o.en)));
