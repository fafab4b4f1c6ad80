import{Ea as o,ea as p,g as r,ha as i,ia as $,k as m,l as t}from"./chunk-DVZ2JOGS.js";function b({pages:e=[],current:n,children:s}){return r`<header class="shared-bar">
${!t&&r`<span class="brand"><${$} /><b>Analytics</b></span>`}
<nav class="nav" aria-label=${o("sharedPages")}>${e.map(a=>r`<a key=${a.name} href=${i(a)}
aria-current=${a.name===n?"page":void 0}><${p} name=${a.icon} />
${o(a.name)}</a>`)}</nav>
<span class="grow"></span>
${t?r`<${d} page=${e.find(a=>a.name===n)} />`:s}
</header>`}function d({page:e}){let n=()=>m+(e?.path?"/"+e.path:"")+location.search,s=a=>a.currentTarget.href=n();return r`<a class="text-btn" href=${n()} target="_blank" rel="noopener noreferrer" onPointerDown=${s}
onFocus=${s} title=${o("openShared")}><span class="words">${o("openShared")}</span><${p} name="out" size="13" /></a>`}export{b as SharedBar};
