import{Fa as o,g as a,k as r,m as t,p as i,za as p}from"./chunk-UMTCUHV3.js";function f({pages:d,hasPeriods:l,hasFilters:e,close:s}){let c=[...l?i.map(m=>[m.key,o(m.name)]):[],...e?[["C",o("compare")],["/",o("addFilter")]]:[],...e&&t("write")?[["N",o("addNote")]]:[],...e?[["Esc",o("clearFilters")]]:[],["?",o("help")],...r?[]:[["G S",o("goTo",{name:o("allSites")})]],...d.map(m=>["G "+m.key,o("goTo",{name:o(m.word??m.name)})])];return a`<${p} title=${o("helpTitle")} close=${s}>
    <div class="keys">${c.map(([m,n])=>a`<div key=${m}><span>${n}</span><kbd class="kbd">${m}</kbd>
      </div>`)}</div>
  <//>`}export{f as default};
