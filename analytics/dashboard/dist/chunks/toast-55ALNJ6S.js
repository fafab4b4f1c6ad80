import{Ea as u,c,d as s,ea as a,g as r}from"./chunk-DVZ2JOGS.js";var m=8e3;function $({said:t,close:o}){let n=s();c(()=>{t.undo&&n.current.querySelector("button")?.focus();let e=setInterval(()=>n.current.matches(":hover, :has(:focus-visible)")||o(),m);return()=>clearInterval(e)},[t]);let f=()=>{o(),t.undo?.(),document.querySelector(".chart svg")?.focus()};return r`<div class="toast" ref=${n} onKeyDown=${e=>e.key==="Escape"&&o()}>
<span>${t.text}</span>
${t.undo&&r`<button onClick=${f}>${u("undo")}</button>`}
<button class="iconbtn" aria-label=${u("close")} onClick=${o}><${a} name="x" /></button>
</div>`}export{$ as Toast};
