import{h as a,ja as r,l as m,ma as e,q as t}from"./chunk-JKRTTABF.js";function d({pages:i,close:l}){let p=[...t.map(o=>[o.key,e(o.name)]),["C",e("compare")],["/",e("addFilter")],...m("write")?[["N",e("addNote")]]:[],["Esc",e("clearFilters")],["?",e("help")],["G S",e("goTo",{name:e("allSites")})],...i.map(o=>["G "+o.key,e("goTo",{name:e(o.name)})])];return a`<${r} title=${e("helpTitle")} close=${l}>
    <div class="keys">${p.map(([o,s])=>a`<div key=${o}><span>${s}</span><kbd class="kbd">${o}</kbd>
      </div>`)}</div>
  <//>`}export{d as default};
