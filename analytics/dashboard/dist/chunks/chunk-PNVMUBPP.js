import{Na as r,Ra as t}from"./chunk-U5DHTGOJ.js";t(await(r==="de"?import("./words_funnels_de-JRTBHZQ7.js").then(o=>o.de):import("./words_funnels-LVUB3WLU.js").then(o=>o.en)));
