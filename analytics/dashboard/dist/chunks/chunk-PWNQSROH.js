import{Da as e,Ha as r}from"./chunk-UMTCUHV3.js";r(await(e==="de"?import("./words_events_de-WUMD4DCB.js").then(o=>o.de):import("./words_events-TYSL46KB.js").then(o=>o.en)));
