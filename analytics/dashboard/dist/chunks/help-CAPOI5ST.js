import{b as d}from"./chunk-CQVKA6D7.js";import{Da as p,Ea as o,g as r,k as t,n as e,s as i}from"./chunk-DVZ2JOGS.js";await p(()=>import("./words_dialogs-OFBANTFS.js"),()=>import("./words_dialogs_de-ZIZBGSCI.js"));function $({pages:l,hasPeriods:s,hasFilters:a,close:c}){let n=[...s?i.map(m=>[m.key,o(m.name)]):[],...a?[["C",o("compare")],["/",o("addFilter")]]:[],...a&&e("write")?[["N",o("addNote")]]:[],...a?[["Esc",o("clearFilters")]]:[],["?",o("help")],...t?[]:[["G S",o("goTo",{name:o("allSites")})]],...l.map(m=>["G "+m.key,o("goTo",{name:o(m.word??m.name)})])];return r`<${d} title=${o("helpTitle")} close=${c}>
<div class="keys">${n.map(([m,f])=>r`<div key=${m}><span>${f}</span><kbd class="kbd">${m}</kbd>
</div>`)}</div>
<//>`}export{$ as default};
