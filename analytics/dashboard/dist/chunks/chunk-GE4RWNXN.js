import{Ma as e,Qa as r}from"./chunk-5WGAML6X.js";r(await(e==="de"?import("./words_pages_de-MIHVPHGS.js").then(o=>o.de):import("./words_pages-7WR7CO4L.js").then(o=>o.en)));
