import{Ea as i,c,d,ea as m,g as r}from"./chunk-DVZ2JOGS.js";function f({title:e,close:n,children:a,tools:s,isNarrow:t}){let o=d();return c(()=>{let l=document.activeElement;return o.current.showModal(),o.current.querySelector("[data-focus]")?.focus(),()=>l?.focus()},[]),r`<dialog ref=${o} class=${t?"narrow":""} onClose=${n} aria-labelledby="dialog-title"
onClick=${l=>l.target===o.current&&o.current.close()}>
<div class="dlg-head"><h2 id="dialog-title">${e}</h2><span class="grow"></span>${s}
<button class="iconbtn" aria-label=${i("close")} onClick=${()=>o.current.close()}><${m} name="x" /></button>
</div>
<div class="dlg-body">${a}</div>
</dialog>`}var w=({title:e,text:n,yes:a,confirm:s,close:t})=>r`<${f} title=${e} close=${t}
isNarrow=${!0}><div class="ask">${n}</div>
<div class="dlg-foot"><button class="btn" data-focus onClick=${t}>${i("cancel")}</button>
<button class="btn danger" onClick=${s}>${a}</button></div><//>`;export{w as a,f as b};
