import{a}from"./chunk-VGCHZCYT.js";import"./chunk-NUTBCF7K.js";export{a as Confirm};
