import{Aa as r,wa as e}from"./chunk-QADB3CLO.js";r(await(e==="de"?import("./words_insights_de-PGUKGAFO.js").then(o=>o.de):import("./words_insights-PGEFIW6Y.js").then(o=>o.en)));
