import{M as D,b as l,c as d,e as m,h as a,l as S,ma as E,na as H,oa as L,qa as P,ra as x,s as A,ta as C,va as p,xa as F}from"./chunk-FO6ITUQE.js";var O=document.documentElement;F(await(C==="de"?import("./words_pages_de-IPKHMZTY.js").then(e=>e.de):import("./words_pages-KBG3XCPX.js").then(e=>e.en)));function J({pages:e,name:t,title:n,intro:s,live:o,tools:r,back:c,isReady:i,setPeriod:f,find:j,children:B}){let[$,g]=l(!1),[h,v]=l(!1),b=D(h,()=>import("./help-2YLRXWVZ.js")),w=()=>v(!0);return M(t,i),T(i,u=>u==="?"?w:q(u,e)??K(u,f)??j?.(u)),a`<${E} pages=${e} current=${t} isOpen=${$} close=${()=>g(!1)}
    openHelp=${w} />
    <main id="main" class="main" tabindex="-1" inert=${$}>
      <div class="head"><${P} open=${()=>g(!0)} /><${L} />${o}<span class="push">
        </span>${r}</div>
      <div class="page-head">${c}<h1 class="page-title">${n}</h1>${s&&a`<p class="page-intro">${s}</p>`}
        </div>
      ${B}
    </main>
    ${h&&b&&a`<${b.default} pages=${e} hasPeriods=${!!f}
      close=${()=>v(!1)} />`}`}function M(e,t){d(()=>{if(!t)return;let n=requestAnimationFrame(()=>setTimeout(()=>O.dataset.drawn=e));return()=>{cancelAnimationFrame(n),delete O.dataset.drawn}},[t])}function T(e,t){let n=m(t);n.current=t;let s=m(!1);s.current||=e,d(()=>{if(!s.current)return;let o=()=>{},r=!1;return Promise.resolve(x).then(c=>{r||(o=c.listen(i=>n.current(i)))},()=>{}),()=>{r=!0,o()}},[s.current])}function q(e,t){if(e==="g s"&&!S)return()=>location.assign("/");let n=t.find(s=>"g "+s.key.toLowerCase()===e);return n&&(()=>location.assign(H(n)))}function K(e,t){let n=t&&A.find(s=>s.key.toLowerCase()===e);return n&&(()=>t(n.name))}function N({error:e,retry:t}){return e?a`<div class="card alert" role="alert">
    <div>${e.status?e.message:a`<b>${p("offline")}</b><div>${e.message}</div>`}</div>
    ${t&&a`<button class="btn" onClick=${t}>${p("tryAgain")}</button>`}
  </div>`:null}var Q=e=>e.status?e:{message:navigator.onLine?String(e.message):""};export{J as a,N as b,Q as c};
