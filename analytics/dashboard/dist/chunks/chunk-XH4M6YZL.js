import{M as D,b as l,c as m,e as f,h as a,l as S,pa as E,qa as H,ra as L,s as A,ta as P,ua as x,ya as p}from"./chunk-QADB3CLO.js";var C=document.documentElement;function I({pages:e,name:t,title:n,intro:s,live:o,tools:r,back:c,isReady:i,setPeriod:d,find:F,children:O}){let[$,g]=l(!1),[v,h]=l(!1),b=D(v,()=>import("./help-INWJ2MCI.js")),w=()=>h(!0);return j(t,i),B(i,u=>u==="?"?w:M(u,e)??T(u,d)??F?.(u)),a`<${E} pages=${e} current=${t} isOpen=${$} close=${()=>g(!1)}
    openHelp=${w} />
    <main id="main" class="main" tabindex="-1" inert=${$}>
      <div class="head"><${P} open=${()=>g(!0)} /><${L} />${o}<span class="push">
        </span>${r}</div>
      <div class="page-head">${c}<h1 class="page-title">${n}</h1>${s&&a`<p class="page-intro">${s}</p>`}
        </div>
      ${O}
    </main>
    ${v&&b&&a`<${b.default} pages=${e} hasPeriods=${!!d}
      close=${()=>h(!1)} />`}`}function j(e,t){m(()=>{if(!t)return;let n=requestAnimationFrame(()=>setTimeout(()=>C.dataset.drawn=e));return()=>{cancelAnimationFrame(n),delete C.dataset.drawn}},[t])}function B(e,t){let n=f(t);n.current=t;let s=f(!1);s.current||=e,m(()=>{if(!s.current)return;let o=()=>{},r=!1;return Promise.resolve(x).then(c=>{r||(o=c.listen(i=>n.current(i)))},()=>{}),()=>{r=!0,o()}},[s.current])}function M(e,t){if(e==="g s"&&!S)return()=>location.assign("/");let n=t.find(s=>"g "+s.key.toLowerCase()===e);return n&&(()=>location.assign(H(n)))}function T(e,t){let n=t&&A.find(s=>s.key.toLowerCase()===e);return n&&(()=>t(n.name))}function J({error:e,retry:t}){return e?a`<div class="card alert" role="alert">
    <div>${e.status?e.message:a`<b>${p("offline")}</b><div>${e.message}</div>`}</div>
    ${t&&a`<button class="btn" onClick=${t}>${p("tryAgain")}</button>`}
  </div>`:null}var N=e=>e.status?e:{message:navigator.onLine?String(e.message):""};export{I as a,J as b,N as c};
