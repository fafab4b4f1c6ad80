import{Ja as p,Pa as o,g as a,k as t,m as r,p as i}from"./chunk-U5DHTGOJ.js";function f({pages:l,hasPeriods:d,hasFilters:m,close:s}){let n=[...d?i.map(e=>[e.key,o(e.name)]):[],...m?[["C",o("compare")],["/",o("addFilter")]]:[],...m&&r("write")?[["N",o("addNote")]]:[],...m?[["Esc",o("clearFilters")]]:[],["?",o("help")],...t?[]:[["G S",o("goTo",{name:o("allSites")})]],...l.map(e=>["G "+e.key,o("goTo",{name:o(e.name)})])];return a`<${p} title=${o("helpTitle")} close=${s}>
    <div class="keys">${n.map(([e,c])=>a`<div key=${e}><span>${c}</span><kbd class="kbd">${e}</kbd>
      </div>`)}</div>
  <//>`}export{f as default};
