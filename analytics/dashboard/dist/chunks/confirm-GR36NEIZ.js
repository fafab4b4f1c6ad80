import{a}from"./chunk-CQVKA6D7.js";import"./chunk-DVZ2JOGS.js";export{a as Confirm};
