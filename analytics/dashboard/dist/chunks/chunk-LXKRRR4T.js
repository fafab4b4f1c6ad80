import{Aa as r,wa as e}from"./chunk-QADB3CLO.js";r(await(e==="de"?import("./words_pages_de-4WNHIGWV.js").then(o=>o.de):import("./words_pages-3NFJ7DVD.js").then(o=>o.en)));
