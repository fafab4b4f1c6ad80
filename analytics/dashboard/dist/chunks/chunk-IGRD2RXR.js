import{Da as e,Ha as r}from"./chunk-UMTCUHV3.js";r(await(e==="de"?import("./words_funnels_de-ZDUPQ25O.js").then(o=>o.de):import("./words_funnels-H5H2YA7I.js").then(o=>o.en)));
