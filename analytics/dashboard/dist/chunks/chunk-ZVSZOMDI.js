import{Da as e,Ha as r}from"./chunk-UMTCUHV3.js";r(await(e==="de"?import("./words_pages_de-MRFMHRLG.js").then(o=>o.de):import("./words_pages-YZBJRDII.js").then(o=>o.en)));
