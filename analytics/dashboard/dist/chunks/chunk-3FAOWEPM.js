import{Ea as n,b as p,c as s,ea as d,g as c}from"./chunk-DVZ2JOGS.js";var u=2e3;function l({text:t,label:e,kind:r="btn"}){let[o,a]=p(!1);s(()=>{if(!o)return;let m=setTimeout(()=>a(!1),u);return()=>clearTimeout(m)},[o]);let i=e?`${n("copy")}: ${e}`:n("copy");return c`<button type="button" class=${r} title=${i} aria-label=${o?n("copied"):i}
onClick=${()=>$(t).then(()=>a(!0),()=>{})}>
<${d} name=${o?"check":"copy"} />${r==="btn"&&c`<span
aria-live="polite">${n(o?"copied":"copy")}</span>`}</button>`}async function $(t){if(navigator.clipboard)return navigator.clipboard.writeText(t);let e=document.createElement("textarea");return e.value=t,e.className="vh",(document.querySelector("dialog[open]")??document.body).append(e),e.select(),document.execCommand("copy"),e.remove()}var v=({text:t,label:e})=>c`<div class="code"><pre tabindex="0" aria-label=${e}><code>${t}
</code></pre><${l} text=${t} label=${e} /></div>`;export{l as a,v as b};
