import{Da as e,Ha as r}from"./chunk-LMH6HY35.js";r(await(e==="de"?import("./words_events_de-ISKDYPEB.js").then(o=>o.de):import("./words_events-HAVBFKVL.js").then(o=>o.en)));
